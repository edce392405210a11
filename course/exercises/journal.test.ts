import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { check, hint, progressMap, todo } from '.';
import { readJournal, remember, standings } from './journal';

let folder: string;
let file: string;
let shown: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
  file = join(folder, 'progress.jsonl');
  vi.stubEnv('IMPLICIT_LAB_PROGRESS', file);
  shown = [];
  vi.spyOn(console, 'log').mockImplementation((words) => void shown.push(words));
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const standingOf = (id: string) => standings(readJournal().entries).get(id);

describe('the journal', () => {
  it('keeps what several processes write at the same time', async () => {
    const program = `
      require('tsx/cjs');
      const { remember } = require(${JSON.stringify(join(__dirname, 'journal'))});
      for (let i = 0; i < 200; i++) remember({ exercise: 'a-' + process.argv[1], event: 'hint' });`;
    const run = (name: string) =>
      new Promise((resolve) => {
        spawn(process.execPath, ['-e', program, name], { cwd: __dirname }).on('exit', resolve);
      });
    expect(await Promise.all(['1', '2', '3'].map(run))).toEqual([0, 0, 0]);
    const { entries, notice } = readJournal();
    expect(notice).toBeUndefined();
    expect(entries).toHaveLength(600);
    expect(standingOf('a-2')?.hints).toBe(200);
  });

  it('sets a broken file aside, says so, and goes on with what can be read', () => {
    remember({ exercise: 'ift-01', event: 'check', status: 'right' });
    const torn = `${readFileSync(file, 'utf8')}\n{"exercise":"ift-01","ev\n[]`;
    writeFileSync(file, torn);
    remember({ exercise: 'ift-02', event: 'hint' });
    const whole = readFileSync(file, 'utf8');

    const { entries, notice } = readJournal();
    expect(entries.map(({ exercise }) => exercise)).toEqual(['ift-01', 'ift-02']);
    const [aside] = readdirSync(folder).filter((name) => name.includes('broken'));
    expect(notice).toContain(
      `2 lines of progress.jsonl could not be read. The file is kept as ${aside}`,
    );
    expect(readFileSync(join(folder, aside!), 'utf8')).toBe(whole);
    expect(readJournal()).toEqual({ entries });
  });

  it('does without a file that cannot be written or read', () => {
    mkdirSync(file);
    expect(remember({ exercise: 'ift-01', event: 'hint' })).toContain('could not be saved');
    expect(readJournal()).toMatchObject({
      entries: [],
      notice: expect.stringContaining('cannot be read'),
    });
    vi.stubEnv('IMPLICIT_LAB_PROGRESS', 'off');
    expect(remember({ exercise: 'ift-01', event: 'hint' })).toBeUndefined();
    expect(readJournal()).toEqual({ entries: [] });
  });
});

describe('check, hint and progressMap', () => {
  const right = (
    A: { apply(v: Float64Array): Float64Array },
    b: Float64Array,
    alpha: number,
    terms: number,
  ) => {
    let x = b;
    for (let k = terms - 1; k >= 1; k--) {
      const Ax = A.apply(x);
      x = x.map((value, i) => b[i]! + (1 - 1 / (2 * k)) * (value - alpha * Ax[i]!));
    }
    return x.map((value) => Math.sqrt(alpha) * value);
  };

  it('a check shows its verdict, returns and remembers it; done stays done', async () => {
    expect(await check('neumann-01', () => todo())).toMatchObject({ status: 'to-do' });
    expect(standingOf('neumann-01')).toMatchObject({ isDone: false, checks: 0 });
    expect(await check('neumann-01', right)).toMatchObject({ status: 'right', passed: true });
    expect(await check('neumann-01', () => 1)).toMatchObject({ status: 'shape' });
    expect(standingOf('neumann-01')).toMatchObject({ isDone: true, checks: 2 });
    expect(shown).toEqual([
      expect.stringContaining('○ neumann-01: still to do'),
      '✓ neumann-01: right',
      expect.stringContaining('✗ neumann-01: the result has another form'),
    ]);
  });

  it('an unknown id is told, with the one that was meant, and not remembered', async () => {
    const { status, explanation } = await check('neuman-01', right);
    expect(status).toBe('broken');
    expect(explanation).toContain('Did you mean neumann-01?');
    expect(await hint('../../index')).toBeUndefined();
    expect(await check(7 as never, right)).toMatchObject({ status: 'broken' });
    expect(readJournal().entries).toEqual([]);
  });

  it('hints come one after the other, also in another kernel, and begin again', async () => {
    const numbers = [];
    for (let i = 0; i < 4; i++) numbers.push((await hint('euler-01'))?.number);
    expect(numbers).toEqual([1, 2, 3, 1]);
    expect(shown[1]).toContain('euler-01, hint 2 of 3\n');
  });

  it('a value that was shown is not shown again by the notebook', async () => {
    const verdict = await check('neumann-01', right);
    const method = Reflect.get(verdict, Symbol.for('Jupyter.display')) as () => object;
    expect(method()).toEqual({});
  });

  it('the map names every lesson, what is done and tried, and what is next', async () => {
    await check('euler-01', (_: unknown, y: Float64Array) => y);
    await check('neumann-01', right);
    shown = [];
    await progressMap();
    const [map] = shown as [string];
    expect(map).toMatch(/^1 of \d+ exercises done, about .* left/);
    expect(map).toContain('05  Which parameters of a network deserve an implicit step?');
    expect(map).toMatch(/◐ euler-01 +One step of backward Euler/);
    expect(map).toMatch(/✓ neumann-01/);
    expect(map).toMatch(/○ ift-01/);
    expect(map).toMatch(/Next: [a-z]+-\d\d, /);
  });
});
