"""An interrupt ends a cell, keeps its variables, and nothing goes on."""

import time

import pytest
from conftest import NOTEBOOKS, TIMEOUT, Kernel, full

#: Counts, and says in the first round that the cell may be interrupted.
ROUND = "if (rounds++ === 0) console.log('begun')"

FORMS = {
    "a synchronous loop": f"for (;;) {{ {ROUND} }}",
    "a synchronous loop after await": f"await 1; for (;;) {{ {ROUND} }}",
    "a loop of microtasks": f"for (;;) {{ {ROUND}; await null }}",
    "an async loop": "for (;;) { await sleep(5); rounds++; console.log('on') }",
    "an async loop over files": "for (;;) { await readFile('/etc/hostname'); rounds++; console.log('on') }",
    "timers": "setInterval(() => { rounds++; console.log('on') }, 5); await new Promise(() => {})",
    "chained timers": "const next = () => { rounds++; console.log('on'); setTimeout(next, 5) }; next(); await new Promise(() => {})",
    "immediates": f"const step = () => {{ {ROUND}; setImmediate(step) }}; step(); await new Promise(() => {{}})",
    "a loop in try and finally": f"try {{ for (;;) {{ {ROUND} }} }} catch {{ console.log('on') }} finally {{ console.log('on') }}",
    "a wait that never ends": f"{ROUND}; await new Promise(() => {{}})",
    "Atomics.wait": f"{ROUND}; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
}


@pytest.fixture(scope="module")
def prepared(kernel):
    kernel.run(
        "import { readFile } from 'node:fs/promises';"
        "const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));"
        "let rounds = 0;"
    )
    return kernel


@pytest.mark.parametrize("form", FORMS)
def test_it_ends(prepared, form):
    prepared.run("rounds = 0")
    ran = prepared.interrupted_once_it_prints(FORMS[form], lambda: time.sleep(0.3))
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert prepared.stray_texts(0.3) == []
    count = int(prepared.run("rounds").value)
    assert count > 0, "the variable is kept"
    assert int(prepared.run("rounds").value) == count, "nothing counts on"


def test_files_that_a_cell_was_reading_are_closed_without_a_warning(prepared):
    for _ in range(5):
        ran = prepared.interrupted_once_it_prints(FORMS["an async loop over files"], lambda: time.sleep(0.05))
        assert ran.error["ename"] == "KeyboardInterrupt"
    ran = prepared.run(
        "import { setFlagsFromString } from 'node:v8'; import { runInNewContext } from 'node:vm';"
        "setFlagsFromString('--expose-gc'); const collect = runInNewContext('gc'); collect(); await sleep(50); collect()"
    )
    assert ran.text("stderr") == "", ran.text("stderr")
    assert prepared.stray_texts(0.3) == []


def test_many_times_in_a_row(prepared):
    kinds = list(FORMS.values())
    for i in range(20 if full() else 8):
        prepared.run("rounds = 0")
        ran = prepared.interrupted_once_it_prints(kinds[i % len(kinds)], lambda: time.sleep(0.15))
        assert ran.error["ename"] == "KeyboardInterrupt", i
        assert prepared.run(f"{i} + 1").value == str(i + 1)


