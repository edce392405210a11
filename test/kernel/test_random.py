"""Random cells, valid, broken, interrupted, crashing or with nasty output: each is answered, and the
notebook can be saved after each. 2,000 with FULL=1. `SEED` names another sequence."""

import os
import random

import nbformat

from conftest import VERDICTS, Kernel, full
from nbformat.v4 import new_code_cell, new_notebook, output_from_msg

CELLS = 2000 if full() else 80

VALID = [
    "const {n} = {i}; {n}",
    "let {n} = [{i}, '{n}']; {n}.length",
    "{n}",
    "typeof {n}",
    "function {n}(x: number) {{ return x + {i} }}; {n}(1)",
    "class {n} {{ private v = {i}; get() {{ return this.v }} }}; new {n}().get()",
    "interface {n} {{ a: number }}; const {n}: {n} = {{ a: {i} }}; {n}",
    "enum {n} {{ A = {i} }}; {n}.A",
    "await new Promise((r) => setTimeout(r, {i} % 5, '{n}'))",
    "import {{ basename as {n} }} from 'node:path'; {n}('/a/{i}')",
    "{{ a: {i}, {n}: 2 }}",
    "for (let k = 0; k < {i}; k++) console.log('{n}', k)",
]
BROKEN = [
    "const {n} = ",
    "{n}(((",
    "`open {i}",
    "let {i}x",
    "const {n}: string = {i}",
    "import {{ {n} }} from './none-{i}'",
    "!ls {n}",
    "%time {n}",
    "<{n}>{i}</{n}>",
    "}}{{",
    "\u0000\u2028{n}",
]
THROWING = [
    "throw new RangeError('{n}')",
    "throw {{ {n}: {i} }}",
    "throw null",
    "await Promise.reject('{n}')",
    "void Promise.reject(new Error('{n}'))",
    "setTimeout(() => {{ throw new Error('{n}') }}, 1)",
    "const deep = (): void => deep(); deep()",
    "throw new Proxy({{}}, {{ get() {{ throw {i} }} }})",
]
NASTY = [
    "'so happy \U0001f600\U0001f600'.slice(0, {i} % 14)",
    "console.log('\\ud800', '\\u0000\\u001b[31m', {i})",
    "process.stdout.write(Buffer.from([0xf0, 0x9f, {i} % 256]))",
    "({{ [Symbol.for('Jupyter.display')]: () => ({{ 'text/plain': {i}n, 'application/json': {{ a: 1n }} }}) }})",
    "({{ [Symbol.for('Jupyter.display')]() {{ throw new Error('{n}') }} }})",
    "({{ get {n}() {{ throw {i} }}, [Symbol.toStringTag]: '\\udc00' }})",
    "const round: any = {{}}; round.self = round; round",
    "new Proxy({{}}, {{ get() {{ throw {i} }}, ownKeys() {{ throw {i} }} }})",
    "console.log('x'.repeat({i} * 100))",
    "Array.from({{ length: {i} }}, (_, k) => k)",
]
CRASHING = ["process.exit({i} % 3)", "process.kill(process.pid, 'SIGKILL')", "process.abort()"]
ENDLESS = ["for (;;) {{}}", "await new Promise(() => {{}})", "for (;;) await null"]
KINDS = [(VALID, 50), (BROKEN, 15), (THROWING, 15), (NASTY, 15), (CRASHING, 1), (ENDLESS, 2)]


def draw(dice):
    [cells] = dice.choices([cells for cells, _ in KINDS], [weight for _, weight in KINDS])
    names = ["a", "b", "thing", "größe", "__x", "$y"]
    return cells, dice.choice(cells).format(n=dice.choice(names), i=dice.randrange(1, 40))


def test_every_cell_is_answered_and_the_notebook_can_be_saved():
    dice = random.Random(int(os.environ.get("SEED", "1")))
    running = Kernel()
    try:
        running.run("0")
        for number in range(CELLS):
            cells, code = draw(dice)
            said = f"cell {number}: {code!r}"
            if cells is ENDLESS:
                ran = running.interrupted_after(code, 0.1)
                assert ran.error is not None, said
            else:
                ran = running.run(code)
            assert ran.status in ("ok", "error"), said
            assert ran.error is None or ran.error["evalue"] != "", said
            assert "The kernel itself failed" not in (ran.traceback if ran.error else ""), said
            save(code, ran.messages, said)
        assert running.run("40 + 2").value == "42"
        VERDICTS.append(f"random cells: {CELLS} of {CELLS} answered, and the notebook could be saved after each")
    finally:
        running.stop()


def save(code, messages, said):
    shown = [m for m in messages if m["msg_type"] in ("stream", "error", "execute_result", "display_data")]
    cell = new_code_cell(code, outputs=[output_from_msg(message) for message in shown])
    notebook = new_notebook(cells=[cell])
    nbformat.validate(notebook)
    assert nbformat.writes(notebook).encode("utf-8"), said
