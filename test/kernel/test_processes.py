"""What a cell has started ends with its session, an interrupt reaches it, and its output is whole."""

import os
import socket
import subprocess
import sys
import uuid

import pytest
from conftest import NOTEBOOKS, TIMEOUT, Kernel, until

IMPORTS = "import cp from 'node:child_process'; import http from 'node:http'; import { Worker } from 'node:worker_threads'; import { Readable } from 'node:stream'; import { pipeline } from 'node:stream/promises';"


@pytest.fixture(scope="module")
def ready(kernel):
    kernel.run(IMPORTS)
    return kernel


def sleeper():
    """How long a process sleeps, which it can be recognised by."""
    return f"{1000 + uuid.uuid4().int % 10**9}"


def sleeping(seconds):
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if seconds.encode() in file.read().split(b"\0"):
                    return True
        except OSError:
            pass
    return False


def begins(seconds):
    return until(lambda: sleeping(seconds))


def ends(seconds):
    return until(lambda: not sleeping(seconds))


WAITS = {
    "execSync": "cp.execSync('sleep {0}')",
    "execFileSync": "cp.execFileSync('sleep', ['{0}'])",
    "spawnSync that catches": "try {{ cp.spawnSync('sh', ['-c', 'sleep {0}; true']) }} catch {{}}",
    "one that ignores it": "cp.spawnSync('sh', ['-c', 'trap \"\" INT TERM; sleep {0}; true'])",
    "exec": "await new Promise((resolve) => cp.exec('sleep {0}', resolve))",
    "spawn": "cp.spawn('sh', ['-c', 'sleep {0}; true']); await new Promise(() => {{}})",
}


@pytest.mark.parametrize("way", WAITS)
def test_an_interrupt_reaches_the_process_of_the_cell(ready, way):
    seconds = sleeper()
    code = f"console.log('begun'); {WAITS[way].format(seconds)}"
    ran = ready.interrupted_once_it_prints(code, lambda: begins(seconds))
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert ends(seconds)


def test_an_interrupt_leaves_the_processes_of_other_cells_alone(ready):
    seconds = sleeper()
    ready.run(f"const background = cp.spawn('sleep', ['{seconds}']); 0")
    ready.interrupted_after("cp.execSync('sleep 60')", 0.5)
    ready.interrupted_after("await new Promise(() => {})", 0.2)
    assert begins(seconds)
    ready.run("background.kill(); 0")
    assert ends(seconds)


def test_an_interrupt_ends_the_threads_of_the_cell(ready):
    beats = "Atomics.load(beat, 0)"
    ready.run("const beat = new Int32Array(new SharedArrayBuffer(4))")
    count = "const { workerData } = require('node:worker_threads'); for (;;) Atomics.add(workerData, 0, 1)"
    pause = "await new Promise((resolve) => setTimeout(resolve, 100))"
    ready.interrupted_once_it_prints(
        f'new Worker("{count}", {{ eval: true, workerData: beat }}); while ({beats} === 0) {pause}; console.log("begun"); await new Promise(() => {{}})'
    )
    assert int(ready.run(beats).value) != 0
    assert until(lambda: ready.run(f"const earlier = {beats}; {pause}; {beats} === earlier").value == "true")
    assert ready.run("new Worker('', { eval: true }) instanceof Worker").value == "true"


def started(kernel, also=""):
    """Processes in each of the ways to start one, one of them holding the pipes of the kernel."""
    names = [sleeper() for _ in range(4)]
    a, b, c, d = names
    kernel.run(
        f"{IMPORTS} cp.spawn('sleep', ['{a}']); cp.spawn('sleep', ['{b}'], {{ detached: true, stdio: 'ignore' }}).unref();"
        f"cp.spawn('sh', ['-c', 'sleep {c} & exit'], {{ stdio: 'inherit' }}); cp.exec('sleep {d}'); {also} 0"
    )
    assert all(begins(name) for name in names)
    return names


def free_port():
    """One on which nothing listens, and which the system gives to nobody by itself."""
    for port in range(20000 + os.getpid() % 10000, 32768):
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) != 0:
                return port
    raise AssertionError("no port is free")


PORT = f"await new Promise<void>((resolve) => http.createServer().listen({free_port()}, resolve));"


