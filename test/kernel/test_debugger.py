"""Cells stop at breakpoints, show their variables and are stepped through, by Jupyter's debug messages."""

import itertools
import time

import pytest
from conftest import Kernel, TIMEOUT


class Debugger:
    """The front end's side."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.numbers = itertools.count(1)
        self.seen = []

    def ask(self, command, **arguments):
        session = self.kernel.client.session
        content = {"type": "request", "seq": next(self.numbers), "command": command, "arguments": arguments}
        message = session.msg("debug_request", content)
        self.kernel.client.control_channel.send(message)
        while True:
            reply = self.kernel.client.get_control_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                assert reply["msg_type"] == "debug_reply"
                assert reply["content"]["request_seq"] == content["seq"]
                return reply["content"]

    def body(self, command, **arguments):
        reply = self.ask(command, **arguments)
        assert reply["success"], reply
        return reply["body"]

    def attach(self):
        body = self.body("initialize", clientID="test", adapterID="", linesStartAt1=True)
        assert body["supportsConfigurationDoneRequest"]
        self.body("attach")
        self.body("configurationDone")

    def breakpoints(self, code, *lines, **more):
        path = self.body("dumpCell", code=code)["sourcePath"]
        wanted = [{"line": line, **more} for line in lines]
        body = self.body("setBreakpoints", source={"path": path}, breakpoints=wanted, sourceModified=False)
        assert [b["verified"] for b in body["breakpoints"]] == [True] * len(lines)
        return path

    def wait(self, event):
        while True:
            message = self.kernel.client.get_iopub_msg(timeout=TIMEOUT)
            self.seen.append(message)
            if message["msg_type"] == "debug_event" and message["content"]["event"] == event:
                return message["content"]["body"]

    def where(self):
        return [(f["name"], f["line"]) for f in self.body("stackTrace", threadId=1)["stackFrames"]]

    def numbers_of_frames(self):
        return [f["id"] for f in self.body("stackTrace", threadId=1)["stackFrames"]]

    def variables(self, frame=0, scope="Locals"):
        scopes = {s["name"]: s for s in self.body("scopes", frameId=frame)["scopes"]}
        listed = self.body("variables", variablesReference=scopes[scope]["variablesReference"])["variables"]
        return {v["name"]: v for v in listed}

    def values(self, frame=0, scope="Locals"):
        return {name: v["value"] for name, v in self.variables(frame, scope).items()}

    def finish(self, msg_id):
        ran = self.kernel.finish(msg_id)
        ran.messages = [m for m in self.seen if m["parent_header"].get("msg_id") == msg_id] + ran.messages
        self.seen.clear()
        return ran


@pytest.fixture(scope="module")
def debugger(kernel):
    return Debugger(kernel)


CELL = """interface Unused { a: number }
const first: number = 20;
const second = first + 1;
const list = [first, second];
console.log('sum', first + second);
list.length"""


def test_the_kernel_says_that_it_can(kernel):
    info = kernel.reply_to(kernel.client.kernel_info())
    assert info["debugger"] is True and "debugger" in info["supported_features"]
    assert kernel.manager.kernel_spec.metadata["debugger"] is True


def test_variables_can_be_looked_at_without_a_breakpoint(kernel, debugger):
    kernel.run("const shown = { deep: [1, 2] }; let text = 'it\\'s'; class Point { x = 1 }; const point = new Point()")
    variables = {v["name"]: v for v in debugger.body("inspectVariables")["variables"]}
    assert variables["text"]["value"] == "'it\\'s'"
    assert variables["point"]["type"] == "Point"
    parts = debugger.body("variables", variablesReference=variables["shown"]["variablesReference"])["variables"]
    assert [(p["name"], p["value"]) for p in parts] == [("deep", "Array(2) [1, 2]")]
    assert "deep: [ 1, 2 ]" in debugger.body("richInspectVariables", variableName="shown")["data"]["text/plain"]


def test_a_cell_stops_at_its_breakpoint_and_goes_on(kernel, debugger):
    debugger.attach()
    path = debugger.breakpoints(CELL, 3)
    msg_id = kernel.start(CELL)
    stopped = debugger.wait("stopped")
    assert (stopped["reason"], stopped["threadId"]) == ("breakpoint", 1)
    info = debugger.body("debugInfo")
    assert info["isStarted"] and info["stoppedThreads"] == [1]
    assert info["breakpoints"] == [{"source": path, "breakpoints": [{"line": 3}]}]
    [frame] = debugger.body("stackTrace", threadId=1)["stackFrames"]
    assert (frame["source"]["path"], frame["line"]) == (path, 3)
    assert debugger.values()["first"] == "20"
    assert "second" not in debugger.values()
    assert debugger.body("evaluate", expression="first * 2 + 1", frameId=0)["result"] == "41"
    before = debugger.numbers_of_frames()
    debugger.body("next", threadId=1)
    assert debugger.wait("stopped")["reason"] == "step"
    assert debugger.where() == [("cell", 4)]
    numbers = debugger.numbers_of_frames()
    assert not set(before) & set(numbers), "JupyterLab looks again only at frames with other numbers"
    assert debugger.values(numbers[0])["second"] == "21"
    assert debugger.values()["second"] == "21"
    debugger.body("next", threadId=1)
    debugger.wait("stopped")
    assert debugger.where() == [("cell", 5)]
    assert debugger.values()["list"] == "Array(2) [20, 21]"
    debugger.body("continue", threadId=1)
    debugger.wait("continued")
    ran = debugger.finish(msg_id)
    assert (ran.text(), ran.value) == ("sum 41\n", "2")
    assert debugger.body("debugInfo")["stoppedThreads"] == []
    debugger.breakpoints(CELL)
    assert kernel.run(CELL).value == "2"


FUNCTIONS = """function twice(x: number): number {
  const result = 2 * x;
  return result;
}
const given = 4;
const made = twice(given);
made"""


def test_steps_go_into_functions_and_out(kernel, debugger):
    debugger.attach()
    debugger.breakpoints(FUNCTIONS, 6)
    msg_id = kernel.start(FUNCTIONS)
    debugger.wait("stopped")
    assert debugger.where() == [("cell", 6)]
    debugger.body("stepIn", threadId=1)
    debugger.wait("stopped")
    assert debugger.where() == [("twice", 2), ("cell", 6)]
    assert debugger.values()["x"] == "4"
    debugger.body("next", threadId=1)
    debugger.wait("stopped")
    assert debugger.values()["result"] == "8"
    assert debugger.values(1)["given"] == "4"
    assert debugger.values(0, "Notebook")["given"] == "4"
    debugger.body("stepOut", threadId=1)
    debugger.wait("stopped")
    assert debugger.where()[0][0] == "cell"
    debugger.body("continue", threadId=1)
    assert debugger.finish(msg_id).value == "8"
    debugger.breakpoints(FUNCTIONS, 2)
    msg_id = kernel.start("twice(50)")
    debugger.wait("stopped")
    assert debugger.where() == [("twice", 2), ("cell", 1)], "a function of a cell that ran before"
    debugger.body("continue", threadId=1)
    assert debugger.finish(msg_id).value == "100"
    debugger.breakpoints(FUNCTIONS)


def test_a_condition_is_heard_and_a_statement_stops(kernel, debugger):
    debugger.attach()
    loop = "let total = 0;\nfor (let i = 0; i < 10; i++) {\n  total += i;\n}\ntotal"
    debugger.breakpoints(loop, 3, condition="i === 7")
    msg_id = kernel.start(loop)
    debugger.wait("stopped")
    assert debugger.values()["i"] == "7"
    debugger.breakpoints(loop)
    debugger.body("continue", threadId=1)
    assert debugger.finish(msg_id).value == "45"
    msg_id = kernel.start("const before = 1;\ndebugger;\nbefore")
    debugger.wait("stopped")
    assert debugger.where() == [("cell", 2)]
    debugger.body("continue", threadId=1)
    assert debugger.finish(msg_id).value == "1"


def test_an_error_stops_where_that_is_asked_for(kernel, debugger):
    debugger.attach()
    debugger.body("setExceptionBreakpoints", filters=["all"])
    msg_id = kernel.start("const bad = 3;\nthrow new Error('stop here')")
    assert debugger.wait("stopped")["reason"] == "exception"
    assert debugger.values()["bad"] == "3"
    debugger.body("setExceptionBreakpoints", filters=[])
    debugger.body("continue", threadId=1)
    assert debugger.finish(msg_id).error["evalue"] == "stop here"


def test_a_stopped_cell_can_be_interrupted(kernel, debugger):
    debugger.attach()
    kernel.run("const kept = 1")
    msg_id = kernel.start("debugger;\nfor (;;) {}")
    debugger.wait("stopped")
    kernel.interrupt()
    assert debugger.finish(msg_id).error["ename"] == "KeyboardInterrupt"
    assert kernel.run("kept").value == "1"


def test_disconnecting_lets_it_go_on(kernel, debugger):
    debugger.attach()
    msg_id = kernel.start("debugger;\n'gone on'")
    debugger.wait("stopped")
    debugger.body("disconnect", restart=False, terminateDebuggee=False)
    assert debugger.finish(msg_id).value == "'gone on'"
    assert not debugger.body("debugInfo")["isStarted"]
    assert kernel.run("debugger; 5").value == "5"


def test_what_it_does_not_know_is_refused(debugger):
    reply = debugger.ask("dance")
    assert not reply["success"] and "dance" in reply["message"]
    assert not debugger.ask("evaluate", expression="no such thing")["success"]


def test_a_file_that_a_cell_loads_stops_too(kernel, debugger, library):
    library.write("export type T = 1;\nexport function add(a: number, b: number): number {\n  const sum = a + b;\n  return sum;\n}\n")
    path = str((library.directory / "index.ts").resolve())
    debugger.attach()
    kernel.run(f"import {{ add }} from '{library.name}'; add(0, 0)")
    debugger.body("setBreakpoints", source={"path": path}, breakpoints=[{"line": 4}])
    msg_id = kernel.start("add(1, 2)")
    debugger.wait("stopped")
    assert debugger.where()[0] == ("add", 4)
    assert debugger.values()["sum"] == "3"
    debugger.body("setBreakpoints", source={"path": path}, breakpoints=[])
    debugger.body("continue", threadId=1)
    assert debugger.finish(msg_id).value == "3"


def test_it_works_after_a_crash():
    kernel = Kernel()
    try:
        debugger = Debugger(kernel)
        debugger.attach()
        debugger.breakpoints(CELL, 3)
        kernel.run("process.exit(1)")
        msg_id = kernel.start(CELL)
        debugger.wait("stopped")
        assert debugger.values()["first"] == "20"
        debugger.body("continue", threadId=1)
        assert debugger.finish(msg_id).value == "2"
    finally:
        kernel.stop()


def test_cells_are_named_as_front_ends_name_them(debugger):
    compiler = pytest.importorskip("ipykernel.compiler", reason="ipykernel is not installed")
    for code in ("", "a", "ab", "abc", "abcd", "const é = '😀';\nlong enough to matter"):
        hashed = debugger.body("dumpCell", code=code)["sourcePath"].split("/")[-1].split(".")[0]
        assert int(hashed) == compiler.murmur2_x86(code, 0xC70F6907)
