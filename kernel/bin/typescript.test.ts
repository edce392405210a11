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

test.skipIf(!slow.available)('where nothing can be kept, all is made anew', () => {
  writeFileSync(join(folder, 'node_modules', '.cache'), '');
  expect(value()).toBe('1');
  write('export const value: number = 3;');
  expect(value()).toBe('3');
});