MORE_FORMS = [
    "const go = (): never => { for (;;) ; }; go()",
    "[1].map(() => { for (;;) ; })",
    "cp.execSync('sleep 30')",
    "await new Promise((r) => cp.exec('sleep 30', r))",
    "cp.execSync('sh -c \"trap : INT TERM; sleep 30\"')",
    "new Worker('for (;;) ;', { eval: true }); await new Promise(() => {})",
    "'a'.repeat(30).match(/(a+)+b/)",
    "let s = ''; for (;;) s = (s + 'x').slice(-1000)",
    "for (const x of (function* () { for (;;) yield 1 })()) ;",
    "for (;;) { try { await sleep(5) } catch { } }",
    "process.on('SIGINT', () => {}); for (;;) ;",
    "await Promise.all([1, 2, 3].map(async () => { for (;;) await sleep(3) }))",
    "const srv = http.createServer(() => {}).listen(0); await new Promise((r) => srv.on('close', r))",
    "for await (const l of (async function* () { for (;;) { await sleep(2); yield 1 } })()) ;",
    "({ toString() { for (;;) ; } }) + ''",
    "({ [Symbol.for('nodejs.util.inspect.custom')]() { for (;;) ; } })",
    "class A { static x = (() => { for (;;) ; })() }",
    "import('node:fs').then(() => { for (;;) ; }); await new Promise(() => {})",
    "queueMicrotask(function f() { queueMicrotask(f) }); await new Promise(() => {})",
    "process.nextTick(function f() { process.nextTick(f) }); await new Promise(() => {})",
    "for (;;) console.log('y'.repeat(100))",
    "Array.from({ length: 1e9 }, (_, i) => i)",
    "[...Array(1e5).keys()].sort(() => { for (;;) ; })",
]


@pytest.mark.skipif(not full(), reason="takes a minute: FULL=1 runs it")
def test_more_forms_end_and_lose_nothing(prepared):
    prepared.run(
        "import cp from 'node:child_process'; import http from 'node:http';"
        "import { Worker } from 'node:worker_threads'; let kept = 7;"
    )
    for form in MORE_FORMS:
        ran = prepared.interrupted_after(form, 0.25)
        assert ran.error and ran.error["ename"] == "KeyboardInterrupt", form
        assert prepared.run("kept").value == "7", form


def test_training_stops_and_leaves_tensorflow_usable(prepared):
    prepared.run(
        "import * as tf from '@tensorflow/tfjs';"
        "const model = tf.sequential({ layers: [tf.layers.dense({ units: 64, inputShape: [32] }), tf.layers.dense({ units: 1 })] });"
        "model.compile({ optimizer: tf.train.adam(), loss: 'meanSquaredError' });"
        "const xs = tf.randomNormal([2000, 32]), ys = tf.randomNormal([2000, 1]); let epochs = 0;"
    )
    ran = prepared.interrupted_after(
        "await model.fit(xs, ys, { epochs: 100000, verbose: 0, callbacks: { onEpochEnd: () => { epochs++ } } })", 2
    )
    assert ran.error["ename"] == "KeyboardInterrupt"
    epochs = prepared.run("epochs").value
    kept = prepared.run("tf.memory().numTensors").value
    prepared.run("await new Promise((resolve) => setTimeout(resolve, 300))")
    assert prepared.run("epochs").value == epochs
    prepared.run("for (let i = 0; i < 10; i++) tf.tidy(() => { tf.grad((x: tf.Tensor) => x.square().sum())(tf.ones([3])) })")
    assert prepared.run("tf.memory().numTensors").value == kept


def test_a_long_solver_call_stops_and_leaks_nothing(prepared):
    prepared.run("import * as tf from '@tensorflow/tfjs'; const A = tf.eye(400); const before = tf.memory().numTensors;")
    ran = prepared.interrupted_after(
        "tf.tidy(() => { let v: tf.Tensor = tf.ones([400, 400]); for (;;) v = A.matMul(v) })", 1
    )
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert prepared.run("tf.memory().numTensors - before").value == "0"


TENSOR_WORK = {
    "products with a Hessian": "const f = (p: NamedTensors) => tf.tidy(() => p.w.matMul(p.w).tanh().square().sum() as tf.Scalar);"
    " for (;;) tf.dispose(hvp(f, { w: W }, { w: W }))",
    "implicit steps": "for (;;) step()",
    "awaited solves": "const H = hessian((p: NamedTensors) => W.matMul(p.w as tf.Tensor2D).square().sum() as tf.Scalar, { w: W });"
    " try { for (;;) tf.dispose((await cg({ maxIterations: 9 }).solve(H, { w: W })).value) } finally { H.dispose() }",
}


