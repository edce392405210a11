"""Cells and completions as they are typed: every form of the language, of its values and of its mishaps.

Rows are as in cells.py; they run one after the other in one kernel.
"""

import json

import pytest
from cells import ok, prints, says, warns
from conftest import TIMEOUT, VERDICTS, Kernel
from test_cells import differing

FILES = {
    "data.json": '{"rate": 0.5, "names": ["a"]}',
    "common.cjs": "exports.c = 1; module.exports.d = () => 2;\nmodule.exports.fails = () => { throw new Error('far') }",
    "w.ts": "import { parentPort } from 'node:worker_threads'; parentPort!.postMessage(2 as number);",
    "m.mts": "export const top = await Promise.resolve(5)",
}

CELLS = [
 ("function* g1(): Generator<number> { const x: number = yield 1; yield x * 2 }; const it = g1(); [it.next().value, it.next(4).value]", "[ 1, 8 ]"),
 ("async function* ag() { yield 1; yield 2 }; const out: number[] = []; for await (const x of ag()) out.push(x); out", "[ 1, 2 ]"),
 ("for await (const x of [Promise.resolve(1), 2]) console.log(x)", prints("1\n2\n")),
 ("enum Color { Red, Green = 'g' as any, Blue = 4 } Color.Blue", "4"),
 ("enum Dir { Up = 1, Down } Dir[2]", "'Down'"),
 ("const enum Flag { A = 1 << 0, B = 1 << 1 } Flag.A | Flag.B", "3"),
 (["enum Later { A = 3 }", "Later.A + 1"], "4"),
 (["namespace Geo { export const r = 2; export function area() { return r * r } }", "Geo.area()"], "4"),
 (["namespace Geo2 { export interface P { x: number } export const o: P = { x: 1 } }", "const pp: Geo2.P = Geo2.o; pp.x"], "1"),
 ("function logged<T extends (...a: any[]) => any>(f: T, c: ClassMethodDecoratorContext) { return function (this: any, ...a: any[]) { console.log(String(c.name)); return f.apply(this, a) } as T }; class D { @logged m() { return 7 } } new D().m()", "7"),
 ("{ using r = { [Symbol.dispose]() { console.log('disposed') } }; console.log('in') }", prints("in\ndisposed\n")),
 ("{ await using r = { async [Symbol.asyncDispose]() { console.log('gone') } }; }", prints("gone\n")),
 ("using rr = { [Symbol.dispose]() { console.log('end') } }; console.log('body')", prints("body\nend\n")),
 ("outer: for (let i = 0; i < 3; i++) { for (;;) { if (i === 1) break outer; continue outer } }", None),
 ("let i9 = 0; top: while (true) { i9++; if (i9 > 3) break top } i9", "4"),
 (["class Re { a = 1 }", "class Re { b = 2 }", "new Re().b"], "2"),
 ("const { a: d1 = 5, ...rest1 } = { b: 2, c: 3 } as { a?: number; b: number; c: number }; [d1, rest1]", "[ 5, { b: 2, c: 3 } ]"),
 ("const [h1 = 1, [h2] = [2], ...h3] = [undefined, undefined, 3, 4]; [h1, h2, h3]", "[ 1, 2, [ 3, 4 ] ]"),
 ("const q1 = 4, q2 = 2; q1 /q2/ 1", "2"),
 ("'a/b'.split(/\\//g)", "[ 'a', 'b' ]"),
 ("/[/]`/.test('/`')", "true"),
 ("`a ${`b ${`c ${1}`}`} \\``", "'a b c 1 `'"),
 ("`line\n${[1, 2].map((x) => `<${x}>`).join('')}`", "'line\\n<1><2>'"),
 ("String.raw`\\n${1}`", "'\\\\n1'"),
 ("export const ex1 = 3; export default ex1", "3"),
 ("export function exf() { return 1 }; exf()", "1"),
 ("export default function named1() { return 2 }", ok),
 ("export { ok2 }; const ok2 = 2;", ok),
 ("export * from './common.cjs'", ok),
 ("import data from './data.json'; data.rate + data.names.length", "1.5"),
 ("import data2 from './data.json' with { type: 'json' }; data2.rate", "0.5"),
 ("import { c, d } from './common.cjs'; c + d()", "3"),
 ("const cjs = require('./common.cjs'); cjs.c", "1"),
 ("const m1 = await import('./common.cjs'); m1.c", "1"),
 ("import { top } from './m.mts'; top", "5"),
 ("const circ: any = { n: 1 }; circ.self = circ; circ", "<ref *1> { n: 1, self: [Circular *1] }"),
 ("const cm = new Map<any, any>(); cm.set('me', cm); cm", "<ref *1> Map(1) { 'me' => [Circular *1] }"),
 ("new Uint8Array(3)", "Uint8Array(3) [ 0, 0, 0 ]"),
 ("new WeakMap()", "WeakMap { <items unknown> }"),
 ("new Proxy({ a: 1 }, {})", "{ a: 1 }"),
 ("new Proxy({}, { get() { throw new Error('trap') } })", "{}"),
 ("'x'.repeat(3_000_000).length", "3000000"),
 ("'y'.repeat(200_000)", ok),
 ("Symbol.iterator", "Symbol(Symbol.iterator)"),
 ("({ [Symbol('k')]: 1, [Symbol.toStringTag]: 'T' })", "{ [Symbol(k)]: 1, [Symbol(Symbol.toStringTag)]: 'T' }"),
 ("throw new Error('outer', { cause: new TypeError('inner') })", says('Error: outer', 'TypeError: inner')),
 ("throw new AggregateError([new Error('e1'), new RangeError('e2')], 'many')", says('many', 'e1', 'RangeError: e2')),
 ("await Promise.any([Promise.reject(new Error('p1'))])", says('AggregateError', 'p1')),
 ("throw 'text'", says('text')),
 ("throw null", says('null')),
 ("throw { code: 5 }", says('code')),
 ("void Promise.reject(new Error('left alone')); 1", warns("This promise was rejected and nothing awaited it:\nError: left alone")),
 ("setTimeout(() => console.log('late'), 10); 0", "0"),
 ("import { Worker } from 'node:worker_threads'; const wk = new Worker('./w.ts'); await new Promise((r) => wk.once('message', r))", "2"),
 ("import cp from 'node:child_process'; cp.execSync('echo hi').toString()", "'hi\\n'"),
 ("cp.spawnSync('sh', ['-c', 'exit 3']).status", "3"),
 ("await new Promise((r) => cp.exec('printf caf\\u00e9', (e, o) => r(o)))", "'café'"),
 ("console.table([[1, 2], [3, 4]]); console.table(new Map([['a', 1]]))", ok),
 ("console.group('G'); console.log('in'); console.groupEnd(); console.log('out')", prints("G\n  in\nout\n")),
 ("console.time('t'); console.timeLog('t'); console.timeEnd('t')", ok),
 ("console.count(); console.count(); console.assert(false, 'no'); console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 })", ok),
 ("console.error(new Error('shown'))", warns("Error: shown\n    at cell [")),
 ("%%bash\nls", says('ls')),
 ("%matplotlib inline", says('%')),
 ("!ls -la", says('!')),
 ("const el = <div>hi</div>;", says('JSX')),
 ("console.log('so happy 😀😀'.slice(0, 10))", prints("so happy \ufffd\n")),
 ("'😀'.slice(0, 1)", "'\\ud83d'"),
 ("1 + 1\r2 + 2", "4"),
 ("const cr = 1;\r\nconst cr2 = 2;\r\ncr + cr2", "3"),
 ("'a\\0b'", "'a\\x00b'"),
 ("'a\0b'.length", "3"),
 ("\ufeff1 + 2", "3"),
 ("const long1 = [" + ",".join(str(i) for i in range(30000)) + "]; long1.length", "30000"),
 ("const s1 = '" + "z" * 500000 + "'; s1.length", "500000"),
 ("let u1: unknown = 5; (u1 as number).toFixed(1)", "'5.0'"),
 ("const t1 = <T,>(x: T) => x; t1(3)", "3"),
 ("abstract class Sh { abstract area(): number; static #n = 0; static make() { return ++Sh.#n } } Sh.make()", "1"),
 ("type Rec<T> = { v: T; next?: Rec<T> }; const rec1: Rec<number> = { v: 1, next: { v: 2 } }; rec1.next?.v", "2"),
 ("const sat = { a: 1 } satisfies Record<string, number>; sat.a", "1"),
 ("var v1 = 1; var v1 = 2; v1", "2"),
 ("let l1 = 1; let l1 = 2;", says('l1')),
 ("function over(x: number): number; function over(x: string): string; function over(x: any) { return x } over('s')", "'s'"),
 ("new (class { #p = 3; get p() { return this.#p } })().p", "3"),
 ("label: { break label }", None),
 ("if (1) { } else { }", None),
 ("do { } while (false)", None),
 ("switch (3 as number) { case 3: 'three'; break }", None),
 ("try { throw 1 } catch { 'c' } finally { }", None),
 ("async () => 1", "[AsyncFunction (anonymous)]"),
 ("(async () => { await null; return 9 })()", "Promise { 9 }"),
 ("await (async () => 9)()", "9"),
 ("new Promise(() => {})", "Promise { <pending> }"),
 ("Promise.resolve(3)", "Promise { 3 }"),
 ("typeof module + typeof exports + typeof __filename", "'objectobjectstring'"),
 ("this", None),
 ("arguments", says('arguments')),
 ("return 5", says('return')),
 ("yield 5", says('yield')),
 ("debugger; 1", "1"),
 ("with (Math) { }", says('with')),
 ("0777", says('ctal')),
 ("globalThis.zz1 = 5", says("has no index signature")),
 ("(globalThis as any).zz2 = 5; (globalThis as any).zz2", "5"),
 ("delete (globalThis as any).zz2", "true"),
 ("Object.prototype.toString.call(null)", "'[object Null]'"),
 ("const err1 = new Error('val'); err1.message", "'val'"),
 ("new Error('as a value')", ok),
 ("[1,,3]", "[ 1, <1 empty item>, 3 ]"),
 ("Object.create(null)", "[Object: null prototype] {}"),
 ("BigInt(2) ** 64n", "18446744073709551616n"),
 ("new Intl.NumberFormat('en').format(1234567)", "'1,234,567'"),
 ("[...'añ😀'].length", "3"),
 ("const π = 3.14; π", "3.14"),
 ("class X1 extends Array<number> { sum() { return this.reduce((a, b) => a + b, 0) } } X1.from([1, 2]) instanceof X1", "true"),
 ("process.stdout.isTTY ?? false", "false"),
 ("import * as fs from 'fs'; fs.existsSync('data.json')", "true"),
 ("import { setTimeout as sleep } from 'node:timers/promises'; await sleep(5, 'slept')", "'slept'"),
 ("import assert from 'node:assert'; assert.strictEqual(1, 2)", says('AssertionError')),
 ("structuredClone(new Map([[1, new Date(0)]]))", "Map(1) { 1 => 1970-01-01T00:00:00.000Z }"),
 ("queueMicrotask(() => { throw new Error('micro') }); 1", warns("This error was thrown in a callback, and nothing caught it:\nError: micro")),
 ("process.emitWarning('careful'); 1", "1"),
 ("process.stdin.read()", "null"),
 ("process.exit(3)", says('exit')),
 ("1 + 1", "2"),
]

