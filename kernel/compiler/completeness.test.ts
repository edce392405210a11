import { expect, test } from 'vitest';
import { completeness } from './completeness';

test.for([
  ['1 + 1', 'complete'],
  ['', 'complete'],
  ['const a = `x\ny`', 'complete'],
  ['if (x) {\n}', 'complete'],
  ['`open', 'incomplete'],
  ['f(1,', 'incomplete'],
  ['class A {', 'incomplete'],
  ['/* open', 'incomplete'],
  ['const a =', 'incomplete'],
  ['let 1x', 'invalid'],
  ['f())', 'invalid'],
  ['const s = "open', 'invalid'],
] as const)('%s is %s', ([code, status]) => {
  expect(completeness(code).status).toBe(status);
});

test('the next line is indented behind an opened bracket', () => {
  expect(completeness('  function f() {')).toEqual({ status: 'incomplete', indent: '    ' });
  expect(completeness('  f(1,')).toEqual({ status: 'incomplete', indent: '  ' });
});
