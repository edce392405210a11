import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { NO_FACTOR, RIGHT, TestClass } from '../../course/exercises/cli/class-testing';
import { sandboxProblem } from '../../course/exercises/submission';
import { residentBytes, usageOf } from '../../course/exercises/submission/watch';

export const COMMAND = join(__dirname, '..', '..', 'course', 'bin', 'implicit-lab.cjs');
/** Clock ticks a second in `/proc`, on every Linux there is. */
const TICKS = 100;

/**
 * How many submissions does a core check in a second, and how much memory does that take?
 *
 *     npm run bench -- class check [SUBMISSIONS [JOBS [plain|sandbox]]]
 *
 * Half of the submissions are right, half are wrong, one exercise each. The rate is that of the clock,
 * for each core in use, so the machine has to be quiet. Processor time leaves out processes that were
 * killed, as those in a sandbox are.
 */
export async function measureChecking([count = '40', jobs = '2', only]: string[]): Promise<void> {
  const problem = sandboxProblem();
  if (problem) console.log(`Without a sandbox: ${problem}\n`);
  const students = new TestClass();
  try {
    for (let i = 0; i < Number(count); i++) {
      students.submit(`student ${i}`, students.notebook(i % 2 === 0 ? RIGHT : NO_FACTOR));
    }
    const kinds = (problem ? ['plain'] : ['plain', 'sandbox']).filter(
      (kind) => only === undefined || kind === only,
    );
    const curves: string[] = [];
    console.log(
      '| | submissions | right | seconds | processor s | a second and core | main process | all processes |',
    );
    console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
    for (const kind of kinds) {
      const more = kind === 'sandbox' ? ['--sandbox'] : [];
      const args = [
        'check',
        '--all',
        '--dir',
        students.folder,
        '--jobs',
        jobs,
        '--seconds',
        '120',
        ...more,
      ];
      const { seconds, processor, output, peak, curve } = await measured(args, Number(count));
      curves.push(`${kind}: ${curve.map(mb).join(', ')}`);
      const right = /(\d+) of \d+ right/.exec(output)?.[1] ?? 'none';
      const cores = Math.min(Number(jobs), availableParallelism());
      const rate = (Number(count) / seconds / cores).toFixed(2);
      console.log(
        `| ${kind} | ${count} | ${right} | ${seconds.toFixed(1)} | ${processor.toFixed(1)} | ${rate} | ${mb(peak.own)} | ${mb(peak.all)} |`,
      );
    }
    console.log('\nThe main process after each tenth of the submissions:');
    for (const curve of curves) console.log(`  ${curve}`);
  } finally {
    students.close();
  }
}

export const mb = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;

/** Processor seconds of the processes that this one has waited for. */
function processorOfChildren(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) / TICKS;
}

/** Runs the command line, and looks at it; `until` ends it once it has reported that number. */
export async function measured(
  args: string[],
  count: number,
  { until = Number.POSITIVE_INFINITY }: { until?: number } = {},
) {
  const began = performance.now();
  const before = processorOfChildren();
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const peak = { own: 0, all: 0 };
  /** The largest size in each tenth of the submissions, as far as they are known. */
  const curve: number[] = [];
  const watch = setInterval(() => {
    peak.all = Math.max(peak.all, usageOf(child.pid!).bytes);
    const own = residentBytes(child.pid!) || 0;
    peak.own = Math.max(peak.own, own);
    const told = output.split('\n').length;
    if (told > until) child.kill('SIGKILL');
    const tenth = Math.min(9, Math.floor((10 * told) / count));
    curve[tenth] = Math.max(curve[tenth] ?? 0, own);
  }, 200);
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watch);
  const seconds = (performance.now() - began) / 1000;
  return { seconds, processor: processorOfChildren() - before, output, peak, curve };
}
