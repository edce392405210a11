"""What a library uses to draw a part of a notebook again: messages of the front end, sinks, interrupts."""

import pytest
from conftest import TIMEOUT

from test_messages import comm_message

SETUP = """
const hook = (name: string) => (globalThis as any)[Symbol.for(`implicit-kernel.${name}`)];
const seen: string[] = [];
const sink = {
  display: (bundle: any) => void seen.push(`shown ${bundle.data['text/plain']}`),
  print: (name: string, text: string) => void seen.push(`${name} ${text.trim()}`),
  interrupted: () => void seen.push('interrupted'),
};
const show = (text: string) => hook('display')({ data: { 'text/plain': text } });
"""


@pytest.fixture
def prepared(kernel):
    kernel.run(SETUP)
    kernel.run("seen.length = 0")
    return kernel


def seen(kernel):
    return kernel.run("seen.join(', ')").value.strip("'")


def test_what_is_redirected_goes_to_its_sink_also_later(prepared):
    ran = prepared.run(
        "const late = hook('redirect')(sink, async () => {"
        "  show('one'); console.log('two'); console.error('three');"
        "  await new Promise((resolve) => setTimeout(resolve, 20)); show('four'); return 5; });"
        "console.log('mine'); await late"
    )
    assert (ran.text(), ran.of("display_data"), ran.value) == ("mine\n", [], "5")
    assert seen(prepared) == "shown one, stdout two, stderr three, shown four"


def test_an_error_passes_through(prepared):
    ran = prepared.run("hook('redirect')(sink, () => { throw new Error('lost'); })")
    assert ran.error["evalue"] == "lost"
    assert prepared.run("console.log('still here')").text() == "still here\n"


def test_nobody_attends_where_nobody_can_be_asked(prepared):
    assert prepared.run("hook('attended')()", allow_stdin=False).value == "false"
    assert prepared.run("hook('attended')()", allow_stdin=True).value == "true"


@pytest.mark.parametrize(
    "endless",
    ["while (true);", "return (async () => { while (true) await null; })();", "return new Promise(() => {});"],
)
def test_an_interrupt_ends_what_a_message_started(prepared, endless):
    ran = prepared.run(
        "const comm = hook('comms').open('draws', {});"
        f"comm.onMessage(() => {{ console.log('begun'); hook('redirect')(sink, () => {{ show('begun'); {endless} }}) }});"
    )
    content = {"comm_id": ran.of("comm_open")[0]["comm_id"], "data": {}}
    for _ in range(2):
        msg_id = comm_message(prepared, "comm_msg", content)
        prepared.begun(msg_id)
        prepared.interrupt()
        idle_after(prepared, msg_id)
    assert seen(prepared) == "shown begun, interrupted, shown begun, interrupted"


def idle_after(kernel, msg_id):
    while True:
        message = kernel.client.get_iopub_msg(timeout=TIMEOUT)
        if message["parent_header"].get("msg_id") != msg_id or message["msg_type"] != "status":
            continue
        if message["content"]["execution_state"] == "idle":
            return


def test_a_message_is_dealt_with_while_a_cell_waits(prepared):
    ran = prepared.run(
        "const waking = hook('comms').open('waking', {});"
        "waking.onMessage(() => hook('redirect')(sink, () => show('drawn meanwhile')));"
    )
    content = {"comm_id": ran.of("comm_open")[0]["comm_id"], "data": {}}
    msg_id = prepared.start("console.log('begun'); while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 10)); seen.join()")
    prepared.begun(msg_id)
    comm_message(prepared, "comm_msg", content)
    assert prepared.finish(msg_id).value == "'shown drawn meanwhile'"


def test_a_library_says_how_values_are_shown(prepared):
    prepared.run(
        "const formatters = new Map<string, (value: any) => object | undefined>();"
        "(globalThis as any)[Symbol.for('implicit-kernel.formatters')] = formatters;"
        "formatters.set('lib', (value) => value?.secret ? { 'text/plain': 'a secret' } : undefined);"
    )
    assert prepared.run("({ secret: 1 })").value == "a secret"
    assert prepared.run("({ open: 1 })").value == "{ open: 1 }"
    ran = prepared.run("({ [Symbol.for('Jupyter.display')]: () => ({}) })")
    assert (ran.status, ran.of("execute_result")) == ("ok", [])
    prepared.run("formatters.clear()")
