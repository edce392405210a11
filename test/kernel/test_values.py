"""A value or an error that resists being looked at is told of in a note; the cell and the kernel go on."""

import pytest

REVOKED = "const { proxy, revoke } = Proxy.revocable({}, {}); revoke();"
BLIND = "const blind = { [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('blind') } };"
UNNAMED = "const unnamed = { get [Symbol.toStringTag]() { throw new Error('no tag') } };"
MUTE = "const mute = { toString() { throw new Error('mute') }, valueOf() { throw new Error('mute') } };"

PRINTED = {
    f"{REVOKED} console.table(proxy); console.error('%s %o %d', proxy, proxy, proxy)": "revoked",
    f"{REVOKED} console.group(proxy); console.groupEnd(); console.dir(proxy); console.log(proxy)": "Revoked",
    f"{BLIND} console.log(blind)": "blind",
    f"{BLIND} console.log([blind, 1], 'and more')": "and more",
    f"{BLIND} console.trace(blind)": "blind",
    f"{UNNAMED} console.log(unnamed); console.table([unnamed])": "no tag",
    f"{MUTE} console.log('%s, %d', mute, mute)": "mute",
    f"{MUTE} console.count(mute as any); console.time(mute as any)": "mute",
    "console.log('%j', { toJSON() { throw new Error('secret') } })": "secret",
    "console.log(new (class Odd extends Error { get stack(): string { throw new Error('shut') } })('x'))": "x",
}


@pytest.mark.parametrize("code", PRINTED)
def test_console_prints_a_note(kernel, code):
    ran = kernel.run(f"{{ {code}; }} 'went on'")
    assert ran.status == "ok", ran.reply
    assert ran.value == "'went on'"
    assert PRINTED[code] in ran.text() + ran.text("stderr")


RESULTS = {
    f"{UNNAMED} unnamed": "no tag",
    "new (class { get [Symbol.toStringTag](): string { throw new Error('no tag') } })()": "no tag",
    "({ [Symbol.for('Jupyter.display')]() { throw new Error('no picture') } }) as {}": "Jupyter.display",
    "({ get [Symbol.for('Jupyter.display')]() { throw new Error('no method') } }) as {}": "Jupyter.display",
}


@pytest.mark.parametrize("code", RESULTS)
def test_a_result_that_cannot_be_shown_is_told_and_is_no_error(kernel, code):
    ran = kernel.run(code)
    assert ran.status == "ok"
    assert RESULTS[code] in ran.value


def test_a_display_method_that_throws_is_told_with_its_line(kernel):
    ran = kernel.run("\n({ [Symbol.for('Jupyter.display')]() { throw new Error('no picture') } }) as {}")
    assert "no picture" in ran.text("stderr") and "> 2 |" in ran.text("stderr")


THROWN = {
    "Proxy.revocable(new Error('r'), {})": None,
    "new Proxy(new Error('p'), { get() { throw new Error('no') } })": "cannot be read",
    "new (class extends Error { get name(): string { throw 1 } })('hidden name')": "hidden name",
    "new (class extends Error { get message(): string { throw 1 } })('m')": None,
    "Object.assign(new Error('s'), { name: undefined, message: { toString() { throw 1 } } })": "cannot be read",
    "Object.assign(new Error('kept'), { stack: 5 })": "kept",
    "Object.freeze(new Error('frozen'))": "frozen",
    "null": "null",
    "undefined": "undefined",
    "Symbol('sign')": "Symbol(sign)",
    "() => 1": "Function",
    "12n": "12n",
    "''": "''",
    "Object.create(null)": "null prototype",
}


@pytest.mark.parametrize("thrown", THROWN)
def test_whatever_is_thrown_is_answered(kernel, thrown):
    for way in (f"throw {thrown}", f"await Promise.reject({thrown})"):
        ran = kernel.run(way)
        assert ran.status == "error"
        assert THROWN[thrown] is None or THROWN[thrown] in ran.error["evalue"]
    ran = kernel.run(f"void Promise.reject({thrown}); setTimeout(() => {{ throw {thrown} }}); await new Promise((r) => setTimeout(r, 20)); 5")
    assert ran.value == "5"
    assert "nothing" in ran.text("stderr")


def test_a_revoked_proxy_may_be_thrown_everywhere(kernel):
    for way in ("throw proxy", "await Promise.reject(proxy)"):
        assert "Revoked" in kernel.run(f"{{ {REVOKED} {way} }}").error["evalue"]
    for way in ("void Promise.reject(proxy)", "setTimeout(() => { throw proxy })"):
        ran = kernel.run(f"{{ {REVOKED} {way} }} await new Promise((r) => setTimeout(r, 20)); 5")
        assert (ran.value, ran.text("stderr").count("Revoked")) == ("5", 1)


def test_the_errors_of_an_aggregate_are_shown_with_their_code(kernel):
    ran = kernel.run("const parts = [\n  new Error('first'),\n  new TypeError('second', { cause: 'why' }),\n  3,\n];\nthrow new AggregateError(parts, 'both')")
    assert ran.error["evalue"] == "both"
    for part in ("[1 of 3] Error: first", "> 2 |   new Error('first')", "[2 of 3] TypeError: second", "Caused by 'why'", "[3 of 3] 3"):
        assert part in ran.traceback, ran.traceback
    ran = kernel.run("await Promise.any([Promise.reject(new Error('x')), Promise.reject('y')])")
    assert "Error: x" in ran.traceback and "'y'" in ran.traceback


