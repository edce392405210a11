"""The dialogs of a page ask through the front end, and a semicolon hides a value where that is wanted."""

from conftest import TIMEOUT


def asked(kernel, code, *answers):
    msg_id = kernel.start(code, allow_stdin=True)
    prompts = []
    for answer in answers:
        prompts.append(kernel.client.get_stdin_msg(timeout=TIMEOUT)["content"]["prompt"])
        kernel.client.input(answer)
    return prompts, kernel.finish(msg_id)


def test_prompt_waits_for_a_line(kernel):
    prompts, ran = asked(kernel, "const name = prompt('Who?'); `hello ${name}`", "é😀 " + "x" * 100_000)
    assert prompts == ["Who? "]
    assert "hello é😀 xxx" in ran.value
    prompts, ran = asked(kernel, "[prompt('How many?', '3'), prompt('And?', '4'), prompt('Why?')]", "", "5", "")
    assert prompts == ["How many? [3] ", "And? [4] ", "Why? "]
    assert ran.value == "[ '3', '5', '' ]"


def test_confirm_takes_a_yes(kernel):
    for answer, value in {"y": "true", " YES ": "true", "": "false", "n": "false", "maybe": "false"}.items():
        prompts, ran = asked(kernel, "confirm('Sure?')", answer)
        assert (prompts, ran.value) == (["Sure? [y/N] "], value)


def test_alert_waits_to_be_seen_and_is_printed_where_nobody_is(kernel):
    prompts, ran = asked(kernel, "alert('Look'); 1", "")
    assert (prompts, ran.value) == (["Look [Enter] "], "1")
    assert kernel.run("alert('Look'); 1", allow_stdin=False).text() == "Look\n"


def test_dialogs_and_input_take_turns(kernel):
    _, ran = asked(kernel, "const answers = [await input('a'), prompt('b'), await input('c')]; answers", "1", "2", "3")
    assert ran.value == "[ '1', '2', '3' ]"


def test_a_question_of_readline_is_asked_as_input_is(kernel):
    kernel.run("import readline from 'node:readline'; import * as soon from 'node:readline/promises'; import { promisify } from 'node:util'")
    create = "createInterface({ input: process.stdin, output: process.stdout })"
    prompts, ran = asked(kernel, f"const rl = soon.{create}; const a = [await rl.question('A? '), await rl.question('B? ')]; rl.close(); a", "1", "2")
    assert (prompts, ran.value) == (["A? ", "B? "], "[ '1', '2' ]")
    prompts, ran = asked(kernel, f"const old = readline.{create}; [await new Promise((r) => old.question('C? ', r)), await promisify(old.question).call(old, 'D? ')]", "3", "4")
    assert (prompts, ran.value) == (["C? ", "D? "], "[ '3', '4' ]")
    for question in (f"await soon.{create}.question('?')", f"await new Promise((r) => readline.{create}.question('?', r))"):
        assert "front end" in kernel.run(question, allow_stdin=False).error["evalue"]


def test_stdin_is_at_its_end_each_time_it_is_read(kernel):
    read = "const lines = []; for await (const line of readline.createInterface({ input: process.stdin })) lines.push(line); lines"
    kernel.run("import readline from 'node:readline'; import { text } from 'node:stream/consumers'; import { readFileSync } from 'node:fs'")
    for _ in range(2):
        assert kernel.run(read).value == "[]"
        assert kernel.run("[await text(process.stdin), readFileSync(0, 'utf8'), process.stdin.read()]").value == "[ '', '', null ]"


def test_they_say_when_nobody_can_be_asked(kernel):
    for name in ("prompt", "confirm"):
        assert "front end" in kernel.run(f"{name}('?')", allow_stdin=False).error["evalue"]


def test_an_open_dialog_can_be_interrupted(kernel):
    msg_id = kernel.start("prompt('?')", allow_stdin=True)
    kernel.client.get_stdin_msg(timeout=TIMEOUT)
    kernel.interrupt()
    assert kernel.finish(msg_id).error["ename"] == "KeyboardInterrupt"
    _, ran = asked(kernel, "const next = await input('?'); next", "later")
    assert ran.value == "'later'"
    _, ran = asked(kernel, "prompt('?')", "again")
    assert ran.value == "'again'"


def test_a_semicolon_hides_nothing_unless_the_notebook_says_so(kernel):
    assert kernel.run("1 + 1;").value == "2"
    kernel.run("import { settings } from 'implicit-kernel'; settings.silentSemicolon = true; 0")
    for code in ("1 + 1;", "1 + 1; // two", "1 + 1; /* two */\n// and more\n", "'a;';"):
        assert kernel.run(code).value is None
    for code in ("1 + 1", "'a;'", "`;`", "1; 2", "2 // ;"):
        assert kernel.run(code).value is not None
    assert "boom" in kernel.run("throw new Error('boom');").traceback
    kernel.run("settings.silentSemicolon = false; 0")
    assert kernel.run("1 + 1;").value == "2"
    kernel.run("delete settings.silentSemicolon; 0")


def test_the_metadata_of_a_cell_or_a_notebook_say_so(kernel, tmp_path, monkeypatch):
    from conftest import Kernel

    session = kernel.client.session
    message = session.msg("execute_request", {"code": "3;", "silent": False, "store_history": True}, metadata={"implicit-kernel": {"silentSemicolon": True}})
    kernel.client.shell_channel.send(message)
    assert kernel.finish(message["header"]["msg_id"]).value is None
    file = tmp_path / "quiet.ipynb"
    file.write_text('{"metadata": {"implicit-kernel": {"silentSemicolon": true}}}')
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    quiet = Kernel()
    try:
        assert quiet.run("3;").value is None
        assert quiet.run("4").value == "4"
    finally:
        quiet.stop()
