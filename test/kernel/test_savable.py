"""Whatever a cell puts out, it is answered and the notebook can be saved afterwards."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, output_from_msg


def saved(ran):
    """The outputs of a cell after a notebook that holds them was written as UTF-8 and read."""
    kinds = ("stream", "display_data", "execute_result", "error")
    outputs = [output_from_msg(m) for m in ran.messages if m["msg_type"] in kinds]
    notebook = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    nbformat.validate(notebook)
    return nbformat.reads(nbformat.writes(notebook).encode("utf-8").decode("utf-8"), as_version=4).cells[0].outputs


HALF = "'so happy 😀😀'.slice(0, 10)"


def test_half_an_emoji_can_be_saved_wherever_it_is_put_out(kernel):
    ran = kernel.run(f"console.log({HALF}); console.error({HALF}); {HALF}")
    assert ran.text() == ran.text("stderr") == "so happy \ufffd\n"
    assert [output.output_type for output in saved(ran)] == ["stream", "stream", "execute_result"]
    ran = kernel.run(f"throw Object.assign(new Error({HALF}), {{ name: {HALF} }})")
    assert ran.error["evalue"] == "so happy \ufffd"
    saved(ran)
    saved(kernel.run("throw 'x\\ud83d'"))
    saved(kernel.run("const broken: '\\ud83d' = 'x'"))
    own = "{ 'text/plain': 'ok', 'application/json': { [" + HALF + "]: [" + HALF + "] } }"
    ran = kernel.run(f"({{ [Symbol.for('Jupyter.display')]: () => ({own}) }}) as {{}}")
    assert saved(ran)[0].data["application/json"] == {"so happy \ufffd": ["so happy \ufffd"]}


def test_characters_that_come_in_two_chunks_are_whole(kernel):
    ran = kernel.run("for (const byte of Buffer.from('é😀')) process.stdout.write(Buffer.of(byte))")
    assert ran.text() == "é😀"
    ran = kernel.run("process.stdout.write('😀'.slice(0, 1)); process.stdout.write('😀'.slice(1))")
    assert ran.text() == "😀"


BAD = {
    "1n": None,
    "({ n: 1n, big: 2n ** 64n, list: [3n] })": {"n": 1, "big": "18446744073709551616", "list": [3]},
    "(() => { const a: any = {}; a.a = a; return a })()": "circular",
    "({ toJSON() { throw new Error('no JSON today') } })": "no JSON today",
    "({ toJSON() { throw 1n } })": "1n",
    "(() => {})": "function",
    "Symbol('s')": "symbol",
    "undefined": "undefined",
    "(() => { let a: any = []; for (let i = 0; i < 101; i++) a = [a]; return a })()": "nested",
    "(() => { let a: any = []; for (let i = 0; i < 1e5; i++) a = { a }; return a })()": "nested",
    "new Proxy({}, { ownKeys() { throw new Error('closed') } })": "closed",
    "(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy })()": "revoked",
}


def ways(data):
    """A bundle as the result of a cell, and shown by the kernel's and by tslab's function."""
    yield f"({{ [Symbol.for('Jupyter.display')]: () => ({data}) }}) as {{}}", "execute_result"
    yield f"({{ [Symbol.for('Jupyter.display')]: async () => ({data}) }}) as {{}}", "execute_result"
    yield f"(globalThis as any)[Symbol.for('implicit-kernel.display')]({{ data: {data} }})", "display_data"


def shown(kernel, code, kind):
    ran = kernel.run(code)
    assert ran.status == "ok", (code, ran.reply)
    saved(ran)
    [content] = ran.of(kind)
    return content["data"]


def test_what_json_cannot_hold_is_replaced_by_a_note_or_a_number(kernel):
    for value, expected in BAD.items():
        for code, kind in ways(f"{{ 'text/html': '<b>', 'application/x+json': {value} }}"):
            data = shown(kernel, code, kind)
            assert data["text/html"] == "<b>"
            if isinstance(expected, str):
                assert "application/x+json" not in data
                assert "application/x+json" in data["text/plain"]
                assert expected in data["text/plain"], (value, data)
            else:
                assert data["application/x+json"] == (1 if expected is None else expected)
                assert "text/plain" not in data
    assert kernel.run("1 + 1").value == "2"


def test_a_representation_of_the_wrong_shape_is_replaced_by_a_note(kernel):
    for value in ("{ a: 1 }", "5", "null", "true", "['a', 1]", "(() => 1)", "undefined", "new Map()"):
        for code, kind in ways(f"{{ 'text/plain': 'plain', 'text/html': {value} }}"):
            data = shown(kernel, code, kind)
            assert list(data) == ["text/plain"]
            assert data["text/plain"].startswith("plain\n[text/html "), data
        for code, kind in ways(f"{{ 'text/plain': {value} }}"):
            assert "text/plain" in shown(kernel, code, kind)["text/plain"]
    for value, text in {"['a\\n', 'b']": "a\nb", "[]": "", "7n": "7", "new String('s')": "s"}.items():
        for code, kind in ways(f"{{ 'text/plain': {value} }}"):
            assert shown(kernel, code, kind) == {"text/plain": text}
    for code, kind in ways("{ 'image/png': new Uint8Array([1, 2, 3]) }"):
        assert shown(kernel, code, kind) == {"image/png": "AQID"}
    for data in ("undefined", "null", "5", "'text'", "[1]", "{ data: { 'text/plain': 'x' } }", "new Proxy({}, { ownKeys() { throw 1 } })"):
        for code, kind in ways(data):
            assert "cannot be shown" in shown(kernel, code, kind)["text/plain"]
    for extra in ("metadata: { x: 1n, f() {} }", "metadata: 5", "metadata: { get x() { throw 1 } }", "transient: 5"):
        code = f"(globalThis as any)[Symbol.for('implicit-kernel.display')]({{ data: {{ 'text/plain': 'kept' }}, {extra} }})"
        assert shown(kernel, code, "display_data")["text/plain"].startswith("kept")


def test_what_tslab_shows_is_safe_too(kernel):
    show = "import * as tslab from 'tslab'; tslab.display.raw('application/x+json', {} as any)"
    assert shown(kernel, show.replace("{}", "{ n: 1n }"), "display_data") == {"application/x+json": {"n": 1}}
    data = shown(kernel, show.replace("{}", "(() => 1)"), "display_data")
    assert "application/x+json" in data["text/plain"]


def test_values_that_throw_when_they_are_looked_at_get_a_note(kernel):
    revoked = "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); proxy"
    throwing = "const trap = () => { throw new Error('shut') }; new Proxy({}, { get: trap, ownKeys: trap, getPrototypeOf: trap, has: trap })"
    inspector = "({ [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('blind') } }) as {}"
    for code in (revoked, throwing, inspector):
        ran = kernel.run(code)
        assert ran.status == "ok", ran.reply
        assert ran.value is not None
    assert "blind" in ran.value


def test_what_cannot_be_sent_on_a_comm_is_an_error_of_the_cell(kernel):
    open = "(globalThis as any)[Symbol.for('implicit-kernel.comms')].open('nobody', DATA)"
    ran = kernel.run(open.replace("DATA", "(() => { const a: any = {}; a.a = a; return a })()"))
    assert "circular" in ran.error["evalue"]
    ran = kernel.run(open.replace("DATA", "{ n: 1n }") + "; 0")
    assert ran.of("comm_open")[0]["data"] == {"n": 1}


def test_nonsense_on_the_pipe_to_the_parent_ends_nothing(kernel):
    kernel.run("import { writeSync } from 'node:fs'; for (const t of ['{', 'null', '[]', '{\"type\":\"x\"}', '5']) writeSync(3, t + '\\n')")
    assert kernel.run("1 + 1").value == "2"