def test_an_error_shows_its_own_fields_and_all_causes(kernel):
    ran = kernel.run("throw Object.assign(new Error('own'), { code: 'E_OWN', detail: { list: [1, 2] } })")
    assert "code: 'E_OWN'" in ran.traceback and "list: [ 1, 2 ]" in ran.traceback
    ran = kernel.run("import { readFileSync } from 'node:fs'; readFileSync('/no/such')")
    assert "code: 'ENOENT'" in ran.traceback and "syscall: 'open'" in ran.traceback
    ran = kernel.run("throw new Error('outer', { cause: new Error('middle', { cause: { inner: true } }) })")
    assert "Caused by Error: middle" in ran.traceback and "Caused by { inner: true }" in ran.traceback


def test_a_circle_of_causes_ends(kernel):
    ran = kernel.run("const round: any = new Error('round'); round.cause = new Error('back', { cause: round }); throw round")
    assert "the same error again" in ran.traceback
    assert len(ran.error["traceback"]) < 30
    kernel.run("const own: any = new AggregateError([], 'own'); own.errors.push(own, ...Array(100).fill(own)); throw own")
    assert kernel.run("1").value == "1"


def test_the_head_of_a_trace_has_the_name_and_message_of_now(kernel):
    ran = kernel.run("class Late extends Error { constructor(m: string) { super(m); this.name = 'Late' } }\nconst late = new Late('early'); late.message = 'of now'; throw late")
    assert ran.error["traceback"][0] == "Late: of now"


def test_traces_are_the_kernels_own_whatever_prepares_them(kernel):
    for prepare in ("() => { throw new Error('in prepare') }", "(_: Error, frames: any) => frames", "() => 'mine'"):
        kernel.run(f"Error.prepareStackTrace = {prepare}; 0")
        ran = kernel.run("\nthrow new Error('prepared')")
        assert ran.error["traceback"][0] == "Error: prepared"
        assert "> 2 | throw new Error('prepared')" in ran.traceback
    kernel.run("delete (Error as any).prepareStackTrace; 0")
    ran = kernel.run("Error.stackTraceLimit = 0; try { throw new Error('short') } finally { Error.stackTraceLimit = 30 }")
    assert ran.error["evalue"] == "short"


def test_errors_of_other_realms_are_errors(kernel):
    ran = kernel.run("import vm from 'node:vm'; vm.runInNewContext(\"const e = new RangeError('far'); e.code = 5; throw e\")")
    assert (ran.error["ename"], ran.error["evalue"]) == ("RangeError", "far")
    assert "code: 5" in ran.traceback


def test_what_a_cell_does_to_json_does_not_reach_the_wire(kernel):
    for spoil, mend in {
        "(Object.prototype as any).toJSON = () => 'gone'": "delete (Object.prototype as any).toJSON",
        "(Array.prototype as any).toJSON = () => 'gone'": "delete (Array.prototype as any).toJSON",
        "const { stringify } = JSON; JSON.stringify = () => 'gone'": "JSON.stringify = stringify",
    }.items():
        ran = kernel.run(f"{spoil}; console.log('printed'); 7")
        assert (ran.text(), ran.value) == ("printed\n", "7")
        assert "> 1 |" in kernel.run("throw new Error('still')").traceback
        kernel.run(mend)


def test_what_is_sent_on_a_comm_is_the_bytes_of_any_view(kernel):
    ran = kernel.run("(globalThis as any)[Symbol.for('implicit-kernel.comms')].open(Symbol('t'), {}, { buffers: [new Float32Array([1]), new DataView(new ArrayBuffer(2))] }); 0")
    [opened] = [m for m in ran.messages if m["msg_type"] == "comm_open"]
    assert [bytes(buffer) for buffer in opened["buffers"]] == [b"\x00\x00\x80\x3f", b"\x00\x00"]
    assert opened["content"]["target_name"] == "Symbol(t)"


def test_cells_go_by_their_numbers_on_screen(kernel):
    kernel.run("(globalThis as any)[Symbol.for('implicit-kernel.comms')].register('noop', () => {})")
    for i in range(5):
        kernel.client.shell_channel.send(kernel.client.session.msg("comm_open", {"comm_id": f"n{i}", "target_name": "noop"}))
    kernel.run("0", user_expressions={"a": "1", "b": "2"})
    kernel.run("0", silent=True)
    ran = kernel.run("\nconst fails = () => { throw new Error('numbered') }; fails()")
    number = ran.reply["execution_count"]
    assert f"at cell [{number}]:2:" in ran.traceback
    assert f"cell [{number}]:2:" in kernel.run("try { fails() } catch (error) { console.error(error) }").text("stderr")
    assert f"cell [{number}]:2:" in kernel.run("(() => { try { fails() } catch (error) { return error } })()").value


def test_traces_survive_any_name_of_a_folder(tmp_path):
    from conftest import Kernel

    folder = tmp_path / "a (b) c#d%20 é" / "kernel" / "child"
    folder.mkdir(parents=True)
    (folder / "helper.ts").write_text("export type T = 1;\nexport function help(): never {\n  throw new Error('helped');\n}\n")
    (folder / "plain.js").write_text("exports.plain = () => {\n  throw new Error('plain')\n}\n")
    kernel = Kernel(cwd=folder)
    try:
        number = kernel.run("0").reply["execution_count"]
        ran = kernel.run("\nfunction inner() { throw new Error('here') }\ninner()")
        assert f"at inner (cell [{number + 1}]:2:26)" in ran.traceback
        assert f"at cell [{number + 1}]:3:1" in ran.traceback
        assert "> 2 | function inner()" in ran.traceback
        ran = kernel.run("const { help } = require('./helper'); help()")
        assert "> 3 |   throw new Error('helped');" in ran.traceback
        assert "> 1 | const { help }" in ran.traceback
        ran = kernel.run("const { plain } = require('./plain.js'); plain()")
        assert "> 2 |   throw new Error('plain')" in ran.traceback
    finally:
        kernel.stop()
