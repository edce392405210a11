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
      'let n = 0; for (let i = 0; i < 3; i++) if (n++ < 4) i--;',
      1,
    ],
    ['a loop that sets its counter', 'let n = 0; for (let i = 0; i < 3; i++) i = n++;', 1],
    [
      'a loop that destructures its counter',
      'let n = 0; for (let i = 0; i < 3; i++) [i] = [n++];',
      1,
    ],
    ['a loop over a shared counter', 'let i; for (i = 0; i < 3; i++);', 1],
    ['a loop of fractions', 'for (let i = 0.5; i < 3; i++);', 1],
    ['a while loop', 'let i = 0; while (i < 3) String(i++);', 3],
    ['a while loop that is quick', 'let i = 0; while (i < 2e5) i++;', 4],
    ['a while loop that asks a function', 'let i = 0; while (Number(i) < 3) i++;', 3],
    ['a do loop', 'let i = 0; do String(i++); while (i < 3);', 3],
    ['a do loop that is quick', 'let i = 0; do i++; while (i < 2e5);', 4],
    ['a for loop that asks a function', 'for (let i = 0; i < Number(3); i++);', 3],
    ['a for loop without an end', 'let i = 0; for (;;) { if (i++ > 2e5) break; }', 4],
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
    ['a function that is called once', 'function f() { return 1; } f();', 0],
  ])('beats in %s', (_name, code, count) => {
    expect(beatsOf(code)).toBe(count);
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
