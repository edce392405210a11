import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { linesOf, type Notebook, textOf } from '../source/notebook';

const ROOT = join(__dirname, '..', '..', '..');
const COMMAND = join(ROOT, 'course', 'bin', 'implicit-lab.cjs');
export const LESSON = '09-inverse-hessian-products';

/** A right answer to `neumann-01`, from the third line of its function on. */
export const RIGHT = `
  let x = b;
  for (let k = terms - 1; k >= 1; k--) {
    const Ax = A.apply(x);
    x = x.map((value, i) => b[i] + (1 - 1 / (2 * k)) * (value - alpha * Ax[i]));
  }
  return x.map((value) => Math.sqrt(alpha) * value);`;
/** One with a mistake that has a name. */
export const NO_FACTOR = RIGHT.replace('Math.sqrt(alpha) * ', '');

/**
 * How many seconds submissions are given: what ends by itself more than it needs on a busy machine, what has
 * to be ended few.
 */
const SECONDS = { ending: 900, endless: 20 };
export type Group = keyof typeof SECONDS;

/** A verdict as `check --json` tells it. */
export interface Told {
  submission: string;
  exercise: string;
  status: string;
  title: string;
  explanation: string;
  passed: boolean;
}

/** A class for tests: a folder of notebooks with an exercise, and the command to check it. */
export class TestClass {
  readonly folder = mkdtempSync(join(tmpdir(), 'class-'));
  private readonly stub: Notebook = JSON.parse(
    readFileSync(join(ROOT, 'exercises', `${LESSON}.ipynb`), 'utf8'),
  );

  /** The notebook of the first exercise, with code in place of its stub. */
  notebook(code: string): string {
    const second = this.stub.cells.findIndex((cell) => /^## (?!neumann-01)/m.test(textOf(cell)));
    const cells = this.stub.cells.slice(0, second).map((cell) => ({
      ...cell,
      source: linesOf(textOf(cell).replace('return todo();', () => code)),
    }));
    return JSON.stringify({ ...this.stub, cells });
  }

  /** Hands a notebook in. */
  submit(name: string, text: string): string {
    const file = join(this.folder, name, `${LESSON}.ipynb`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** Checks all that was handed in, in sandboxes, the groups one after the other. */
  async checkGroups(env: NodeJS.ProcessEnv = {}) {
    const results: Told[] = [];
    const problems: { file: string; message: string }[] = [];
    const statuses: (number | null)[] = [];
    for (const [group, seconds] of Object.entries(SECONDS)) {
      const folder = join(this.folder, group);
      if (!existsSync(folder)) continue;
      const limits = ['--seconds', `${seconds}`, '--jobs', '2'];
      const { stdout, stderr, status } = await this.command(
        ['check', '--all', '--dir', folder, '--json', '--sandbox', ...limits],
        { env },
      );
      if (stdout === '') throw new Error(stderr);
      const told = JSON.parse(stdout);
      results.push(...told.results);
      problems.push(...told.problems);
      statuses.push(status);
    }
    return { results, problems, statuses };
  }

  /** Runs `implicit-lab`; with `until` it is cut off when its output has that text. */
  command(args: string[], { until, env = {} }: { until?: string; env?: NodeJS.ProcessEnv } = {}) {
    const child = spawn(process.execPath, [COMMAND, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        if (until !== undefined && output.stdout.includes(until)) child.kill('SIGKILL');
      });
    }
    return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      child.on('close', (status) => resolve({ status, ...output }));
    });
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