BEFORE_COMPLETION = (
    "const Geo = { area: 1 }; enum Color { Red } class D { m() {} }; const π = 3;"
    "interface Who { name: string } type Either = Who | null;"
    "const rec1: { v: number; next?: number } = { v: 1 }; import cp from 'node:child_process';"
)

# A text that ends at the cursor, and what has to be among its completions; None for none at all.
COMPLETIONS = [
    ("const obj1 = { alpha: 1, 'be-ta': 2 }; obj1.al", "alpha"),
    ("unknown9.", None),
    ("unknown9?.", None),
    ("f(...Ge", "Geo"),
    ("Math.ma", "max"),
    ("import fs from 'node:f", "node:fs"),
    ("import d from './da", "./data.json"),
    ("'abc'.toUp", "toUpperCase"),
    ("`a${Math.fl", "floor"),
    ("new Ma", "Map"),
    ("const x: Arr", "Array"),
    ("console.", "log"),
    ("process.en", "env"),
    ("for (const x of Object.ke", "keys"),
    ("[1, 2].map((x) => x.toFi", "toFixed"),
    ("Geo.ar", "area"),
    ("Color.", "Red"),
    ("new D().", "m"),
    ("π", "π"),
    ("rec1.ne", "next"),
    ("rec1['", "next"),
    ("(1).", "toFixed"),
    ("/a/.te", "test"),
    ("await Promise.al", "all"),
    ("'😀'.", "length"),
    ("// comment Ma", None),
    ("'in a string Ma", None),
    ("{ Ge", "Geo"),
    ("function f(a: number) { a.", "toFixed"),
    ("class Q { x = 1; m() { this.", "x"),
    ("@log", None),
    ("Symbol.it", "iterator"),
    ("JSON.str", "stringify"),
    ("rec1?.[", "Geo"),
    ("cp.exe", "execSync"),
]


