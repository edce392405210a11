"""Notebooks in the style of those written for tslab: what they show is what they showed there."""

import pytest
from conftest import Kernel

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# Of each notebook its cells, each with what has to come: text of stdout, a result, or types shown.
NOTEBOOKS = {
    "values and classes": [
        ("let x = 10, y = 'hello';\nconsole.log(x, y);", {"prints": "10 hello\n"}),
        ("x + 1", {"value": "11"}),
        ("class Point {\n  constructor(public x: number, public y: number) {}\n  norm(): number { return Math.hypot(this.x, this.y); }\n}", {}),
        ("const p = new Point(3, 4);\np.norm()", {"value": "5"}),
        ("let [a, b] = [1, 2];\n[b, a] = [a, b];\nconsole.log(a, b)", {"prints": "2 1\n"}),
        ("class Point {\n  constructor(public name: string) {}\n}\nnew Point('again')", {"value": "Point { name: 'again' }"}),
    ],
    "rich output": [
        ("import * as tslab from 'tslab';", {}),
        ("tslab.display.html('<h1 style=\"color: red\">Hello</h1>')", {"shows": ["text/html"]}),
        ("tslab.display.markdown('*a* $x^2$')", {"shows": ["text/markdown"]}),
        ("tslab.display.svg('<svg xmlns=\"http://www.w3.org/2000/svg\"><circle r=\"4\"/></svg>')", {"shows": ["image/svg+xml"]}),
        (f"const pixel = Buffer.from('{PIXEL}', 'base64');\ntslab.display.png(pixel);", {"shows": ["image/png"]}),
        ("tslab.display.jpeg(pixel); tslab.display.gif(pixel); tslab.display.pdf(pixel);", {"shows": ["image/jpeg", "image/gif", "application/pdf"]}),
        ("tslab.display.text('plain'); tslab.display.javascript('1 + 1');", {"shows": ["text/plain", "text/javascript"]}),
        ("tslab.display.raw('application/json', '{\"a\": 1}')", {"shows": ["application/json"]}),
    ],
    "asynchronous cells": [
        ("function sleep(ms: number): Promise<void> {\n  return new Promise((resolve) => setTimeout(resolve, ms));\n}", {}),
        ("await sleep(10);\nconsole.log('woken');", {"prints": "woken\n"}),
        ("async function fetchAll(): Promise<number[]> {\n  return Promise.all([1, 2].map(async (n) => { await sleep(n); return n * n; }));\n}\nconst squares = await fetchAll();\nsquares", {"value": "[ 1, 4 ]"}),
        ("for await (const n of (async function* () { yield 1; yield 2; })()) console.log(n);", {"prints": "1\n2\n"}),
        ("let isSaid = false;\n(async () => {\n  for (const word of ['one', 'two']) { await sleep(5); console.log(word); }\n  isSaid = true;\n})();\nwhile (!isSaid) await sleep(5);", {"prints": "one\ntwo\n"}),
        ("await (async () => { throw new Error('rejected'); })()", {"error": "rejected"}),
        ("squares.length", {"value": "2"}),
    ],
    "modules and files": [
        ("import * as fs from 'fs';\nimport * as path from 'path';\nimport { promisify } from 'util';", {}),
        ("fs.writeFileSync('out.txt', 'written');\nconsole.log(fs.readFileSync('out.txt', 'utf8'));", {"prints": "written\n"}),
        ("await promisify(fs.readFile)('out.txt', { encoding: 'utf8' })", {"value": "'written'"}),
        ("fs.writeFileSync('tool.ts', 'export const twice = (x: number): number => 2 * x;');", {}),
        ("import { twice } from './tool';\ntwice(21)", {"value": "42"}),
        ("import { execSync } from 'child_process';\nexecSync('echo from a shell').toString().trim()", {"value": "'from a shell'"}),
        ("const os = require('os');\ntypeof os.EOL", {"value": "'string'"}),
        ("path.basename('/a/b.ts', '.ts')", {"value": "'b'"}),
    ],
    "an output that is updated": [
        ("import { newDisplay } from 'tslab';\nconst shown = newDisplay();", {}),
        ("shown.html('<b>begun</b>')", {"shows": ["text/html"]}),
        ("shown.html('<b>half</b>'); shown.text('done')", {"updates": 2}),
        ("for (let i = 0; i < 3; i++) shown.text(`step ${i}`)", {"updates": 3}),
    ],
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder with neither packages nor settings, as notebooks that come from elsewhere have it."""
    running = Kernel(cwd=tmp_path_factory.mktemp("elsewhere"))
    yield running
    running.stop()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(elsewhere, name):
    for cell, expected in NOTEBOOKS[name]:
        ran = elsewhere.run(cell)
        if "error" in expected:
            assert expected["error"] in ran.error["evalue"], cell
            continue
        assert ran.status == "ok", (cell, ran.error)
        assert ran.text() == expected.get("prints", ""), cell
        assert ran.value == expected.get("value"), cell
        shown = [kind for content in ran.of("display_data") for kind in content["data"]]
        assert shown == expected.get("shows", []), cell
        assert len(ran.of("update_display_data")) == expected.get("updates", 0), cell
