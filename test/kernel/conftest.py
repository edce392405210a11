"""A kernel to talk to, and a way to run cells in it."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
#: Ends what hangs, not what is slow.
TIMEOUT = 600

#: What tests count, to be printed at the end of the run.
VERDICTS = []
#: How long cells took to end, each from its interrupt on. A busy machine may take any time: none is asserted.
INTERRUPTS = []


def pytest_terminal_summary(terminalreporter):
    if INTERRUPTS:
        half = sorted(INTERRUPTS)[len(INTERRUPTS) // 2]
        VERDICTS.append(f"{len(INTERRUPTS)} interrupts: median {half * 1000:.0f} ms, longest {max(INTERRUPTS) * 1000:.0f} ms")
    for line in VERDICTS:
        terminalreporter.write_line(line)


def until(holds):
    """Whether a condition comes to hold, however long that takes."""
    end = time.monotonic() + TIMEOUT
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    return bool(held)


@dataclass
class Ran:
    """What a cell put out, and how it ended."""

    reply: dict
    messages: list = field(default_factory=list)

    @property
    def status(self):
        return self.reply["status"]

    @property
    def value(self):
        for message in self.messages:
            if message["msg_type"] == "execute_result":
                return message["content"]["data"]["text/plain"]
        return None

    @property
    def error(self):
        for message in self.messages:
            if message["msg_type"] == "error":
                return message["content"]
        return None

    @property
    def traceback(self):
        return "\n".join(self.error["traceback"])

    def of(self, kind):
        return [m["content"] for m in self.messages if m["msg_type"] == kind]

    def text(self, name="stdout"):
        return "".join(c["text"] for c in self.of("stream") if c["name"] == name)


class Kernel:
    """One running kernel and its client."""

    def __init__(self, name="implicit-kernel", cwd=NOTEBOOKS, **options):
        self.manager, self.client = start_new_kernel(
            kernel_name=name, cwd=str(cwd), startup_timeout=TIMEOUT, **options
        )
        # A kernel that is slow to end is not killed meanwhile.
        self.manager.shutdown_wait_time = TIMEOUT
        self.strays = []

    def start(self, code, **options):
        return self.client.execute(code, **options)

    def finish(self, msg_id, timeout=TIMEOUT):
        """Collects what belongs to a request until it is idle and answered."""
        ran = Ran(reply={})
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != msg_id:
                self.strays.append(message)
                continue
            kind = message["msg_type"]
            if kind == "status":
                if message["content"]["execution_state"] == "idle":
                    break
            elif kind != "execute_input":
                ran.messages.append(message)
        ran.reply = self.reply_to(msg_id, timeout)
        return ran

    def reply_to(self, msg_id, timeout=TIMEOUT):
        while True:
            message = self.client.get_shell_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == msg_id:
                return message["content"]

    def run(self, code, timeout=TIMEOUT, **options):
        return self.finish(self.start(code, **options), timeout)

    def interrupt(self):
        """Interrupts as a front end does; what is sent afterwards comes to the cells' process after it."""
        message = self.client.session.msg("interrupt_request", {})
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return

    def begun(self, msg_id):
        """Waits until a request has printed something."""
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") != msg_id:
                self.strays.append(message)
            elif message["msg_type"] in ("stream", "error"):
                break
        assert message["msg_type"] == "stream", message["content"]

    def interrupted_after(self, code, delay):
        """Runs a cell, and interrupts it so many seconds after it has begun."""
        return self.interrupted_once_it_prints(f"console.log('begun'); {code}", lambda: time.sleep(delay))

    def interrupted_once_it_prints(self, code, wait=lambda: None):
        """The same for a cell that says itself, by its first print, that it may be interrupted."""
        msg_id = self.start(code)
        self.begun(msg_id)
        wait()
        self.interrupt()
        begin = time.monotonic()
        ran = self.finish(msg_id)
        INTERRUPTS.append(time.monotonic() - begin)
        return ran

    def printed(self, msg_id, words, ran=None):
        """All that a request has printed, during its run or after it, once these words are in it."""
        texts = [c["text"] for c in ran.of("stream")] if ran else []
        for message in [m for m in self.strays if m["msg_type"] == "stream"]:
            if message["parent_header"].get("msg_id") == msg_id:
                texts.append(message["content"]["text"])
                self.strays.remove(message)
        while words not in "".join(texts):
            message = self.client.get_iopub_msg(timeout=TIMEOUT)
            if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == msg_id:
                texts.append(message["content"]["text"])
            else:
                self.strays.append(message)
        return "".join(texts)

    def stray_texts(self, seconds):
        """What arrives outside any cell's run, printed by what goes on."""
        end = time.monotonic() + seconds
        texts = [m["content"]["text"] for m in self.strays if m["msg_type"] == "stream"]
        self.strays.clear()
        while (left := end - time.monotonic()) > 0:
            try:
                message = self.client.get_iopub_msg(timeout=left)
            except Exception:
                break
            if message["msg_type"] == "stream":
                texts.append(message["content"]["text"])
        return texts

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel():
    running = Kernel()
    running.run("0")
    yield running
    running.stop()


@pytest.fixture
def fresh_kernel():
    running = Kernel()
    running.run("0")
    yield running
    running.stop()


def full():
    return os.environ.get("FULL") == "1"


class Library:
    """A package of TypeScript sources that cells import by name, as the workspace is."""

    def __init__(self, directory):
        self.directory = directory
        self.name = directory.name
        (directory / "package.json").write_text(
            '{ "name": "%s", "version": "1.0.0", "main": "index.ts", "types": "index.ts" }' % self.name
        )

    def write(self, text, file="index.ts"):
        path = self.directory / file
        path.write_text(text)


@pytest.fixture
def library(tmp_path, request):
    """Linked next to the notebooks like an npm workspace, and taken away again."""
    name = f"zz-{request.node.name[5:40].replace('_', '-')}-{os.getpid()}"
    directory = tmp_path / name
    directory.mkdir()
    link = NOTEBOOKS.parent / "node_modules" / name
    link.symlink_to(directory, target_is_directory=True)
    yield Library(directory)
    link.unlink()
