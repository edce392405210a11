import { expect, test } from 'vitest';
import { onDisk } from '../node/compiler/disk';
import { Session } from './session';

const session = new Session(onDisk(__dirname));
for (const cell of [
  "/** Of animals. */ const obj = { alalpha: 1, beta: 2, 'with space': 3 }",
  '/** Adds. */ function add(a: number, b: string): string { return a + b }',
  "type Mode = 'fast' | 'slow'; function run(mode: Mode) {} function opt(o: { rate: number; momentum?: number }) {}",
]) {
  session.compile(cell);
  session.commit();
}

/** `|` is the cursor. */
function complete(cell: string) {
  const at = cell.indexOf('|');
  const code = cell.slice(0, at) + cell.slice(at + 1);
  const found = session.complete(code, at);
  return { ...found, replaced: code.slice(found.start, found.end) };
}

test.for([
  ['obj["al|', ['alalpha'], 'al'],
  ['obj["al|"]', ['alalpha'], 'al'],
  ['obj["|"]', ['alalpha', 'beta', 'with space'], ''],
  ['obj.|', ['alalpha', 'beta'], ''],
  ['run("f|")', ['fast'], 'f'],
  ['run("|', ['fast', 'slow'], ''],
  ['opt({ |', ['momentum', 'rate'], ''],
  ['import { base| } from "node:path"', ['basename'], 'base'],
  ['import x from "./completion.t|"', ['./completion.test', './completion.ts'], './completion.t'],
  ['import x from "node:pat|"', ['node:path', 'node:path/posix', 'node:path/win32'], 'node:pat'],
  ['const p = "./globals|', ['./globals.d.ts'], './globals'],
  ['let mode: Mod|', ['Mode'], 'Mod'],
  ['document|', [], 'document'],
] as const)('%s', ([cell, matches, replaced]) => {
  const found = complete(cell);
  expect(found.matches).toEqual(expect.arrayContaining([...matches]));
  expect(found.matches.length).toBeLessThan(matches.length + 2);
  expect(found.replaced).toBe(replaced);
});

test('behind a parenthesis the signature, and no thousand globals', () => {
  const signature = 'add(a: number, b: string): string';
  for (const cell of ['add(|', 'add(1, |)']) {
    expect(complete(cell)).toMatchObject({ matches: [], signature });
  }
});

test('inspection in a call shows the signature, and a name of an earlier cell its documentation', () => {
  expect(session.inspect('add(1, )', 7)).toBe('add(a: number, b: string): string\n\nAdds.');
  expect(session.inspect('obj', 2)).toContain('Of animals.');
});