@pytest.fixture(scope="module")
def with_tensors():
    running = Kernel()
    ran = running.run(
        "import * as tf from '@tensorflow/tfjs';"
        "import { cg, hessian, hvp, implicitSGD, type NamedTensors } from 'implicit-lab';"
        "const W = tf.randomUniform([30, 30], -1, 1, 'float32', 1) as tf.Tensor2D; const V = tf.variable(W);"
        "const optimizer = implicitSGD(0.1);"
        "const step = () => optimizer.minimize(() => W.matMul(V as tf.Tensor2D).tanh().square().sum() as tf.Scalar, false, [V]);"
        "const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));"
        "const count = () => tf.memory().numTensors; let settled = false; step(); 0"
    )
    assert ran.status == "ok", ran.traceback
    yield running
    running.stop()


#: On a busy machine a cell may take longer to end than the kernel waits, and is terminated: then it is tried again.
TRIES = 60


def interrupted_until_settled(kernel, work, delay):
    """Interrupts work until its `finally` runs once; returns what came of it, and how many tensors it has left."""
    for _ in range(TRIES):
        before = int(kernel.run("settled = false; count()").value)
        ran = kernel.interrupted_after(f"try {{ {work} }} finally {{ settled = true }}", delay)
        assert ran.error["ename"] == "KeyboardInterrupt", ran.traceback
        if kernel.run("settled").value == "true":
            return ran, int(kernel.run("count()").value) - before
    raise AssertionError(f"terminated {TRIES} times")


@pytest.mark.parametrize("form", TENSOR_WORK)
def test_work_with_tensors_frees_what_it_held(with_tensors, form):
    left = [interrupted_until_settled(with_tensors, TENSOR_WORK[form], delay)[1] for delay in (0.4, 0.15, 0.25, 0.33)]
    # Between two steps a scalar may have no owner yet. A terminated cell leaves 30 and more.
    assert max(left) <= 2, left


def test_tensors_with_a_name_stay_and_finally_runs(with_tensors):
    with_tensors.run("let mine: tf.Tensor = tf.ones([3]); 0")
    ran, _ = interrupted_until_settled(with_tensors, "mine = tf.ones([3]); for (;;) mine = tf.tidy(() => mine.add(1))", 0.2)
    assert ran.text("stderr") == ""
    assert with_tensors.run("mine.isDisposed === false && mine.dataSync()[0] > 1").value == "true"


def test_loops_on_several_threads_end_and_are_right_afterwards():
    running = Kernel()
    try:
        ran = running.run(
            "import * as tf from '@tensorflow/tfjs'; import { useBackend } from 'implicit-lab';"
            "await useBackend('wasm', { threads: 3 }); const x = tf.randomNormal([1000, 1000]);"
            "const sum = () => tf.tidy(() => x.tanh().square().sum()).dataSync()[0];"
            "const first = sum(); for (let i = 0; i < 60; i++) sum(); sum() === first"
        )
        assert ran.value == "true", ran.traceback
        for delay in (0.3, 0.15, 0.2, 0.25):
            ran = running.interrupted_after("for (;;) x.tanh().dispose()", delay)
            assert ran.error["ename"] == "KeyboardInterrupt", ran.traceback
            assert running.run("sum() === first").value == "true"
    finally:
        running.stop()


def test_training_can_be_begun_again(with_tensors):
    with_tensors.run(
        "const net = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [32] })] });"
        "net.compile({ optimizer: 'sgd', loss: 'meanSquaredError' }); const xs = tf.ones([500, 32]), ys = tf.ones([500, 1]);"
    )
    ran = with_tensors.interrupted_after("await net.fit(xs, ys, { epochs: 100000, verbose: 0 })", 0.5)
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert with_tensors.run("(await net.fit(xs, ys, { epochs: 1, verbose: 0 })).epoch.length").value == "1"


