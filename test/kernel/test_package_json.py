"""Edits of a package.json above the notebook are harmless, and picked up by importing again."""

import json
import os

import pytest
from conftest import Kernel


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    directory = tmp_path_factory.mktemp("project")
    (directory / "notebooks").mkdir()
    (directory / "notebooks" / "m.ts").write_text("export const m: number = 1")
    (directory / "notebooks" / "n.ts").write_text("export const n: string = 'n'")
    write(directory, {"name": "zz-project"})
    return directory


@pytest.fixture(scope="module")
def beside(project):
    running = Kernel(cwd=project / "notebooks")
    running.run("const before = 41")
    yield running
    running.stop()


def write(directory, content):
    """File systems with coarse clocks must see a new time as well."""
    path = directory / "package.json"
    later = path.stat().st_mtime + 2 if path.exists() else None
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    if later:
        os.utime(path, (later, later))


IMPORT = "import { m } from './m'; m + before"


def test_any_edit_leaves_the_kernel_as_it_was(beside, project):
    assert beside.run(IMPORT).value == "42"
    for content in ({"name": "zz-project", "dependencies": {}}, {"type": "module"}, "{ broken", {"name": "other"}):
        write(project, content)
        assert beside.run(IMPORT).value == "42", content
        assert beside.run("before + 1").value == "42"
    (project / "package.json").unlink()
    assert beside.run(IMPORT).value == "42"
    write(project, {"name": "again"})
    write(project / "notebooks", {"name": "nearer"})
    assert beside.run(IMPORT).value == "42"
    (project / "notebooks" / "package.json").unlink()
    assert beside.run(IMPORT).value == "42"


def test_an_edit_by_a_cell_is_survived(beside):
    code = "import { writeFileSync } from 'node:fs'; writeFileSync('../package.json', '{ \"private\": true }')"
    assert beside.run(code).status == "ok"
    assert beside.run(IMPORT).value == "42"


def test_what_a_package_json_maps_is_looked_up_anew(beside, project):
    for target, name, value in (("m", "m", "1"), ("n", "n", "'n'"), ("m", "m", "1")):
        write(project, {"name": "zz-project", "imports": {"#inner": f"./notebooks/{target}.ts"}})
        types = beside.run(f"import type {{ {name} as T }} from '#inner'; const it: typeof T = {value}; it")
        assert types.value == value, types.reply
