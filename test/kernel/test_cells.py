"""The table of cells.py, each group in one kernel: every row is judged, and all that differ are shown."""

import pytest
from cells import GROUPS, MODULES, PROJECT, ok, prints, says, warns
from cells_more import GROUPS as MORE
from conftest import VERDICTS, Kernel, full


def differing(kernel, rows):
    """The rows whose verdict does not hold, each with what came instead."""
    found = []
    for cells, verdict in rows:
        cells = [cells] if isinstance(cells, str) else cells
        for cell in cells:
            ran = kernel.run(cell)
        if not holds(ran, verdict):
            got = ran.traceback if ran.error else (ran.value, ran.text(), ran.text("stderr"))
            found.append(f"{cells[-1]}\n  wanted {verdict}\n  got    {got}")
    return found


def holds(ran, verdict):
    if isinstance(verdict, says):
        return ran.status == "error" and all(part in ran.traceback for part in verdict.parts)
    if ran.status != "ok":
        return False
    if isinstance(verdict, prints):
        return ran.text() == verdict.text
    if isinstance(verdict, warns):
        return verdict.text in ran.text("stderr")
    return verdict is ok or ran.value == verdict


@pytest.mark.parametrize("group", GROUPS)
def test_cells(kernel, group):
    rows = GROUPS[group]
    found = differing(kernel, rows)
    VERDICTS.append(f"{group}: {len(rows) - len(found)} of {len(rows)}")
    assert not found, "\n".join(found)


@pytest.mark.skipif(not full(), reason="takes a minute: FULL=1 runs it")
@pytest.mark.parametrize("group", MORE)
def test_more_cells(fresh_kernel, group):
    rows = MORE[group]
    found = differing(fresh_kernel, rows)
    VERDICTS.append(f"{group}: {len(rows) - len(found)} of {len(rows)}")
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    directory = tmp_path_factory.mktemp("project (with spaces)")
    for name, text in PROJECT.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    running = Kernel(cwd=directory / "nb")
    yield running
    running.stop()


def test_modules(project):
    found = differing(project, MODULES)
    VERDICTS.append(f"modules: {len(MODULES) - len(found)} of {len(MODULES)}")
    assert not found, "\n".join(found)


def test_a_package_without_types_is_any_with_a_line_of_advice(tmp_path):
    package = tmp_path / "node_modules" / "bare"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{ "name": "bare", "main": "index.js" }')
    (package / "index.js").write_text("exports.b = 1")
    running = Kernel(cwd=tmp_path)
    try:
        ran = running.run("import { b } from 'bare'; b.anything?.at")
        assert ran.status == "ok"
        assert "bare has no types" in ran.text("stderr") and "@types/bare" in ran.text("stderr")
        assert running.run("import { b } from 'bare'; b").text("stderr") == "", "said once"
        types = tmp_path / "node_modules" / "@types" / "bare"
        types.mkdir(parents=True)
        (types / "package.json").write_text('{ "name": "@types/bare", "types": "index.d.ts" }')
        (types / "index.d.ts").write_text("export declare const b: number")
        assert "TS2339" in running.run("import { b } from 'bare'; b.anything").traceback
    finally:
        running.stop()


def test_types_of_node_from_before_the_compiler_give_way_to_the_kernels_own(tmp_path):
    types = tmp_path / "node_modules" / "@types" / "node"
    types.mkdir(parents=True)
    (types / "package.json").write_text('{ "name": "@types/node", "version": "20.10.5", "types": "index.d.ts" }')
    (types / "index.d.ts").write_text(
        "declare class Buffer { slice(): { buffer: ArrayBufferLike } } declare var process: { old: 1 };"
        "declare module 'fs' { export function readFileSync(path: string): Buffer }"
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    running = Kernel(cwd=tmp_path)
    try:
        ran = running.run("import * as fs from 'fs'; import * as tslab from 'tslab'; tslab.display.png(fs.readFileSync('a.png'))")
        assert ran.status == "ok", ran.traceback
        assert ran.of("display_data")[0]["data"] == {"image/png": "iVBORw=="}
    finally:
        running.stop()
