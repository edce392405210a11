"""An error names the cell, its TypeScript line and column, and shows the code."""




def test_a_trace_names_cell_line_and_column_without_kernel_frames(kernel):
    ran = kernel.run(
        "interface Unused { a: number }\n"
        "function fail(depth: number): never {\n"
        "  if (depth > 0) fail(depth - 1);\n"
        "  throw new RangeError(`depth ${depth}`);\n"
        "}\n"
        "type Also = string;\n"
        "fail(1);"
    )
    assert (ran.error["ename"], ran.error["evalue"]) == ("RangeError", "depth 0")
    assert "> 4 |   throw new RangeError(`depth ${depth}`);\n    |         ^" in ran.traceback
    frames = [line.strip() for line in ran.error["traceback"] if line.startswith("    at ")]
    assert [frame.split("]:")[1].rstrip(")") for frame in frames] == ["4:9", "3:18", "7:1"]
    assert all("cell [" in frame for frame in frames)
    assert ran.reply["ename"] == "RangeError"


def test_a_trace_through_earlier_cells_names_them(kernel):
    kernel.run("function older(): never {\n  throw new Error('from before');\n}")
    ran = kernel.run("\n\nolder()")
    assert "2 |   throw new Error('from before');" in ran.traceback
    assert ":3:1" in ran.traceback


def test_a_trace_is_by_lines_of_the_cell_long_after_it_ran(kernel):
    kernel.run("interface Unused { a: number }\nconst old = (): never => {\n  throw new Error('late');\n};")
    # Memory is collected, as it is by itself sooner or later.
    kernel.run(
        "(await import('node:v8')).setFlagsFromString('--expose-gc');\n"
        "const collect = (await import('node:vm')).runInNewContext('gc');\n"
        "for (let i = 0; i < 3; i++) { collect(); await new Promise((resolve) => setTimeout(resolve, 20)); }"
    )
    ran = kernel.run("old()")
    assert "> 3 |   throw new Error('late');" in ran.traceback


def test_an_error_after_await_keeps_its_line(kernel):
    ran = kernel.run("const wait = async () => {\n  await null;\n  throw new Error('later');\n};\nawait wait();")
    assert "> 3 |   throw new Error('later');" in ran.traceback


def test_an_error_in_a_library_names_its_typescript_line(kernel, library):
    library.write("export function broken(x: number): number {\n  type T = number;\n  throw new Error(`lib ${x}`);\n}\n")
    ran = kernel.run(f"import {{ broken }} from '{library.name}';\n\nbroken(1);")
    assert "index.ts:3:9" in ran.traceback
    assert "> 3 |   throw new Error(`lib ${x}`);" in ran.traceback


def test_several_type_errors_are_listed_together_with_their_code(kernel):
    ran = kernel.run("const a: number = 'x';\nconst b: string = 1;\nnothing();")
    assert ran.error["ename"] == "TypeScriptError"
    for part in ("1:7", "2:7", "3:1", "TS2322", "TS2304", "> 2 | const b: string = 1;"):
        assert part in ran.traceback


def test_a_syntax_error_says_where(kernel):
    ran = kernel.run("const x = ;\n")
    assert "1:11" in ran.traceback and "Expression expected" in ran.traceback


def test_a_thrown_value_that_is_no_error_is_shown(kernel):
    assert "{ code: 3 }" in kernel.run("throw { code: 3 }").traceback
    assert kernel.run("throw undefined").status == "error"


def test_strange_errors_do_no_harm(kernel):
    assert kernel.run("throw Object.create(null)").status == "error"
    assert kernel.run("throw new Proxy({}, { get() { throw 1 } })").status == "error"
    assert kernel.run("class Odd extends Error { get stack(): string { throw 1 } }; throw new Odd()").status == "error"
    assert kernel.run("const e = new Error('big'); e.stack = 'x'.repeat(1e6); throw e").status == "error"
    assert kernel.run("1").value == "1"


def test_the_cause_of_an_error_is_shown(kernel):
    ran = kernel.run("throw new Error('outer', { cause: new TypeError('inner') })")
    assert "Caused by TypeError: inner" in ran.traceback


def test_a_rejection_that_nobody_awaits_is_shown_under_its_cell(kernel):
    first = kernel.start("void (async () => { await new Promise((r) => setTimeout(r, 300)); throw new Error('unawaited') })()")
    text = kernel.printed(first, "> 1 | void (async", kernel.finish(first))
    assert "unawaited" in text


def test_an_error_in_a_timer_is_shown_under_its_cell(kernel):
    first = kernel.start("setTimeout(() => { throw new Error('in a timer') }, 200); 0")
    kernel.printed(first, "in a timer", kernel.finish(first))


def test_a_printed_error_shows_no_kernel_frames(kernel):
    ran = kernel.run("console.error(new Error('printed')); new Error('shown')")
    for text in (ran.text("stderr"), ran.value):
        assert "kernel" not in text and "node:internal" not in text
        assert ":1:" in text


def test_a_missing_module_is_named(kernel):
    assert "no-such-package" in kernel.run("import x from 'no-such-package'").traceback
    assert "no-such-package" in kernel.run("require('no-such-package')").traceback




def test_a_cells_own_listener_hears_what_nothing_catches(fresh_kernel):
    kernel = fresh_kernel
    wait = "await new Promise((r) => setTimeout(r, 30))"
    kernel.run("process.on('uncaughtException', (e, from) => console.log('heard', e.message, from)); 0")
    ran = kernel.run(f"setTimeout(() => {{ throw new Error('one') }}); {wait}")
    assert (ran.text(), ran.text("stderr")) == ("heard one uncaughtException\n", "")
    ran = kernel.run(f"void Promise.reject(new Error('two')); {wait}")
    assert (ran.text(), ran.text("stderr")) == ("heard two unhandledRejection\n", "")
    kernel.run("process.removeAllListeners('uncaughtException'); process.once('uncaughtException', () => { throw new Error('worse') }); 0")
    ran = kernel.run(f"setTimeout(() => {{ throw new Error('three') }}); {wait}")
    assert "Error: worse" in ran.text("stderr")
    ran = kernel.run(f"setTimeout(() => {{ throw new Error('four') }}); {wait}")
    assert "Error: four" in ran.text("stderr")
    kernel.run("process.on('unhandledRejection', (e) => console.log('rejected', (e as Error).message)); 0")
    ran = kernel.run(f"void Promise.reject(new Error('five')); {wait}")
    assert (ran.text(), ran.text("stderr")) == ("rejected five\n", "")
    assert kernel.interrupted_after("for (;;) {}", 0.1).error["ename"] == "KeyboardInterrupt"
    # Libraries made with emscripten throw it again.
    kernel.run("import vm from 'node:vm'; vm.runInThisContext(`(p) => p.on('uncaughtException', (e) => { throw e })`)(process); 0")
    ran = kernel.run(f"setTimeout(() => {{ throw new Error('six') }}); {wait}")
    assert "Error: six" in ran.text("stderr")
    assert kernel.run("6 * 7").value == "42"
