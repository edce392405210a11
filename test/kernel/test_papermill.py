"""Papermill runs notebooks with parameters."""

import os
import subprocess
import sys

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT, TIMEOUT
from nbformat.v4 import new_code_cell, new_notebook

pytest.importorskip("papermill", reason="papermill is not installed: it is in requirements.txt")

PARAMETERS = {
    "rate": "0.5",
    "steps": "3",
    "name": "so \"quoted\" \\ é😀",
    "flag": "True",
}


def notebook(path, *sources):
    cells = [new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    kernelspec = {"name": "implicit-kernel", "display_name": "TypeScript", "language": "typescript"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), path)


def papermill(*parameters, **more):
    env = {**os.environ, "PYTHONPATH": str(ROOT / "kernel" / "papermill")}
    command = [sys.executable, "-m", "papermill", "--cwd", str(NOTEBOOKS), "--no-progress-bar", *parameters]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT, **more)


def test_parameters_take_the_place_of_those_in_the_notebook(tmp_path):
    notebook(
        tmp_path / "in.ipynb",
        "let rate = 1; // how fast\nlet steps: number = 1;\nlet name = 'nobody';\nlet flag = false;\nlet list: number[] = [];\nlet more: any = {};\nlet nothing: any = 1; let far = 0;",
        "JSON.stringify([rate * steps, name, flag, list.length, more, nothing, far === Infinity])",
    )
    parameters = [part for name, value in PARAMETERS.items() for part in ("-p", name, value)]
    yaml = "{list: [1, 2.5], more: {a: [null, false], 'b c': {}}, nothing: null, far: .inf}"
    done = papermill(str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), *parameters, "-y", yaml)
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert cells[1].metadata["tags"] == ["injected-parameters"]
    shown = cells[2].outputs[0]["data"]["text/plain"]
    assert '[1.5,' in shown and 'é😀' in shown
    assert 'true,2,{"a":[null,false],"b c":{}},null,true]' in shown


def test_the_parameters_of_a_notebook_are_listed(tmp_path):
    notebook(tmp_path / "in.ipynb", "let rate = 0.1; // how fast\nconst steps: number = 3", "rate")
    done = papermill("--help-notebook", str(tmp_path / "in.ipynb"))
    assert "rate" in done.stdout and "how fast" in done.stdout and "number" in done.stdout
