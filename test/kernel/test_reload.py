"""An edited library is picked up by importing it again, types and code together."""

import os

from conftest import TIMEOUT


def edit(library, text, file="index.ts"):
    """File systems with coarse clocks must see a new time as well."""
    library.write(text, file)
    path = library.directory / file
    later = path.stat().st_mtime + 2
    os.utime(path, (later, later))


def test_importing_again_brings_new_types_and_new_code(kernel, library):
    library.write("export function answer(): number { return 1 }")
    load = f"import {{ answer }} from '{library.name}';"
    assert kernel.run(f"{load} answer() + 1").value == "2"
    edit(library, "export function answer(): string { return 'new' }")
    assert kernel.run("answer() + 1").value == "2", "without an import everything stays"
    assert kernel.run(f"{load} answer().toUpperCase()").value == "'NEW'"
    assert kernel.run("answer().length").value == "3"


def test_an_edit_deep_in_a_library_reaches_its_front(kernel, library):
    library.write("export * from './inner'")
    library.write("export const depth = 1; let count = 0; export const next = () => ++count;", "inner.ts")
    load = f"import {{ depth, next }} from '{library.name}';"
    assert kernel.run(f"{load} depth").value == "1"
    edit(library, "export const depth = 'two'; export const next = () => 0;", "inner.ts")
    assert kernel.run(f"{load} depth.length").value == "3"


def test_importing_again_without_an_edit_keeps_the_state_of_a_module(kernel, library):
    library.write("let count = 0; export const next = () => ++count;")
    load = f"import {{ next }} from '{library.name}';"
    assert kernel.run(f"{load} next()").value == "1"
    assert kernel.run(f"{load} next()").value == "2"


def test_an_edit_during_a_cell_counts(kernel, library):
    library.write("export const version = 1")
    load = f"import {{ version }} from '{library.name}';"
    msg_id = kernel.start(f"{load} console.log('loaded'); await input('edited? '); version", allow_stdin=True)
    kernel.client.get_stdin_msg(timeout=TIMEOUT)
    edit(library, "export const version = 2")
    kernel.client.input("yes")
    assert kernel.finish(msg_id).value == "1"
    assert kernel.run(f"{load} version").value == "2"


def test_a_file_that_was_missing_is_found_once_it_is_there(kernel, library):
    library.write("export const here = 1")
    load = f"import {{ there }} from '{library.name}/more';"
    assert "Cannot find module" in kernel.run(load).traceback
    library.write("export const there = 2", "more.ts")
    assert kernel.run(f"{load} there").value == "2"


def test_a_new_file_beside_an_edited_one_is_found(kernel, library):
    library.write("export const a = 1")
    kernel.run(f"import {{ a }} from '{library.name}'; a")
    library.write("export const b = 'two'", "second.ts")
    edit(library, "export const a = 1; export * from './second'")
    assert kernel.run(f"import {{ b }} from '{library.name}'; b.length").value == "3"


def test_call_sites_are_checked_against_the_library(kernel, library):
    library.write("export function area(side: number): number { return side * side }")
    ran = kernel.run(f"import {{ area }} from '{library.name}'; area('three')")
    assert "not assignable to parameter of type 'number'" in ran.traceback


def test_a_module_beside_the_notebook_can_be_imported_and_edited(tmp_path):
    from conftest import Kernel, Library

    helper = Library(tmp_path)
    helper.write("export const h: number = 1", "helper.ts")
    kernel = Kernel(cwd=tmp_path)
    try:
        assert kernel.run("import { h } from './helper'; h + 1").value == "2"
        edit(helper, "export const h: string = 'one'", "helper.ts")
        assert kernel.run("import { h } from './helper'; h.length").value == "3"
    finally:
        kernel.stop()
