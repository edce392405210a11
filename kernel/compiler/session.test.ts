import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { onDisk } from '../node/compiler/disk';
import { Session } from './session';

leaveOutOfQuickRun();

const session = new Session(onDisk(process.cwd()));

/** The executable form of a cell, without line breaks. */
function code(cell: string): string {
  const compiled = session.compile(cell);
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.messageText);
  return compiled.code.replace(/\s+/g, ' ');
}

test('a name is one box wherever it is used', () => {
  const text = code('let s = 1; const f = () => { s += 1; return { s } }; f()');
  expect(text).toContain('s__implicit_box.s = 1');
  expect(text).toContain('s__implicit_box.s += 1');
  expect(text).toContain('{ s: s__implicit_box.s }');
  expect(text).toContain('__implicit_cell__.result((0, f__implicit_box.f)())');
});

test('a local name that looks like a shared one stays local', () => {
  session.compile('let x = 1');
  session.commit();
  const text = code('const g = (x: number) => { const y = x; return { x, y } }');
  expect(text).not.toContain('x__implicit_box');
});

test('the name of a property in a pattern is not a name of an earlier cell', () => {
  session.reset();
  for (const cell of ['const f = (x: number) => ({ a: x })', 'const loss = 3']) {
    session.compile(cell);
    session.commit();
  }
  expect(code('const { a: b } = f(1)')).toContain(
    '({ a: b__implicit_box.b } = (0, f__implicit_box.f)(1))',
  );
  const nested = code('const g = ({ loss: v = loss, deep: { loss: w } }: any) => v + w');
  expect(nested).toContain('({ loss: v = loss__implicit_box.loss, deep: { loss: w } }) => v + w');
  session.reset();
});

test('types leave nothing behind', () => {
  expect(code('interface I { a: number } type T = I; export type { T }')).toBe('"use strict"; ');
});

test('declarations count only once they are committed, and as far as they came', () => {
  session.reset();
  session.compile('const first: number = 1; const second = 2; function third() {}');
  expect(session.compile('first').ok).toBe(false);
  session.compile('const first: number = 1; const second = 2; function third() {}');
  session.commit(['first', 'third']);
  expect(session.compile('first + 1; third()').ok).toBe(true);
  expect(session.compile('second').ok).toBe(false);
});

test('completion offers what begins as the text does, and where to put it', () => {
  session.reset();
  session.compile('const giraffe = { neck: 3, legs: 4 }');
  session.commit();
  expect(session.complete('giraffe.ne + 1', 10)).toMatchObject({
    matches: ['neck'],
    start: 8,
    end: 10,
  });
});

test('inspection tells the type and the documentation', () => {
  const text = session.inspect('Array.isArray', 13);
  expect(text).toContain('isArray(arg: any): arg is any[]');
  expect(session.inspect('', 0)).toBeUndefined();
});

test('after an error inside the compiler the cell is tried with a fresh one, and nothing is lost', () => {
  session.reset();
  session.compile('const kept = 1');
  session.commit();
  const broken = vi.spyOn(Reflect.get(session, 'project'), 'program').mockImplementation(() => {
    throw new Error('Unexpected pending rebuildTimer');
  });
  // One that the lasting checker leaves to the service.
  expect(session.compile('enum E { A } kept + E.A').ok).toBe(true);
  expect(broken).toHaveBeenCalledTimes(1);
});

test('a cell that is run again is checked again once a name in it means something else', () => {
  const again = new Session(onDisk(process.cwd()));
  const run = (cell: string): boolean => {
    const { ok } = again.compile(cell);
    if (ok) again.commit();
    return ok;
  };
  run('const a = 1');
  const first = again.compile('const b = a.toFixed()');
  again.commit();
  expect(again.compile('const b = a.toFixed()')).toEqual(first);
  again.commit();
  expect(run('b.length + 1')).toBe(true);
  run("const a = 'text'");
  expect(run('const b = a.toFixed()')).toBe(false);
  run("declare module 'nowhere' { export const n: number }");
  expect(run("import { n } from 'nowhere'; n.toFixed()")).toBe(true);
  run("declare module 'nowhere' { export const n: string }");
  expect(run("import { n } from 'nowhere'; n.toFixed()")).toBe(false);
  again.reset();
  expect(run('const b = a.toFixed()')).toBe(false);
});

test('a name that has moved to another package is looked for there, and only there', () => {
  const beside = onDisk(join(process.cwd(), 'notebooks'));
  const cells = new Session(beside);
  const messages = (cell: string) => {
    const compiled = cells.compile(cell);
    return compiled.ok ? [] : compiled.diagnostics.map(({ messageText }) => messageText);
  };
  expect(messages("import { cg, figure, type Verdict } from 'implicit-lab';")).toEqual([
    "figure and Verdict are in the package implicit-lab-course now, no longer in implicit-lab: import { figure, Verdict } from 'implicit-lab-course';",
  ]);
  const [misspelt] = messages("import { figgure, cgg } from 'implicit-lab';");
  expect(misspelt).toMatch(/has no exported member/);
  expect(
    messages("import { cg } from 'implicit-lab';\nimport { figure } from 'implicit-lab-course';"),
  ).toEqual([]);
});
