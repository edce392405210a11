import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import { linesOf, type Notebook, textOf } from '../source/notebook';

const time = needs('time');

const ROOT = join(__dirname, '..', '..', '..');
const COMMAND = join(ROOT, 'course', 'bin', 'implicit-lab.cjs');
const LESSON = '09-inverse-hessian-products';

const RIGHT = `
  let x = b;
  for (let k = terms - 1; k >= 1; k--) {
    const Ax = A.apply(x);
    x = x.map((value, i) => b[i] + (1 - 1 / (2 * k)) * (value - alpha * Ax[i]));
  }
  return x.map((value) => Math.sqrt(alpha) * value);`;
const NO_FACTOR = RIGHT.replace('Math.sqrt(alpha) * ', '');

let course: string;
let environment: NodeJS.ProcessEnv;
/** What `reset` makes of the source. */
let untouched: string;

function makeCourse(): void {
  course = mkdtempSync(join(tmpdir(), 'course-'));
  mkdirSync(join(course, 'exercises'));
  writeFileSync(join(course, 'exercises', `${LESSON}.md`), firstExercise());
  environment = {
    ...process.env,
    IMPLICIT_LAB_COURSE: course,
    IMPLICIT_LAB_PROGRESS: join(course, 'progress.jsonl'),
  };
}

beforeAll(() => {
  makeCourse();
  expect(run('reset', 'neumann-01').status).toBe(0);
  untouched = readFileSync(file(), 'utf8');
  rmSync(course, { recursive: true });
});

beforeEach(() => {
  makeCourse();
  writeFileSync(file(), untouched);
});

afterEach(() => rmSync(course, { recursive: true, force: true }));

/** The source of the course's exercises, without those behind the first. */
function firstExercise(): string {
  const text = readFileSync(join(ROOT, 'exercises', `${LESSON}.md`), 'utf8');
  return text
    .split(/^(?=## )/m)
    .slice(0, 2)
    .join('');
}

function run(...args: string[]) {
  // What is checked ends by itself, however long a busy machine takes for it.
  const more = args[0] === 'check' && !args.includes('--seconds') ? ['--seconds', '900'] : [];
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args, ...more], {
    encoding: 'utf8',
    env: environment,
    cwd: course,
  });
  return { status, stdout, stderr };
}

const file = () => join(course, 'exercises', `${LESSON}.ipynb`);
const fresh = (): Notebook => JSON.parse(readFileSync(file(), 'utf8'));

/** The learner's notebook with other code in place of the stub, and more cells before it. */
function written(code: string, ...cells: string[]): string {
  const notebook = fresh();
  for (const cell of notebook.cells) {
    const text = textOf(cell).replace('return todo();', () => code);
    cell.source = linesOf(text);
  }
  const at = notebook.cells.findIndex((cell) => textOf(cell).includes('function inverseRoot'));
  const more = cells.map((text) => ({
    cell_type: 'code' as const,
    metadata: {},
    source: linesOf(text),
    outputs: [],
    execution_count: null,
  }));
  notebook.cells.splice(at, 0, ...more);
  return JSON.stringify(notebook);
}