def test_all_of_it_ends_with_a_crash_a_restart_and_a_shutdown():
    kernel = Kernel()
    try:
        names = started(kernel, PORT)
        assert kernel.run("process.exit(3)").error["ename"] == "ProcessExit"
        assert all(ends(name) for name in names)
        names = started(kernel, PORT)
        kernel.manager.restart_kernel()
        kernel.client.wait_for_ready(timeout=TIMEOUT)
        assert all(ends(name) for name in names)
        names = started(kernel, PORT)
    finally:
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel()
    assert all(ends(name) for name in names)


def test_all_of_it_ends_when_the_kernel_is_killed():
    kernel = Kernel()
    names = started(kernel)
    kernel.client.stop_channels()
    kernel.manager.provisioner.process.kill()
    kernel.manager.provisioner.process.wait()
    assert all(ends(name) for name in names)


def test_exit_listeners_are_called_when_an_idle_session_ends(tmp_path):
    file = tmp_path / "left.txt"
    # One that gets no processor for as long as the kernel waits is ended before: then it is tried again.
    for _ in range(10):
        kernel = Kernel()
        kernel.run(f"import {{ writeFileSync }} from 'node:fs'; process.on('exit', (code) => writeFileSync('{file}', `left with ${{code}}`))")
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel()
        if file.exists():
            break
    assert file.read_text() == "left with 0"


SERVER = """
import sys, time
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="implicit-kernel", cwd=sys.argv[1], startup_timeout=600)
client.execute("0", store_history=False)
print(manager.provisioner.process.pid, flush=True)
time.sleep(1000)
"""


def test_a_kernel_ends_after_its_server():
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(NOTEBOOKS)], stdout=subprocess.PIPE, text=True)
    pid = int(server.stdout.readline())
    os.kill(pid, 0)
    server.kill()
    server.wait()
    assert until(lambda: not alive(pid))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_closes_the_output_of_the_session(ready):
    ran = ready.run("await pipeline(Readable.from(['a', 'b\\n']), process.stdout); console.log('1'); await pipeline(Readable.from(['c\\n']), process.stdout)")
    assert ran.text() == "ab\n1\nc\n"
    ran = ready.run("process.stdout.end('d\\n', () => console.log('ended')); process.stdout.destroy(); process.stderr.end(); Readable.from(['e\\n']).pipe(process.stdout); await new Promise((r) => setTimeout(r, 50)); console.log('2'); console.error('3')")
    assert sorted(ran.text().split()) == ["2", "d", "e", "ended"]
    assert ran.text("stderr") == "3\n"
    msg_id = ready.start("cp.execSync('echo from outside', { stdio: 'inherit' }); 0")
    assert ready.printed(msg_id, "outside\n", ready.finish(msg_id)) == "from outside\n"


def test_write_is_that_of_a_stream(ready):
    ran = ready.run("process.stdout.write('68c3a9', 'hex' as BufferEncoding, () => console.log(' called'))")
    assert ran.text() == "hé called\n"
    assert ran.value == "true"
    assert "text or bytes" in ready.run("process.stdout.write(5 as any)").error["evalue"]
    assert ready.run("import { finished } from 'node:stream'; process.stdout.writable && !process.stdout.writableEnded").value == "true"


def test_characters_of_another_process_are_whole_with_prints_in_between(ready):
    ran = ready.run(
        "const parts = cp.spawn('sh', ['-c', \"printf '\\\\303'; read x; printf '\\\\251\\\\360\\\\237'; read x; printf '\\\\230\\\\200'\"]);"
        "parts.stdout.pipe(process.stdout); parts.stdout.once('data', () => console.log('between'));"
        # It writes the next part once the last has come.
        "parts.stdout.on('data', () => { if (parts.stdin.writable) parts.stdin.write('\\n') }); parts.stdin.on('error', () => {});"
        "await new Promise((resolve) => parts.on('close', resolve))"
    )
    assert ran.text() == "between\né😀"


def test_the_output_has_what_a_terminal_has(ready):
    ran = ready.run("const { columns, rows, isTTY } = process.stdout; [columns, rows, isTTY, process.stderr.columns, process.stdout.getColorDepth(), process.stdout.hasColors(), process.stdout.getWindowSize()]")
    assert ran.value == "[ 80, 24, false, 80, 8, true, [ 80, 24 ] ]"
    ran = ready.run("process.stdout.write('1%'); process.stdout.clearLine(0); process.stdout.cursorTo(0); process.stdout.moveCursor(0, -1); process.stdout.clearScreenDown(); process.stdout.write('2%'); 0")
    assert ran.text() == "1%\x1b[2K\r\x1b[1A\x1b[0J2%"
    assert ready.run("import readline from 'node:readline'; readline.cursorTo(process.stdout, 0); 0").text() == "\r"
