"""What the public suite leaves out of the protocol."""

import time

from conftest import TIMEOUT, Kernel, until


def test_an_update_replaces_the_output_with_its_id(kernel):
    ran = kernel.run(
        "import { newDisplay } from 'tslab'; const d = newDisplay(); d.text('one'); d.text('two')"
    )
    first, second = ran.of("display_data")[0], ran.of("update_display_data")[0]
    assert first["transient"] == second["transient"] != {}
    assert second["data"] == {"text/plain": "two"}


def test_a_library_can_show_a_whole_bundle_through_the_hook(kernel):
    ran = kernel.run(
        "const show = (globalThis as any)[Symbol.for('implicit-kernel.display')];"
        "show({ data: { 'text/plain': 'words', 'image/png': 'AA==' }, metadata: { 'image/png': { width: 3 } } });"
    )
    [shown] = ran.of("display_data")
    assert set(shown["data"]) == {"text/plain", "image/png"}
    assert shown["metadata"] == {"image/png": {"width": 3}}


def test_the_kernel_package_gives_the_same_with_types(kernel):
    ran = kernel.run(
        "import { display } from 'implicit-kernel'; display({ data: { 'text/plain': 'typed' } })"
    )
    assert ran.of("display_data")[0]["data"] == {"text/plain": "typed"}


def test_user_expressions_are_evaluated_after_the_cell(kernel):
    ran = kernel.run("const u = 20", user_expressions={"twice": "u * 2", "bad": "nothing"})
    assert ran.reply["user_expressions"]["twice"]["data"]["text/plain"] == "40"
    assert ran.reply["user_expressions"]["bad"]["status"] == "error"


def test_a_silent_cell_shows_no_result_and_leaves_no_trace(kernel):
    before = kernel.run("1").reply["execution_count"]
    assert kernel.run("2", silent=True).value is None
    assert kernel.run("3").reply["execution_count"] == before + 1


def test_an_error_aborts_what_was_sent_with_it_and_nothing_later(kernel):
    first = kernel.start("await input('go? '); throw new Error('first')", allow_stdin=True)
    kernel.client.get_stdin_msg(timeout=TIMEOUT)
    ids = [first, *(kernel.start(code) for code in ("1", "2"))]
    # What comes after them is answered: so they have come.
    kernel.reply_to(kernel.client.comm_info())
    kernel.client.input("go")
    statuses = [kernel.finish(msg_id).status for msg_id in ids]
    assert statuses == ["error", "aborted", "aborted"]
    assert kernel.run("3").value == "3"


def test_an_error_aborts_nothing_when_the_client_says_so(kernel):
    ids = [kernel.start(code, stop_on_error=False) for code in ("throw 1", "4")]
    assert [kernel.finish(msg_id).status for msg_id in ids] == ["error", "ok"]


def test_input_asks_the_front_end(kernel):
    msg_id = kernel.start("const name = await input('Who? '); name.toUpperCase()", allow_stdin=True)
    request = kernel.client.get_stdin_msg(timeout=TIMEOUT)
    assert request["content"] == {"prompt": "Who? ", "password": False}
    kernel.client.input("ada")
    assert kernel.finish(msg_id).value == "'ADA'"


def test_input_says_when_nobody_can_be_asked(kernel):
    ran = kernel.run("await input('Who? ')", allow_stdin=False)
    assert "front end" in ran.error["evalue"]


def comm_message(kernel, kind, content):
    session = kernel.client.session
    message = session.msg(kind, content)
    kernel.client.shell_channel.send(message)
    return message["header"]["msg_id"]


def test_comms_carry_messages_both_ways(kernel):
    ran = kernel.run(
        "const comms = (globalThis as any)[Symbol.for('implicit-kernel.comms')];"
        "const comm = comms.open('doubler', { x: 1 });"
        "comm.onMessage(({ data }: any) => comm.send({ x: data.x * 2 }));"
    )
    opened = ran.of("comm_open")[0]
    assert (opened["target_name"], opened["data"]) == ("doubler", {"x": 1})
    msg_id = comm_message(kernel, "comm_msg", {"comm_id": opened["comm_id"], "data": {"x": 21}})
    answers = []
    while not answers or answers[-1]["msg_type"] != "status" or answers[-1]["content"]["execution_state"] != "idle":
        answers.append(kernel.client.get_iopub_msg(timeout=TIMEOUT))
    replies = [m for m in answers if m["msg_type"] == "comm_msg"]
    assert replies[0]["content"]["data"] == {"x": 42}
    assert replies[0]["parent_header"]["msg_id"] == msg_id


def test_a_front_end_can_open_a_comm_to_a_registered_target(kernel):
    kernel.run(
        "(globalThis as any)[Symbol.for('implicit-kernel.comms')]"
        ".register('echo', (c: any, { data }: any) => c.send(data))"
    )
    comm_message(kernel, "comm_open", {"comm_id": "abc", "target_name": "echo", "data": {"y": 3}})
    while (message := kernel.client.get_iopub_msg(timeout=TIMEOUT))["msg_type"] != "comm_msg":
        pass
    assert message["content"] == {"comm_id": "abc", "data": {"y": 3}}
    reply = kernel.reply_to(kernel.client.comm_info("echo"))
    assert reply["comms"] == {"abc": {"target_name": "echo"}}


def test_a_running_cell_delays_neither_completion_nor_inspection(kernel):
    kernel.run("const zebra = [1]; zebra.length")
    kernel.reply_to(kernel.client.complete("zebra.len", 9))
    msg_id = kernel.start("for (const end = Date.now() + 4000; Date.now() < end; );")
    time.sleep(0.5)
    took = []
    for _ in range(5):
        begin = time.monotonic()
        reply = kernel.reply_to(kernel.client.complete("zebra.len", 9))
        took.append(time.monotonic() - begin)
        assert reply["matches"] == ["length"]
    assert kernel.reply_to(kernel.client.inspect("zebra"))["found"]
    ran = kernel.finish(msg_id)
    assert ran.status == "ok"
    print(f"median completion while a cell runs: {sorted(took)[2] * 1000:.0f} ms")


def test_a_shutdown_ends_both_processes():
    kernel = Kernel()
    child = int(kernel.run("process.pid").value)
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel()
    assert until(lambda: not running(child))


def test_a_killed_kernel_leaves_no_child_behind():
    kernel = Kernel()
    child = int(kernel.run("process.pid").value)
    kernel.client.stop_channels()
    kernel.manager.provisioner.process.kill()
    kernel.manager.provisioner.process.wait()
    assert until(lambda: not running(child))


def running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
