"""Measures Jupyter kernels, in turns, and prints the medians as JSON.

Usage: measure.py DIRECTORY ROUNDS KERNEL… where DIRECTORY is the one that cells run in.
"""

import json
import statistics
import sys
import time

from jupyter_client.manager import start_new_kernel

TENSORS = "import * as tf from '@tensorflow/tfjs';"
LIBRARY = f"{TENSORS} import * as lib from 'implicit-lab';"
GRADIENT = (
    "const x{i} = tf.randomNormal([64, 32]); const w{i} = tf.randomNormal([32, 8]);"
    "const loss{i} = tf.tidy(() => tf.grads((w: tf.Tensor) => x{i}.matMul(w as tf.Tensor2D).square().mean())([w{i}])[0].dataSync()[0]); loss{i}"
)
TYPESCRIPT = {
    "const": "const c{i}: number = {i}",
    "probe": ("const probe = [1, 2]", "probe.leng", "length"),
    "imports": {"tfjs": TENSORS},
}
LANGUAGES = {
    "python3": {"const": "c{i} = {i}", "probe": ("probe = 'ab'", "probe.upp", "upper"), "imports": {}},
    "implicit-kernel": {**TYPESCRIPT, "imports": {"tfjs": TENSORS, "tfjs and library": LIBRARY}},
}
REPEATS = 15
NAMES = 500


def main(directory, rounds, kernels):
    samples = {name: {} for name in kernels}
    failures = {}
    for _ in range(int(rounds)):
        for name in kernels:
            if name in failures:
                continue
            try:
                measure(name, directory, samples[name])
            except Exception as error:
                failures[name] = f"{type(error).__name__}: {error}"
    medians = {
        name: {key: statistics.median(values) for key, values in found.items()}
        for name, found in samples.items()
    }
    print(json.dumps({"medians": medians, "failures": failures}))


def measure(name, directory, samples):
    language = LANGUAGES.get(name, TYPESCRIPT)

    def note(key, value):
        samples.setdefault(key, []).append(value)

    with Started(name, directory) as (client, pid, begin):
        note("ready", time.perf_counter() - begin)
        run(client, "1+1")
        note("first result", time.perf_counter() - begin)
        note("memory after the start", resident(pid))
        for i in range(REPEATS):
            note("1+1", timed(run, client, f"1+{i}"))
            note("new const", timed(run, client, language["const"].format(i=i)))
        declaration, text, expected = language["probe"]
        run(client, declaration)
        for _ in range(REPEATS):
            note("complete", timed(complete, client, text, expected))
            note("inspect", timed(inspect, client, f"probe.{expected}"))
        before = resident(pid)
        for i in range(NAMES):
            run(client, language["const"].format(i=f"1{i:03}"))
        note("memory gained in 500 cells", resident(pid) - before)
        for i in range(REPEATS):
            note("1+1, 500 names", timed(run, client, f"2+{i}"))
            note("complete, 500 names", timed(complete, client, text, expected))
    for what, cell in language["imports"].items():
        with Started(name, directory) as (client, pid, begin):
            run(client, cell)
            note(f"first cell with {what}", time.perf_counter() - begin)
            for _ in range(REPEATS):
                note(f"unchanged import of {what}", timed(run, client, cell))
            for i in range(REPEATS):
                note(f"gradient, {what}", timed(run, client, GRADIENT.replace("{i}", str(i))))
                note(f"complete tf., {what}", timed(complete, client, "tf.matM", "matMul"))
            note(f"memory with {what}", resident(pid))
            note(f"memory with {what}, shared pages once", resident(pid, shared=True))


class Started:
    """A kernel for the length of a `with`."""

    def __init__(self, name, directory):
        self.name, self.directory = name, directory

    def __enter__(self):
        begin = time.perf_counter()
        self.manager, self.client = start_new_kernel(
            kernel_name=self.name, cwd=self.directory, startup_timeout=120
        )
        return self.client, self.manager.provisioner.process.pid, begin

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def timed(call, *parameters):
    begin = time.perf_counter()
    call(*parameters)
    return time.perf_counter() - begin


def run(client, code):
    reply = client.execute_interactive(code, timeout=120, output_hook=lambda message: None)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{code!r}: {reply['content'].get('evalue')}")


def complete(client, text, expected):
    reply = client.complete(text, reply=True, timeout=60)
    if not any(expected in match for match in reply["content"]["matches"]):
        raise RuntimeError(f"{text!r} is not completed to {expected!r}")


def inspect(client, text):
    client.inspect(text, reply=True, timeout=60)


def resident(pid, shared=False):
    """The resident memory of a process and all that it has started, in MB.

    Pages that several processes share, such as the code of Node.js, count in each of them; with
    `shared`, in equal parts.
    """
    total, waiting = 0, [pid]
    while waiting:
        current = waiting.pop()
        try:
            with open(f"/proc/{current}/smaps_rollup") as rollup:
                kind = "Pss:" if shared else "Rss:"
                total += next(int(line.split()[1]) * 1024 for line in rollup if line.startswith(kind))
            with open(f"/proc/{current}/task/{current}/children") as children:
                waiting += [int(child) for child in children.read().split()]
        except FileNotFoundError:
            continue
    return total / 1e6


main(sys.argv[1], sys.argv[2], sys.argv[3:])
