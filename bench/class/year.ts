import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NO_FACTOR, RIGHT, TestClass } from '../../course/exercises/cli/class-testing';
import { sandboxProblem } from '../../course/exercises/submission';
import { COMMAND, mb, measured } from './checking';

/** What is handed in: the numbers of each kind in every five hundred. */
const KINDS = [
  { name: 'right', status: 'right', code: RIGHT, of500: 300 },
  { name: 'wrong', status: 'mistake', code: NO_FACTOR, of500: 150 },
  { name: 'broken', status: 'missing', code: 'return ]', of500: 39 },
  { name: 'throws', status: 'threw', code: 'throw new Error("not yet");', of500: 10 },
  { name: 'endless', status: 'timeout', code: 'for (;;) {}', of500: 1 },
] as const;

/** Of a submission, for those without an end; a busy machine has to be far from it. */
const SECONDS = '20';
const SHARDS = 2;

/**
 * A whole year's submissions, in a sandbox where there is one: in two shards, of which the first is cut
 * off in its middle and begun again, and then merged. Are all verdicts right, how many come in a second,
 * and does memory stay flat?
 *
 *     npm run bench -- class year [--submissions 5000] [--jobs 2]
 */
export async function measureYear(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      submissions: { type: 'string', default: '5000' },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const [count, jobs] = [Number(values.submissions), Number(values.jobs)];
  if (!(count >= 4) || !(jobs >= 1)) {
    throw new Error(
      `--submissions wants a number from 4 and --jobs one from 1; they were ${values.submissions} and ${values.jobs}.`,
    );
  }
  const problem = sandboxProblem();
  if (problem) console.log(`Without a sandbox: ${problem}\n`);
  const students = new TestClass();
  const out = mkdtempSync(join(tmpdir(), 'year-'));
  try {
    const expected = handIn(students, count);
    console.log(
      `| shard | new verdicts | seconds | a second and core | main process by tenths | all processes |\n| --- | ---: | ---: | ---: | --- | ---: |`,
    );
    const files: string[] = [];
    for (let k = 1; k <= SHARDS; k++) {
      const file = join(out, `part-${k}.jsonl`);
      files.push(file);
      const command = [
        ...['check', '--all', '--dir', students.folder, '--seconds', SECONDS],
        ...['--jobs', String(jobs), '--records', file, '--shard', `${k}/${SHARDS}`],
        ...(problem ? [] : ['--sandbox']),
      ];
      const half = Math.floor(count / SHARDS / 2);
      if (k === 1) {
        tell(`${k}, cut off`, await measured(command, half, { until: half }), file, 0, jobs);
      }
      const before = k === 1 ? verdictsIn(file) : 0;
      const rest = Math.floor(count / SHARDS) - before;
      tell(before > 0 ? `${k}, again` : `${k}`, await measured(command, rest), file, before, jobs);
    }
    const document = execFileSync(process.execPath, [COMMAND, 'merge', ...files], {
      maxBuffer: 2 ** 30,
      encoding: 'utf8',
    });
    writeFileSync(join(out, 'verdicts.json'), document);
    compare(JSON.parse(document).results, expected);
  } finally {
    students.close();
    rmSync(out, { recursive: true, force: true });
  }
}

/** @returns the status that each submission has to get */
function handIn(students: TestClass, count: number): Map<string, string> {
  const all = KINDS.flatMap((kind) => Array.from({ length: kind.of500 }, () => kind));
  const notebooks = new Map(KINDS.map(({ name, code }) => [name, students.notebook(code)]));
  const expected = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    // A step that has no divisor in common with 500 mixes the kinds.
    const { name, status } = all[(i * 87) % all.length]!;
    students.submit(`student ${i}`, notebooks.get(name)!);
    expected.set(`student ${i}`, status);
  }
  return expected;
}

const verdictsIn = (file: string) =>
  readFileSync(file, 'utf8').match(/^\{"type":"verdict"/gm)?.length ?? 0;

function tell(
  shard: string,
  { seconds, peak, curve }: Awaited<ReturnType<typeof measured>>,
  file: string,
  before: number,
  jobs: number,
) {
  const made = verdictsIn(file) - before;
  const rate = made / seconds / Math.min(jobs, availableParallelism());
  console.log(
    `| ${shard} | ${made} | ${seconds.toFixed(0)} | ${rate.toFixed(2)} | ${curve.map(mb).join(', ')} | ${mb(peak.all)} |`,
  );
}

function compare(
  results: { submission: string; status: string }[],
  expected: Map<string, string>,
): void {
  const found = new Map(results.map(({ submission, status }) => [submission, status]));
  const odd = [...expected].filter(([name, status]) => found.get(name) !== status);
  const counts = KINDS.map(({ name, status }) => {
    const wanted = [...expected.values()].filter((one) => one === status).length;
    const got = results.filter((one) => one.status === status).length;
    return `${name} ${got} of ${wanted}`;
  });
  console.log(`\nmerged: ${results.length} verdicts; ${counts.join(', ')}`);
  console.log(`submissions with another verdict than they have to get: ${odd.length}`);
  for (const [name, status] of odd.slice(0, 10)) {
    console.log(`  ${name}: ${found.get(name) ?? 'none'}, not ${status}`);
  }
}
