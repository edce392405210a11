"""Measures one Jupyter kernel after the other, in turns, and prints the medians as JSON.

Usage: measure.py DIRECTORY KERNEL… where DIRECTORY is the one that cells run in.
"""

import json
import statistics
import sys
import time

from jupyter_client.manager import start_new_kernel

TENSORS = (
    "import * as tf from '@tensorflow/tfjs';",
    "const x{i} = tf.randomNormal([64, 32]); const w{i} = tf.randomNormal([32, 8]);"
    "const loss{i} = tf.tidy(() => tf.grads((w: tf.Tensor) => x{i}.matMul(w as tf.Tensor2D).square().mean())([w{i}])[0].dataSync()[0]); loss{i}",
)
LANGUAGES = {
    "typescript": {"const": "const c{i}: number = {i}", "probe": ("const probe = [1, 2]", "probe.leng", "length"), "tensors": TENSORS},
    "python": {"const": "c{i} = {i}", "probe": ("probe = 'ab'", "probe.upp", "upper"), "tensors": None},
}
ROUNDS = 3
CELLS = 15


def main(directory, kernels):
    samples = {name: {} for name in kernels}
    failures = {}
    for _ in range(ROUNDS):
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
    def note(key, value):
        samples.setdefault(key, []).append(value)

    begin = time.perf_counter()
    manager, client = start_new_kernel(kernel_name=name, cwd=directory, startup_timeout=120)
    try:
        note("ready", time.perf_counter() - begin)
        language = LANGUAGES["python" if name == "python3" else "typescript"]
        run(client, "1+1")
        note("first result", time.perf_counter() - begin)
        for i in range(CELLS):
            note("1+1", timed(run, client, "1+1"))
            note("new const", timed(run, client, language["const"].format(i=i)))
        if language["tensors"]:
            load, cell = language["tensors"]
            note("import of tfjs", timed(run, client, load))
            for i in range(CELLS):
                note("tfjs cell", timed(run, client, cell.replace("{i}", str(i))))
        declaration, text, expected = language["probe"]
        run(client, declaration)
        for _ in range(CELLS):
            note("complete", timed(complete, client, text, expected))
            note("inspect", timed(inspect, client, f"probe.{expected}"))
        note("memory", resident(manager.provisioner.process.pid) / 1e6)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


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


def resident(pid):
    """The resident memory of a process and all that it has started, in bytes."""
    total, waiting = 0, [pid]
    while waiting:
        current = waiting.pop()
        try:
            with open(f"/proc/{current}/statm") as statm:
                total += int(statm.read().split()[1]) * 4096
            with open(f"/proc/{current}/task/{current}/children") as children:
                waiting += [int(child) for child in children.read().split()]
        except FileNotFoundError:
            continue
    return total


main(sys.argv[1], sys.argv[2:])
