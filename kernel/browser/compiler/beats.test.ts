import { describe, expect, test } from 'vitest';
import { withBeats } from './beats';

/** How often code has beaten. */
function beatsOf(code: string): number {
  const compiled = withBeats({ code, mappings: '' }).code;
  let beats = 0;
  const run = new Function('__beat', 'require', '__implicit_cell__', compiled);
  run(() => {
    beats += 1;
    return 0;
  });
  return beats;
}

describe('withBeats', () => {
  test.each([
    ['a for loop', 'for (let i = 0; i < 3; i++) String(i);', 3],
    ['a loop that only counts', 'for (let i = 0; i < 2e5; i++) Math.abs(i);', 3],
    ['a loop around one', 'for (let i = 0; i < 3; i++) for (let j = 0; j < 5; j++) j;', 3],
    [
      'a loop that counts itself back',
      'let n = 0; for (let i = 0; i < 3; i++) if (n++ < 2e5) i--;',
      3,
    ],
    ['a short loop, which is over before', 'for (let i = 0; i < 3; i++);', 0],
    ['a loop that makes something in each round', 'for (let i = 0; i < 3; i++) [...[i]];', 3],
    ['a while loop', 'let i = 0; while (i < 3) String(i++);', 3],
    ['a while loop that is quick', 'let i = 0; while (i < 2e5) i++;', 3],
    ['a while loop that asks a function', 'let i = 0; while (Number(i) < 3) i++;', 3],
    ['a do loop', 'let i = 0; do String(i++); while (i < 3);', 3],
    ['a do loop that is quick', 'let i = 0; do i++; while (i < 2e5);', 3],
    ['a for loop that asks a function', 'for (let i = 0; i < Number(3); i++);', 3],
    ['a for loop without an end', 'let i = 0; for (;;) { if (i++ > 2e5) break; }', 3],
    ['for of', 'for (const x of [1, 2, 3]) { x; }', 3],
    ['for in', 'for (const x in { a: 1, b: 2, c: 3 }) x;', 3],
    ['recursion', 'function f(n) { return n < 2 ? n : f(n - 1); } f(3);', 3],
    ['an arrow that calls itself', 'const f = (n) => (n < 2 ? n : f(n - 1)); f(3);', 3],
    ['a method', 'const o = { f(n) { return n < 2 ? n : this.f(n - 1); } }; o.f(3);', 3],
    [
      'a method of a class',
      'class A { f(n) { return n < 2 ? n : this.f(n - 1); } } new A().f(3);',
      3,
    ],
    [
      'functions that call each other',
      'function f(n) { return n < 2 ? n : g(n - 1); } function g(n) { return f(n); } f(2);',
      3,
    ],
    ['a callback', '[1, 2, 3].map((x) => 2 * x);', 3],
    ['a callback with a body', '[1, 2, 3].forEach(function (x) { x; });', 3],
    [
      'a function that hands itself on',
      'const f = (n) => { if (n > 0) [n - 1].forEach(f); }; f(2);',
      3,
    ],
    ['a generator', 'function* f(n) { while (n > 0) yield n--; } [...f(3)];', 3],
    ['a callback by its name', 'const f = (x) => 2 * x; [1, 2, 3].map(f);', 3],
    ['a callback in a box', 'const b = {}; const f = (x) => x; b.f = f; [1, 2, 3].map(b.f);', 3],
    [
      'a constructor that makes others',
      'class A { constructor(n) { if (n > 0) this.a = new A(n - 1); } } new A(2);',
      3,
    ],
    [
      'a constructor behind another',
      'class B {} class A extends B { constructor(n) { super(); if (n > 0) new A(n - 1); } } new A(2);',
      3,
    ],
    [
      'a getter that asks others',
      'const o = { n: 2, get v() { return this.n-- > 0 ? this.v : 0; } }; o.v;',
      3,
    ],
    [
      'a setter that sets others',
      'const o = { set v(n) { if (n > 0) this.v = n - 1; } }; o.v = 2;',
      3,
    ],
    [
      'what traps the uses of an object',
      'const p = new Proxy({}, { get(o, k) { return k; }, has: () => true }); p.a; p.b; "c" in p;',
      3,
    ],
    ['a function that is called once', 'function f() { return 1; } f();', 0],
  ])('beats in %s', (_name, code, count) => {
    expect(beatsOf(code)).toBe(count);
  });

  test.each([
    ['for', 'let s = 0; for (let i = 0; i < 2e5; i++) s += i % 7; return s;'],
    ['without a body', 'let i; for (i = 0; i < 2e5; i++); return i;'],
    [
      'that counts down in its condition',
      'let i = 2e5, n = 0; while (i-- > 0) n++; return [i, n];',
    ],
    ['that is left', 'let i = 0; for (;;) { if (i === 1e5) break; i++; } return i;'],
    [
      'that is left in a switch',
      `let i = 0, n = 0;
      for (; i < 2e5; i++) { switch (i % 3) { case 0: break; case 1: continue; default: n++; } n++; }
      return [i, n];`,
    ],
    [
      'that leaves one around it',
      `let n = 0;
      outer: for (const j of [1, 2, 3]) { for (let i = 0; i < 1e5; i++) { if (i > 10 * j) continue outer; n++; } }
      return n;`,
    ],
    [
      'that goes on by its label',
      `let n = 0;
      a: b: for (let i = 0; i < 1e5; i++) { if (i % 2) continue a; if (i > 9e4) break b; n++; }
      return n;`,
    ],
    ['that returns', 'for (let i = 0; ; i++) if (i * i > 1e10) return i;'],
    [
      'with two counters',
      'let s = 0; for (let i = 0, j = 1e5; i < j; i++, j--) s += j - i; return s;',
    ],
    ['do', 'let i = 0; do { i += 2; if (i === 7e4) break; } while (i < 2e5); return i;'],
    [
      'do that continues',
      'let i = 0, n = 0; do { i++; if (i % 2) continue; n++; } while (i < 1e5); return [i, n];',
    ],
    [
      'whose variables are held',
      'const f = []; for (let i = 0; i < 3; i++) f.push(() => i); return f.map((g) => g());',
    ],
    [
      'whose first variable is held',
      'let g; for (let i = 0, f = () => i; i < 3; i++) g = f; return g();',
    ],
    ['in a generator', 'function* f() { for (let i = 0; i < 3; i++) yield i; } return [...f()];'],
    [
      'around others',
      `let s = 0;
      for (let i = 0; i < 40; i++) for (let j = 0; j < 40; j++) for (let k = 0; k < 40; k++) s += i * j - k;
      return s;`,
    ],
  ])('a loop %s does what it did', (_name, body) => {
    const found: unknown[] = [];
    const code = `__found.push((() => { ${body} })());`;
    new Function('__found', code)(found);
    const { code: beating } = withBeats({ code, mappings: '' });
    new Function('__found', '__beat', 'require', '__implicit_cell__', beating)(found, () => 0);
    expect(found).toHaveLength(2);
    expect(found[1]).toEqual(found[0]);
  });

  test('there is no call within the rounds of a tight loop, which would make them slow', () => {
    const { code } = withBeats({
      code: 'const sum = (a) => { let s = 0; for (let i = 0; i < a.length; i++) s += a[i]; return s; };',
      mappings: '',
    });
    const [, rounds = ''] = code.split('let __round');
    expect(rounds.replace(/\s+/g, ' ')).toMatch(
      /^ = 0; __round < 65536; __round\+\+, i\+\+\) \{ if \(!\(i < a.length\)\) break __loop; s \+= a\[i\]; \}/,
    );
  });

  test('leaves directives where they are, and what a function returns', () => {
    const code = `globalThis.found = [1].map(function () { 'use strict'; return this; })[0];
      globalThis.pair = [2].map((x) => ({ x }))[0];`;
    const before = globalThis as { found?: unknown; pair?: unknown };
    beatsOf(code);
    expect(before.found).toBeUndefined();
    expect(before.pair).toEqual({ x: 2 });
  });
});
