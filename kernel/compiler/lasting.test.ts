import { expect, test } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { onDisk } from '../node/compiler/disk';
import { LastingChecker } from './lasting';
import { Session } from './session';

leaveOutOfQuickRun();

/** In their order: later ones use the names of earlier ones. */
const CELLS = [
  '1 + 1',
  'const a: number[] = [1, 2]; const { b = 1, ...rest } = { c: 2 } as { b?: number; c: number }',
  'a.map((x) => x + b).concat(rest.c)',
  'interface I { x: number } type T<V> = I & { v: V }; export class C<V> { private p = 1; constructor(readonly v: V) {} }',
  "const c = new C('v'); const t: T<string> = { x: 1, v: c.v }; export { type I as J }",
  'const enum E { A = 1, B = A << 2 } enum S { X = "x" }',
  'const e: E = E.B; const s = S.X; [e, s]',
  'namespace N { export const deep = 1; export type D = typeof deep } function over(x: string): 1; function over(x: number): 2; function over(x: any): any { return x }',
  'const d: N.D = N.deep; over(1)',
  'const mixin = <B extends new (...a: any[]) => object>(Base: B) => class extends Base { private z = 1 }; const M = mixin(C)',
  "new M('q')",
  'async function* g() { yield* [1, 2] } for await (const x of g()) console.log(x)',
  'let list = []; for (const x of [1]) list.push(x)',
  'list.map((x) => x)',
  "import { basename } from 'node:path'; import type { Stats } from 'node:fs'; let stats: Stats | undefined",
  "basename('/a/b').length; stats?.size",
  'function dec(value: unknown, context: ClassMethodDecoratorContext) {} class D { @dec m() { return 1 } accessor n = 2 }',
  'class F extends D { override m() { return super.m() + 1 } } new F().m()',
  '{ using u = { [Symbol.dispose]() {} }; }',
  'let n = 0; n++; n += 2; [n] = [5]; ({ n } = { n: 6 })',
  'n',
  'export default class { hi() {} }',
  'declare global { interface Array<T> { second(): T | undefined } }',
  'a.second()',
  "declare module 'untyped' { export const u: number }",
  'const C2 = C; class C { other = 1 } new C().other',
  'new C().other.toFixed()',
  'var v = 1; var v = 2; if (n) { var w = 3 } w',
  'process.pid + n',
  '[E.A, S.X]',
  'declare const ambient: number; typeof ambient',
];

const WRONG = [
  "a.push('text')",
  'new C().v',
  'nothing',
  'const x: string = n',
  'basename(5)',
  'let',
  '<b/>',
  'n = "t"',
];

function sessions(): [lasting: Session, plain: Session, accepted: () => number] {
  const made = [1, 2].map(() => new Session(onDisk(__dirname)));
  const { accepts } = LastingChecker.prototype;
  let count = 0;
  const [lasting, plain] = made as [Session, Session];
  Object.assign(opened(lasting).lasting, {
    accepts(this: LastingChecker, ...given: Parameters<typeof accepts>) {
      const isGood = accepts.apply(this, given);
      if (isGood) count++;
      return isGood;
    },
  });
  // As it is where TypeScript has changed what it keeps to itself.
  opened(plain).lasting = new LastingChecker(opened(plain).project, {});
  return [lasting, plain, () => count];
}

interface Opened {
  lasting: LastingChecker;
  project: ConstructorParameters<typeof LastingChecker>[0];
}

function opened(session: Session): Opened {
  return session as unknown as Opened;
}

test('what the lasting checker accepts becomes the same code, and what is wrong is told as the service tells it', () => {
  const [lasting, plain, accepted] = sessions();
  for (const [i, cell] of CELLS.entries()) {
    expect([cell, lasting.compile(cell)]).toEqual([cell, plain.compile(cell)]);
    lasting.commit();
    plain.commit();
    for (const wrong of i === CELLS.length - 1 ? WRONG : []) {
      const told = plain.compile(wrong);
      expect([cell, wrong, lasting.compile(wrong)]).toEqual([cell, wrong, told]);
    }
  }
  for (const asked of ['a.', 'new C(', 'list.ma', 'N.', 'E.', 'a.map((x) => x.']) {
    const complete = (session: Session) => session.complete(asked, asked.length);
    expect([asked, complete(lasting)]).toEqual([asked, complete(plain)]);
    expect(lasting.inspect(asked, 1)).toEqual(plain.inspect(asked, 1));
  }
  expect(lasting.complete('a.', 2).matches).toContain('concat');
  // All others import, declare an enumeration, change what all see, or take more than one look.
  expect(accepted()).toBeGreaterThan(15);
});

test('a name that was redefined means the new one in all later cells, and one that a failed cell has not made is unknown', () => {
  const [lasting] = sessions();
  const run = (cell: string, made?: string[]): boolean => {
    const { ok } = lasting.compile(cell);
    if (ok) lasting.commit(made);
    return ok;
  };
  expect(run("const x = 'text'")).toBe(true);
  expect(run('x.length')).toBe(true);
  expect(run('const x = 5')).toBe(true);
  expect(run('x.length')).toBe(false);
  expect(run('const again = [1]')).toBe(true);
  // As expressions of a front end are, which no cell keeps.
  lasting.compile("const again = 'another'");
  expect(run('const again = [1]')).toBe(true);
  expect(run('again.push(2)')).toBe(true);
  expect(run('const made = 1, lost = 2', ['made'])).toBe(true);
  expect(run('made + 1')).toBe(true);
  expect(run('lost + 1')).toBe(false);
  lasting.reset();
  expect(run('made')).toBe(false);
  expect(run('const made = "again"; made.length')).toBe(true);
});