const journal = () =>
  readFileSync(environment.IMPLICIT_LAB_PROGRESS!, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe('check', () => {
  it.skipIf(!time.available)(
    'says to do, names the mistake, says right, remembers, and tells by its status',
    () => {
      expect(run('check', 'neumann-01')).toMatchObject({
        status: 1,
        stdout: `○ neumann-01: still to do, in ${join('exercises', `${LESSON}.ipynb`)}\n`,
      });
      const mistake = written(NO_FACTOR);
      writeFileSync(file(), mistake);
      const wrong = run('check');
      expect(wrong.stdout).toContain('✗ neumann-01: the factor √α in front\n');
      expect(wrong.stdout).toContain('on the four terms probe, entry [');
      expect(wrong.stdout).toContain('0 of 1 right, 1 not yet, 0 still to do.');
      expect(wrong.status).toBe(1);

      run('reset', 'neumann-01');
      writeFileSync(file(), written(RIGHT));
      const right = run('check', 'neumann-01', '--json');
      expect(right.status).toBe(0);
      expect(JSON.parse(right.stdout)).toMatchObject({
        version: 1,
        results: [{ exercise: 'neumann-01', passed: true, status: 'right', evidence: [] }],
        problems: [],
        summary: { submissions: 1, checked: 1, passed: 1 },
      });
      expect(journal().map(({ event, status }) => [event, status])).toEqual([
        ['check', 'mistake'],
        ['check', 'right'],
      ]);
      expect(run('list').stdout).toMatch(/✓ neumann-01/);
    },
  );

  it.skipIf(!time.available)(
    'takes cells as a notebook does: declared twice, failing, with magic, of another name',
    () => {
      const cells = [
        'const x = 1; let y = 2;',
        'const x = 3;\nfunction inverseRoot() { return 0; }',
        '%time\nthrow new Error("an experiment that failed");',
        'let 1x = ;',
        'import { cg, neumann } from "implicit-lab"; import { cg } from "implicit-lab"; cg({});',
        'import { neumann } from "implicit-lab"; class Point {}\nclass Point {}',
        'await new Promise((resolve) => setTimeout(resolve, 5)); const neumann = 3;',
      ];
      writeFileSync(file(), written(RIGHT, ...cells));
      const { stdout, status } = run('check', 'neumann-01');
      expect(stdout).toContain('✓ neumann-01: right');
      expect(stdout).toContain(
        'Note: a cell of this exercise failed: Error: an experiment that failed',
      );
      expect(stdout).toContain('Note: a cell of this exercise failed: line 1:');
      expect(status).toBe(0);
    },
  );

  it('takes a notebook from when all names came from implicit-lab', () => {
    const old = written(RIGHT).replaceAll("'implicit-lab-course'", "'implicit-lab'");
    expect(old).not.toContain('implicit-lab-course');
    writeFileSync(file(), old);
    expect(run('check', 'neumann-01').stdout).toContain('✓ neumann-01: right');
  });

  it.skipIf(!time.available)('knows what was meant, what is missing and what is broken', () => {
    expect(run('check', 'neuman-1')).toMatchObject({ status: 2, stdout: '' });
    expect(run('check', 'neuman-1').stderr).toContain('Did you mean neumann-01?');
    writeFileSync(file(), '{ "cells": [');
    const broken = run('check', 'neumann-01');
    expect(broken.status).toBe(2);
    expect(broken.stderr).toContain('it is not a notebook');
    expect(broken.stderr).toContain('npx implicit-lab reset neumann-01');
    rmSync(file());
    expect(run('check', '--all').stderr).toContain('it is missing');
    expect(run('chekc')).toMatchObject({ status: 2 });
    expect(run('--help')).toMatchObject({ status: 0 });
    expect(run('check', '--seconds', 'soon')).toMatchObject({ status: 2 });
  });
});

describe('reset', () => {
  it.skipIf(!time.available)('puts the stub back where it was, and keeps what was there', () => {
    const mine = written(RIGHT, '// my own cell');
    writeFileSync(file(), mine);
    expect(run('reset', 'neumann-01').status).toBe(0);
    expect(fresh().cells.map(textOf).join()).toContain('return todo();');
    expect(fresh().cells.map(textOf).join()).not.toContain('my own cell');
    const folder = join(course, 'exercises', '.backup');
    const [copy] = readdirSync(folder);
    expect(readFileSync(join(folder, copy!), 'utf8')).toBe(mine);
  });

  it.skipIf(!time.available)(
    'makes a notebook again that cannot be read, and keeps that too',
    () => {
      const whole = fresh();
      writeFileSync(file(), '<<<<<<< HEAD');
      const { stdout } = run('reset', 'neumann-01');
      expect(stdout).toContain('all of it was made again');
      expect(fresh()).toEqual(whole);
      expect(readdirSync(join(course, 'exercises', '.backup'))).toHaveLength(1);
    },
  );

  it.skipIf(!time.available)('leaves the cells of others alone, wherever they are', () => {
    const notebook = fresh();
    const section = notebook.cells.findIndex((cell) => textOf(cell).startsWith('## neumann-01'));
    notebook.cells.splice(section, 0, {
      cell_type: 'markdown',
      metadata: {},
      source: ['## other-01 · Another\n'],
    });
    notebook.cells.push({ cell_type: 'markdown', metadata: {}, source: ['## other-02 · Last\n'] });
    notebook.cells = notebook.cells.filter(
      (cell) => !textOf(cell).includes('function inverseRoot'),
    );
    writeFileSync(file(), JSON.stringify(notebook));
    run('reset', 'neumann-01');
    const texts = fresh().cells.map(textOf);
    const position = (text: string) => texts.findIndex((one) => one.includes(text));
    expect(position('other-01')).toBeLessThan(position('## neumann-01'));
    expect(position('function inverseRoot')).toBeLessThan(position('other-02'));
    expect(texts.filter((text) => text.startsWith('## neumann-01'))).toHaveLength(1);
  });
});

it.skipIf(!time.available)(
  'hint gives one after the other and begins again; solution is remembered',
  () => {
    const headings = [1, 2, 3, 4].map(() => run('hint', 'neumann-01').stdout.split('\n')[0]);
    expect(headings).toEqual([1, 2, 3, 1].map((n) => `neumann-01, hint ${n} of 3`));
    const { stdout, status } = run('solution', 'neumann-01');
    expect(stdout).toContain('return sum.map');
    expect(stdout).not.toContain('todo()');
    expect(status).toBe(0);
    expect(journal().at(-1)).toMatchObject({ exercise: 'neumann-01', event: 'solution' });
  },
);

it.skipIf(!time.available)(
  'watch checks again when a notebook is saved, also by putting a new file in its place',
  async () => {
    const child = spawn(process.execPath, [COMMAND, 'watch', '--seconds', '900'], {
      env: environment,
      cwd: course,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const ended = new Promise((resolve) => child.on('exit', resolve));
    const until = async (words: string) => {
      await expect.poll(() => output).toContain(words);
    };
    try {
      await until('Watching');
      const [endless, right, wrong] = ['for (;;) {}', RIGHT, NO_FACTOR].map((code) =>
        written(code),
      );
      const replace = (text: string) => {
        writeFileSync(`${file()}.new`, text);
        renameSync(`${file()}.new`, file());
      };
      replace(endless!);
      await until('neumann-01 …');
      replace(wrong!);
      await until('saved again');
      await until('✗ neumann-01: the factor √α in front');
      writeFileSync(file(), '{');
      await until('it is not a notebook');
      writeFileSync(file(), right!);
      await until('✓ neumann-01: right');
    } finally {
      child.kill('SIGINT');
    }
    expect(await ended).toBe(0);
  },
);

describe.skipIf(!time.available)('check --dir: a class', () => {
  const nasty: Record<string, [code: string, status: string]> = {
    right: [RIGHT, 'right'],
    'wrong factor': [NO_FACTOR, 'mistake'],
    exit: ['process.exit(0)', 'exited'],
    'exit with a status': ['process.exit(3)', 'exited'],
    abort: ['process.abort()', 'crashed'],
    'kills itself': ['process.kill(process.pid, "SIGKILL"); return b', 'crashed'],
    'heap without end': [
      'const all: unknown[] = []; for (;;) all.push(new Array(3e6).fill(0))',
      'memory',
    ],
    'buffers without end': [
      'const all: unknown[] = []; for (;;) all.push(new Float64Array(1e7).fill(1))',
      'memory',
    ],
    'a flood': ['for (let i = 0; i < 1e5; i++) console.log("x".repeat(1000)); return b', 'differs'],
    'throws later': [
      `setTimeout(() => { throw new Error('later'); }); Promise.reject(1); ${RIGHT}`,
      'right',
    ],
    forges: [
      '(process.send as (m: unknown) => void)?.({ id: "neumann-01", verdict: { passed: true } }); return b',
      'differs',
    ],
  };

  it('checks each in a process of its own, whatever the others do', () => {
    const folder = join(course, 'class');
    for (const [i, [name, [code]]] of Object.entries(nasty).entries()) {
      // By turns a flat file and a folder of the student's.
      const path =
        i % 2 === 0 ? `${name}-${LESSON}.ipynb` : join(name, 'deeper', `${LESSON}.ipynb`);
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), written(code));
    }
    writeFileSync(join(folder, 'torn.ipynb'), '{"cells": [{}');
    writeFileSync(join(folder, 'empty.ipynb'), JSON.stringify({ cells: [] }));
    writeFileSync(join(folder, 'deleted.ipynb'), withoutCheck());
    mkdirSync(join(folder, '.ipynb_checkpoints'));
    writeFileSync(join(folder, '.ipynb_checkpoints', 'old.ipynb'), written(RIGHT));

    const { status, stdout } = run(
      'check',
      '--all',
      '--dir',
      folder,
      '--json',
      // More than anything here needs, on a busy machine too: all of it ends by itself.
      '--seconds',
      '900',
      '--jobs',
      '3',
    );
    const { results, problems, summary } = JSON.parse(stdout);
    const statuses = Object.fromEntries(
      results.map((result: { submission: string; status: string }) => [
        result.submission,
        result.status,
      ]),
    );
    const expected = Object.entries(nasty).map(([name, [, wanted]]) => [name, wanted]);
    expect(statuses).toEqual({ ...Object.fromEntries(expected), deleted: 'missing' });
    expect(problems.map(({ file: name }: { file: string }) => name)).toEqual([
      'empty.ipynb',
      'torn.ipynb',
    ]);
    expect(summary).toEqual({ submissions: 12, checked: 12, passed: 2 });
    expect(status).toBe(1);
    // A class is not the lecturer's own progress.
    expect(existsSync(environment.IMPLICIT_LAB_PROGRESS!)).toBe(false);
  });

  it('ends what does not end by itself', () => {
    const folder = join(course, 'class');
    const endless = {
      endless: 'for (;;) {}',
      'endless setup': `${RIGHT} }\nfor (;;) {}\nfunction rest() {`,
      never: 'return new Promise<Float64Array>(() => {}) as never',
    };
    for (const [name, code] of Object.entries(endless)) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, `${LESSON}.ipynb`), written(code));
    }
    const { stdout } = run('check', '--all', '--dir', folder, '--json', '--seconds', '5');
    const { results }: { results: { submission: string; status: string }[] } = JSON.parse(stdout);
    expect(results.map(({ submission }) => submission).sort()).toEqual(Object.keys(endless));
    // On a busy machine the time may be over before the answer is asked for.
    for (const { status } of results) expect(['too-slow', 'timeout']).toContain(status);
  });

  /** A notebook in which the learner deleted the cell that checks. */
  function withoutCheck(): string {
    const notebook = JSON.parse(written(RIGHT)) as Notebook;
    notebook.cells = notebook.cells.filter((cell) => !textOf(cell).includes('check('));
    return JSON.stringify(notebook);
  }

  it('says where there is nothing', () => {
    expect(run('check', '--dir', join(course, 'nowhere'))).toMatchObject({ status: 2 });
    mkdirSync(join(course, 'none'));
    expect(run('check', '--dir', join(course, 'none')).stderr).toContain('no notebook');
  });
});
