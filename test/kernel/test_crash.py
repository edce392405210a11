"""A cell that takes its process down ends with an error, and the kernel goes on."""

import pytest
from conftest import Kernel

ENDINGS = {
    "process.exit(7)": ("ProcessExit", "exit code 7"),
    "setTimeout(() => process.exit(), 50); await new Promise(() => {})": ("ProcessExit", "exit code 0"),
    "process.abort()": ("Crash", "SIGABRT"),
    "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {})": ("Crash", "SIGSEGV"),
    "process.kill(process.pid); await new Promise(() => {})": ("Terminated", "SIGTERM"),
    "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})": ("Killed", "memory"),
}


@pytest.mark.parametrize("code", ENDINGS)
def test_the_cell_says_what_happened_and_the_next_one_runs(kernel, code):
    kernel.run("const mine: number = 5")
    ran = kernel.run(f"console.log('last words'); {code}")
    name, words = ENDINGS[code]
    assert ran.status == "error"
    assert ran.error["ename"] == name
    assert words in ran.error["evalue"]
    assert "variables are lost" in ran.error["evalue"]
    assert ran.text() == "last words\n", "what it printed arrives, and nothing of the crash"
    assert ran.text("stderr") == ""
    assert "Cannot find name 'mine'" in kernel.run("mine").error["evalue"]
    assert kernel.run("const mine: string = 'new'; mine").value == "'new'"


def test_an_exhausted_heap_is_named(monkeypatch):
    monkeypatch.setenv("NODE_OPTIONS", "--max-old-space-size=256")
    kernel = Kernel()
    try:
        ran = kernel.run("const hoard: number[][] = []; for (;;) hoard.push(new Array(1e5).fill(1.5))")
        assert ran.error["ename"] == "OutOfMemory"
        assert "variables are lost" in ran.error["evalue"]
        assert ran.text("stderr") == ""
        assert kernel.run("1 + 1").value == "2"
    finally:
        kernel.stop()


def test_a_death_between_cells_is_told_and_the_next_cell_runs(kernel):
    msg_id = kernel.start("setTimeout(() => process.exit(3), 100); 0")
    kernel.printed(msg_id, "exit code 3", kernel.finish(msg_id))
    assert kernel.run("2 + 2").value == "4"


def test_unhandled_rejections_do_no_harm_with_the_wasm_backend_loaded(kernel):
    kernel.run(
        "import * as tf from '@tensorflow/tfjs'; import '@tensorflow/tfjs-backend-wasm';"
        "await tf.setBackend('wasm'); const kept = tf.ones([2, 2]).sum().dataSync()[0];"
    )
    ran = kernel.run("void Promise.reject(new Error('nobody awaits me')); 1")
    assert ran.status == "ok"
    assert ran.text("stderr").count("nobody awaits me") == 2, "the message and its code, once"
    assert kernel.run("kept").value == "4"
