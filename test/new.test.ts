import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { needs } from './needs';

/** `npx implicit-lab new`, as a user has it who works next to a checkout of the course. */

const root = join(__dirname, '..');
const python = process.env.PYTHON ?? join(root, '.venv', 'bin', 'python');
const time = needs('time');
const run = promisify(execFile);
const command = join(root, 'course', 'bin', 'implicit-lab.cjs');

const place = mkdtempSync(join(tmpdir(), 'new-'));
const implicitLab = (...args: string[]) =>
  run(process.execPath, [command, ...args], { cwd: place });
afterAll(() => rmSync(place, { recursive: true, force: true }));

test('says where the packages are missing, and makes the notebook all the same', async () => {
  const { stdout } = await implicitLab('new', 'lost');
  expect(stdout).toMatch(/^Open lost[\\/]lost\.ipynb in JupyterLab/);
  expect(stdout).toContain('will not find the packages');
});

test('makes a notebook', async () => {
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  const { stdout } = await implicitLab('new', 'my-study');
  expect(stdout).not.toContain('will not find');
});

test.skipIf(!time.available)('which runs from top to bottom', async () => {
  const notebook = join(place, 'my-study', 'my-study.ipynb');
  await run(python, [join(root, 'test', 'lessons.py'), notebook]);
});

test('overwrites nothing, and says what is there', async () => {
  const notebook = join(place, 'my-study', 'my-study.ipynb');
  const before = readFileSync(notebook, 'utf8');
  const error = await implicitLab('new', 'my-study').catch((error) => error);
  expect(error).toMatchObject({ code: 2, stderr: expect.stringContaining('exists already') });
  expect(readFileSync(notebook, 'utf8')).toBe(before);
});

test.each([
  [['new'], 'takes one name'],
  [['new', 'two', 'names'], 'takes one name'],
  [['new', join('no', 'such')], 'There is no folder'],
])('%j is told what to do', async (args, words) => {
  const error = await implicitLab(...args).catch((error) => error);
  expect(error).toMatchObject({ code: 2, stderr: expect.stringContaining(words) });
  expect(existsSync(join(place, 'no'))).toBe(false);
});
