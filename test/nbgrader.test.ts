import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linesOf, type Notebook, textOf } from '../course/exercises/source/notebook';
import { needs } from './needs';

/** The exercises as a course of nbgrader: released, handed in, graded and given back by nbgrader. */

const nbgrader = needs('nbgrader');
const time = needs('time');
/** Each notebook that is handed in costs a kernel twice: one of each kind, with `FULL=1` more. */
const full = needs('full').available;

const root = join(__dirname, '..');
const LESSON = '09-inverse-hessian-products';
const RIGHT = `
  let x = b;
  for (let k = terms - 1; k >= 1; k--) {
    const Ax = A.apply(x);
    x = x.map((value, i) => b[i]! + (1 - 1 / (2 * k)) * (value - alpha * Ax[i]!));
  }
  return x.map((value) => Math.sqrt(alpha) * value);`;

describe.skipIf(!nbgrader.available || !time.available)('npm run nbgrader', () => {
  let course: string;

  const run = (...args: string[]) =>
    new Promise<{ status: number; output: string }>((resolve) => {
      const command = [join(root, 'setup', 'nbgrader.mjs'), course, ...args];
      execFile(process.execPath, command, { maxBuffer: 1e8 }, (error, stdout, stderr) =>
        resolve({ status: error ? Number(error.code) : 0, output: stdout + stderr }),
      );
    });
  const notebookIn = (...path: string[]): Notebook =>
    JSON.parse(readFileSync(join(course, ...path, LESSON, `${LESSON}.ipynb`), 'utf8'));

  /** Hands in what was released, with other code in place of the first stub. */
  function submit(student: string, change: (notebook: Notebook) => string) {
    const folder = join(course, 'submitted', student, LESSON);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${LESSON}.ipynb`), change(notebookIn('release')));
  }

  const answering = (code: string) => (notebook: Notebook) => {
    const cell = notebook.cells.find((cell) => textOf(cell).includes('return todo();'))!;
    cell.source = linesOf(textOf(cell).replace('return todo();', () => code));
    return JSON.stringify(notebook);
  };

  beforeAll(async () => {
    course = mkdtempSync(join(tmpdir(), 'nbgrader-'));
    expect(await run()).toMatchObject({ status: 0 });
  });

  afterAll(() => rmSync(course, { recursive: true, force: true }));

  test('releases stubs and locked checks, with points by difficulty and no solution', async () => {
    const { status, output } = await run('generate_assignment', LESSON);
    expect({ status, output }).toMatchObject({ status: 0 });
    const cells = notebookIn('release').cells;
    const text = cells.map(textOf).join('\n');
    expect(text.match(/return todo\(\);/g)).toHaveLength(2);
    // What only the solutions say.
    expect(text).not.toMatch(/\(alpha\) \*|implicit-lab-stub/);
    expect(JSON.stringify(cells)).not.toContain('implicit-lab-stub');
    const graded = cells
      .map(({ metadata }) => metadata.nbgrader as Record<string, unknown> | undefined)
      .filter((grading) => grading?.grade);
    expect(graded.map((grading) => [grading!.grade_id, grading!.points, grading!.locked])).toEqual([
      ['neumann-01', 1, true],
      ['fixed-01', 2, true],
    ]);
  });

  test('grades what is right, wrong or torn, and what cheats, and gives the diagnosis back', async () => {
    submit('right', answering(RIGHT));
    submit('wrong', answering(RIGHT.replace('Math.sqrt(alpha) * ', '')));
    if (full) {
      submit('endless', answering('for (;;) {}'));
      submit('empty', (notebook) => JSON.stringify({ ...notebook, cells: [] }));
      submit('untouched', (notebook) => JSON.stringify(notebook));
      submit('broken', answering('return ]'));
    }
    submit('cheat', (notebook) => {
      answering('return b;')(notebook);
      for (const cell of notebook.cells) {
        const text = textOf(cell).replace(/if \(!passed\).*/, '');
        cell.source = linesOf(text);
      }
      return JSON.stringify(notebook);
    });
    submit('torn', () => '{"cells": [');
    // What is endless costs it; of what ends by itself, the first cell waits for the compiler.
    const seconds = full ? 300 : 1200;
    const graded = await run(
      'autograde',
      LESSON,
      `--ExecutePreprocessor.timeout=${seconds}`,
      '--ExecutePreprocessor.startup_timeout=1200',
    );
    // It names the one that it cannot read, and goes on.
    expect(graded.output).toMatch(/error processing assignment .* for student 'torn'/);
    expect(new Set(graded.output.match(/for student '\w+'/g))).toEqual(
      new Set(["for student 'torn'"]),
    );

    expect(await run('export')).toMatchObject({ status: 0 });
    const [head, ...rows] = readFileSync(join(course, 'grades.csv'), 'utf8').trim().split('\n');
    const columns = head!.trim().split(',');
    const scores = Object.fromEntries(
      rows.map((row) => {
        const values = row.trim().split(',');
        const at = (name: string) => values[columns.indexOf(name)]!;
        return [at('student_id'), [Number(at('score')), Number(at('max_score'))]];
      }),
    );
    const none = [0, 3];
    expect(scores).toMatchObject({
      right: [1, 3],
      wrong: none,
      cheat: none,
      ...(full && { endless: none, empty: none, untouched: none, broken: none }),
    });

    expect((await run('generate_feedback', LESSON)).output).not.toContain('ERROR');
    const feedback = (student: string) =>
      readFileSync(join(course, 'feedback', student, LESSON, `${LESSON}.html`), 'utf8');
    expect(feedback('wrong')).toContain('the factor √α in front');
    expect(feedback('wrong')).toContain('Score: 0.0 / 3.0');
    expect(feedback('right')).toContain('Score: 1.0 / 3.0');
    if (full) expect(feedback('endless')).toMatch(/KeyboardInterrupt|interrupted/i);
    expect(existsSync(join(course, 'feedback', 'torn', LESSON, `${LESSON}.html`))).toBe(false);
  });
});
