import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { needs } from '../../test/needs';

const slow = needs('time');

let folder: string;
const cache = () => join(folder, 'node_modules', '.cache', 'implicit-kernel');

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'kernel-modules-')));
  mkdirSync(join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"name":"library"}');
  writeFileSync(
    join(folder, 'main.cjs'),
    "console.log(require('./index.ts').value); setTimeout(() => {}, 1500);",
  );
  write('export const value: number = 1;');
  return () => rmSync(folder, { recursive: true });
});

let time = Date.now() / 1000 - 1000;

function write(text: string): void {
  const file = join(folder, 'index.ts');
  writeFileSync(file, text);
  time += 10;
  utimesSync(file, time, time);
}

/** What the module's `value` is, in a process that reads TypeScript as that of cells does. */
function value(): string {
  const boot = join(__dirname, 'boot.cjs');
  return execFileSync(process.execPath, [boot, join(folder, 'main.cjs')], {
    encoding: 'utf8',
    cwd: folder,
  }).trim();
}

/** The file in which what was made is kept. */
function kept(): string {
  const [name] = readdirSync(cache());
  return join(cache(), name!);
}

test.skipIf(!slow.available)('what was made of a file is used until the file changes', () => {
  expect(value()).toBe('1');
  const json = readFileSync(kept(), 'utf8')
    .split('\n')
    .slice(1)
    .join('\n')
    .replaceAll('value=1', 'value=9');
  writeFileSync(kept(), `${createHash('sha1').update(json).digest('hex')}\n${json}`);
  expect(value()).toBe('9');
  write('export const value: number = 2;');
  expect(value()).toBe('2');
  expect(value()).toBe('2');
});

test.skipIf(!slow.available)('a damaged file of what was made is not used', () => {
  expect(value()).toBe('1');
  const text = readFileSync(kept(), 'utf8');
  expect(text).toContain('value=1');
  writeFileSync(kept(), text.replaceAll('value=1', 'value=9'));
  expect(value()).toBe('1');
  writeFileSync(kept(), text.slice(0, 100));
  expect(value()).toBe('1');
});

test.skipIf(!slow.available)('where nothing can be kept, all is made again', () => {
  writeFileSync(join(folder, 'node_modules', '.cache'), '');
  expect(value()).toBe('1');
  write('export const value: number = 3;');
  expect(value()).toBe('3');
});

test.skipIf(!slow.available)(
  'files share the namespace of a module, which stays live and grows',
  () => {
    const at = (name: string, text: string) => writeFileSync(join(folder, name), text);
    at('other.ts', "import * as all from './counter'; export const seen = all;");
    at('counter.ts', 'export let count = 0; export const more = () => ++count; export default 7;');
    at('plain.cjs', 'exports.first = 1; exports.grow = () => { exports.later = 2; };');
    at(
      'early.ts',
      "import * as plain from './plain.cjs'; plain.grow(); export const early = plain;",
    );
    write(`import * as all from './counter'; import seven from './counter';
    import * as plain from './plain.cjs'; import whole from './plain.cjs';
    import { seen } from './other'; import { early } from './early';
    import * as grown from './plain.cjs'; import * as path from 'node:path';
    all.more();
    export const value = JSON.stringify([
      seen === all, all.count, seen.count, seven, all.default, Object.keys(all).sort(),
      early.first, Object.keys(require('./late.ts').late), whole.first, path.default === require('node:path'),
      plain.default === whole, Object.keys(grown).length > 0,
    ]);`);
    at('late.ts', "import * as plain from './plain.cjs'; export const late = plain;");
    expect(JSON.parse(value())).toEqual([
      true,
      1,
      1,
      7,
      7,
      ['count', 'default', 'more'],
      1,
      ['default', 'first', 'grow', 'later'],
      1,
      true,
      true,
      true,
    ]);
  },
);