# A text with | for the cursor, and what its inspection says; None for nothing found.
INSPECTIONS = [
    ("Geo|", "const Geo: {"),
    ("Who|", "interface Who"),
    ("Either|", "type Either = Who | null"),
    ("D|", "class D"),
    ("new D().m(|", "m(): void"),
    ("unknown9|", None),
    ("rec1.nothing|", None),
    ("'a text|'", None),
    ("// rec1|", None),
    ("for|", None),
    ("rec1.ne|xt", "(property) next?:"),
    ("`${re|c1}`", "const rec1"),
    ("[1].map(|", "callbackfn"),
    ("import { jo|in } from 'node:path'", "Join all arguments"),
]


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    directory = tmp_path_factory.mktemp("typed")
    for name, text in FILES.items():
        (directory / name).write_text(text)
    running = Kernel(cwd=directory)
    yield running
    running.stop()


def test_cells_as_they_are_typed(typed):
    found = differing(typed, CELLS)
    VERDICTS.append(f"typed: {len(CELLS) - len(found)} of {len(CELLS)}")
    assert not found, "\n".join(found)


def test_completions_as_they_are_typed(typed):
    assert typed.run(BEFORE_COMPLETION).status == "ok"
    wrong = []
    for text, expected in COMPLETIONS:
        content = typed.client.complete(text, len(text), reply=True, timeout=TIMEOUT)["content"]
        json.dumps(content, ensure_ascii=False).encode()
        found = content["matches"]
        if (expected not in found) if expected else found:
            wrong.append((text, expected, found[:5]))
    VERDICTS.append(f"completions: {len(COMPLETIONS) - len(wrong)} of {len(COMPLETIONS)}")
    assert not wrong


def test_inspections_as_they_are_asked_for(typed):
    assert typed.run(BEFORE_COMPLETION).status == "ok"
    wrong = []
    for text, expected in INSPECTIONS:
        at = text.index("|") if "|" in text else len(text)
        content = typed.client.inspect(text[:at] + text[at + 1 :], at, reply=True, timeout=TIMEOUT)["content"]
        said = content["data"].get("text/plain", "")
        if content["found"] is not (expected is not None) or (expected or "") not in said:
            wrong.append((text, expected, said[:200]))
    VERDICTS.append(f"inspections: {len(INSPECTIONS) - len(wrong)} of {len(INSPECTIONS)}")
    assert not wrong
