"""A kernel to talk to, and a way to run cells in it."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
TIMEOUT = 60

#: What tests count, to be printed at the end of the run.
VERDICTS = []


def pytest_terminal_summary(terminalreporter):
    for line in VERDICTS:
        terminalreporter.write_line(line)


@dataclass
class Ran:
    """What a cell put out, and how it ended."""

    reply: dict
    messages: list = field(default_factory=list)
    seconds: float = 0.0

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
        self.strays = []

    def start(self, code, **options):
        return self.client.execute(code, **options)

    def finish(self, msg_id, timeout=TIMEOUT):
        """Collects what belongs to a request until it is idle and answered."""
        ran = Ran(reply={})
        begin = time.monotonic()
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
        ran.seconds = time.monotonic() - begin
        return ran

    def reply_to(self, msg_id, timeout=TIMEOUT):
        while True:
            message = self.client.get_shell_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == msg_id:
                return message["content"]

    def run(self, code, timeout=TIMEOUT, **options):
        return self.finish(self.start(code, **options), timeout)

    def interrupted_after(self, code, delay):
        """Runs a cell, interrupts it once it is running, and measures from there to the end."""
        msg_id = self.start(f"console.log('begun'); {code}")
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") != msg_id:
                self.strays.append(message)
            elif message["msg_type"] in ("stream", "error"):
                break
        assert message["msg_type"] == "stream", message["content"]
        time.sleep(delay)
        self.manager.interrupt_kernel()
        return self.finish(msg_id)

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