@pytest.mark.parametrize(
    "stubborn",
    [
        "for (;;) { try { tf.tidy(() => W.add(1)) } catch {} }",
        "for (;;) { try { tf.tidy(() => W.add(1)); await sleep(1) } catch {} }",
        "tf.tidy(() => W.add(1)); for (;;) {}",
        "tf.tidy(() => W.add(1)); await new Promise(() => {})",
        "setInterval(() => tf.tidy(() => W.add(1)), 5); await new Promise(() => {})",
    ],
)
def test_a_cell_that_does_not_let_itself_be_ended_is_terminated(with_tensors, stubborn):
    ran = with_tensors.interrupted_after(stubborn, 0.3)
    assert ran.error["ename"] == "KeyboardInterrupt"
    assert ran.text("stderr") == ""
    assert with_tensors.run("tf.tidy(() => W.add(1).size)").value == "900", "later cells are not interrupted"


def test_a_cell_may_catch_its_interrupt(with_tensors):
    cell = "let best = 0; try { for (;;) { tf.tidy(() => W.add(1)); best++ } } catch (error) { (error as Error).name }"
    for _ in range(TRIES):
        ran = with_tensors.interrupted_after(cell, 0.2)
        if ran.status == "ok":
            break
    assert (ran.status, ran.value) == ("ok", None)
    assert int(with_tensors.run("tf.tidy(() => W.add(1)); best").value) > 0


def test_background_work_of_other_cells_goes_on(prepared):
    prepared.run("let beats = 0; const heart = setInterval(() => { beats++ }, 10); 0")
    prepared.interrupted_after("for (;;) { await sleep(5) }", 0.3)
    before = int(prepared.run("beats").value)
    prepared.run("await sleep(200)")
    assert int(prepared.run("beats").value) > before
    prepared.run("clearInterval(heart)")


def test_a_cell_that_waits_for_input_can_be_interrupted(prepared):
    msg_id = prepared.start("await input('? ')", allow_stdin=True)
    prepared.client.get_stdin_msg(timeout=TIMEOUT)
    prepared.interrupt()
    assert prepared.finish(msg_id).error["ename"] == "KeyboardInterrupt"
    second = prepared.start("await input('again? ')", allow_stdin=True)
    prepared.client.get_stdin_msg(timeout=TIMEOUT)
    prepared.client.input("yes")
    assert prepared.finish(second).value == "'yes'"


def test_an_interrupt_of_an_idle_kernel_does_nothing(prepared):
    prepared.interrupt()
    assert prepared.run("'still here'").value == "'still here'"
    assert int(prepared.run("rounds").value) >= 0


def test_an_interrupt_that_is_heard_late_does_not_end_the_next_cell(fresh_kernel):
    # The main thread answers later than the kernel waits, as it does on a busy machine.
    busy = "setTimeout(() => { for (const end = Date.now() + 400; Date.now() < end; ); }, 1); 0"
    for _ in range(5):
        fresh_kernel.run(busy)
        fresh_kernel.interrupt()
        ran = fresh_kernel.run("await new Promise((resolve) => setTimeout(resolve, 50)); 2")
        assert ran.value == "2", ran.traceback


def test_nbclient_interrupts_a_cell_that_takes_too_long():
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook()
    cells = ["const kept: number = 41; kept", "for (;;) {}", "kept + 1"]
    notebook.cells = [nbformat.v4.new_code_cell(code) for code in cells]
    client = NotebookClient(
        notebook,
        # Only what has no end takes too long: the first cell waits for the compiler.
        timeout_func=lambda cell: 8 if "for (;;)" in cell.source else None,
        startup_timeout=TIMEOUT,
        kernel_name="implicit-kernel",
        interrupt_on_timeout=True,
        allow_errors=True,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    client.execute()
    first, second, third = (cell.outputs[0] for cell in notebook.cells)
    assert first["data"]["text/plain"] == "41"
    assert second["ename"] == "KeyboardInterrupt"
    assert third["data"]["text/plain"] == "42"
