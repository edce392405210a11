import { createHash } from 'node:crypto';
import {
  type Dirent,
  lstatSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { courseFolder } from '../lessons';
import { makeProgram, makeSnapshot, sandboxProblem, verdictWithout } from '../submission';
import { textOf } from './check';
import { sourceOf, sources, UsageError } from './course';
import { Worker, WorkerLost } from './pool';
import { Records, RecordsError } from './records';
import { printReport } from './report';
import { printable } from './text';
import type { Place } from './worker';

export interface SubmissionsOptions {
  /** A folder with a notebook, or a folder of notebooks, for each student. */
  folder: string;
  /** Only these exercises; all where there are none. */
  ids: string[];
  json: boolean;
  seconds: number;
  jobs: number | undefined;
  /** Whether programs run in bubblewrap. */
  sandbox: boolean;
  /** The part of all notebooks to check: the k-th of n. */
  shard: Shard | undefined;
  /** A file that keeps every verdict, so that a run that was cut off goes on. */
  records: string | undefined;
}

export interface Shard {
  k: number;
  n: number;
}

interface Submission {
  name: string;
  file: string;
}

/** What all lanes of a run share. */
interface Run {
  folder: string;
  ids: readonly string[];
  seconds: number;
  json: boolean;
  place: Place;
  records: Records;
}

const DEEPEST = 5;
/** The number of notebooks from which a faster start of each is worth the seconds that it takes to make. */
const MANY = 20;

/**
 * `implicit-lab check --all --dir DIR`: every exercise in every notebook of a folder, each in a
 * separate process; returns the exit status.
 */
export async function checkSubmissions(options: SubmissionsOptions): Promise<number> {
  const { ids, json, seconds, shard } = options;
  const folder = resolve(options.folder);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`${printable(options.folder)} is not a folder.`);
  }
  const course = sources();
  for (const id of ids) sourceOf(id, course);
  const problem = options.sandbox ? sandboxProblem() : undefined;
  if (problem) throw new UsageError(problem);
  const lessons = course.map(({ name }) => name);
  const all = submissionsIn(folder, lessons);
  if (all.length === 0) {
    throw new UsageError(
      `There is no notebook with these exercises in ${printable(options.folder)}.`,
    );
  }
  const submissions = shard
    ? all.filter(({ file }) => isInShard(relative(folder, file), shard))
    : all;
  const scratch = mkdtempSync(join(tmpdir(), 'implicit-lab-records-'));
  const records = recordsAt(options.records ?? join(scratch, 'records.jsonl'));
  const place = placeFor(folder, options.sandbox);
  const { program, sandbox } = place;
  if (program && submissions.length >= MANY) makeSnapshot(program, sandbox);
  try {
    const run: Run = { folder, ids, seconds, json, place, records };
    await inLanes(submissions, options.jobs ?? defaultJobs(), run);
    return tell(run, submissions);
  } finally {
    records.close();
    rmSync(scratch, { recursive: true, force: true });
    if (place.program) rmSync(place.program, { recursive: true, force: true });
  }
}

const defaultJobs = () => Math.max(1, availableParallelism() - 1);

function recordsAt(path: string): Records {
  try {
    return new Records(path);
  } catch (error) {
    if (error instanceof RecordsError) throw new UsageError(error.message);
    throw error;
  }
}

function placeFor(folder: string, isSandbox: boolean): Place {
  let program: string;
  try {
    program = makeProgram();
  } catch (error) {
    // Outside a checkout the sources are JavaScript, and do without.
    if (!isSandbox) return {};
    throw new UsageError(`--sandbox needs esbuild, which \`npm ci\` installs: ${error}`);
  }
  return isSandbox ? { program, sandbox: { program, hidden: hiddenFolders(folder) } } : { program };
}

/** What no submission may see: the others, the course with its solutions, the exercises. */
const hiddenFolders = (folder: string) =>
  [folder, courseFolder(), dirname(__dirname)].map((path) => realpathSync(path));

/** By its name alone, so that adding a submission does not move others to another part. */
function isInShard(file: string, { k, n }: Shard): boolean {
  return createHash('sha256').update(file).digest().readUInt32LE(0) % n === k - 1;
}

/** Works on several notebooks at a time, each in a lane with its own worker. */
async function inLanes(submissions: readonly Submission[], jobs: number, run: Run): Promise<void> {
  let next = 0;
  const lane = async () => {
    const worker = new Worker();
    try {
      while (next < submissions.length) await checkOne(submissions[next++]!, worker, run);
    } finally {
      worker.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, submissions.length) }, lane));
}

async function checkOne({ name, file: path }: Submission, worker: Worker, run: Run): Promise<void> {
  const { records, seconds, place } = run;
  const file = relative(run.folder, path);
  const stamp = stampOf(path);
  const found = records.find(file, stamp) ?? (await listed(path, file, stamp, worker, run));
  if (found.type !== 'list') return;
  for (const id of found.ids.filter((id) => run.ids.length === 0 || run.ids.includes(id))) {
    if (records.find(file, stamp, id)) continue;
    const verdict = await worker
      .ask({ type: 'check', file: path, id, seconds, place }, seconds)
      .catch((error) => lost(error, id, seconds));
    if (verdict.status === 'aborted') continue;
    const reported = { ...verdict, submission: name, file };
    records.add({ type: 'verdict', file, stamp, verdict: reported });
    const [line] = textOf(verdict).split('\n');
    if (!run.json) console.log(printable(`${name}: ${line}`));
  }
}

async function listed(path: string, file: string, stamp: string, worker: Worker, run: Run) {
  const answer = await worker
    .ask({ type: 'list', file: path }, run.seconds)
    .catch((error: unknown) => {
      if (!(error instanceof WorkerLost)) throw error;
      return { problem: `it cannot be read: ${error.message}` };
    });
  const ids = 'ids' in answer ? answer.ids : [];
  const line =
    ids.length > 0
      ? { type: 'list' as const, file, stamp, ids }
      : {
          type: 'problem' as const,
          file,
          stamp,
          message: 'problem' in answer ? answer.problem : 'no exercise of this course is in it',
        };
  run.records.add(line);
  return line;
}

/** The verdict where not only the program ended, but also the process that judged it. */
function lost(error: unknown, id: string, seconds: number) {
  if (!(error instanceof WorkerLost)) throw error;
  const status = error.message.includes('too long')
    ? 'timeout'
    : error.message.includes('too much memory')
      ? 'memory'
      : 'crashed';
  return { ...verdictWithout(id, status, { seconds }, error.message), seconds };
}

/** Tells a file from the one that was there before it, without reading it. */
function stampOf(path: string): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  // Taken away meanwhile; or its name is not UTF-8, and what was read of it names nothing.
  return found ? `${found.size}-${found.mtimeMs}` : 'missing';
}

/** Prints what was found, and gives the exit status. */
function tell({ folder, records, json, ids }: Run, submissions: readonly Submission[]): number {
  const wanted = new Set(submissions.map(({ file }) => relative(folder, file)));
  let [checked, passed, problems] = [0, 0, 0];
  const lines = function* () {
    for (const line of records.lines()) {
      if (!wanted.has(line.file)) continue;
      if (line.type === 'verdict' && ids.length > 0 && !ids.includes(line.verdict.exercise))
        continue;
      if (line.type === 'problem') problems += 1;
      if (line.type === 'verdict') checked += 1;
      if (line.type === 'verdict' && line.verdict.passed) passed += 1;
      yield line;
    }
  };
  if (json) {
    printReport(lines());
  } else {
    for (const line of lines()) {
      if (line.type === 'problem') console.error(printable(`${line.file}: ${line.message}`));
    }
    console.log(`${passed} of ${checked} right.`);
  }
  return passed === checked && problems === 0 ? 0 : 1;
}

/** The notebooks below a folder, with the names of those whose they are. */
function submissionsIn(folder: string, lessons: readonly string[]): Submission[] {
  return notebooksBelow(folder, 0).map((file) => {
    const parts = relative(folder, file).split(sep);
    return { name: parts.length > 1 ? parts[0]! : nameFrom(parts[0]!, folder, lessons), file };
  });
}

function notebooksBelow(folder: string, depth: number): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (depth === 0) throw error;
    // A folder that cannot be read is its owner's loss alone: reading it as a notebook tells why.
    return [folder];
  }
  return entries
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return depth < DEEPEST ? notebooksBelow(path, depth + 1) : [];
      // Folders and links too: reading them gives an error, so nothing is left out in silence.
      return entry.name.endsWith('.ipynb') || entry.isSymbolicLink() ? [path] : [];
    });
}

/** `alice` of `alice-08-derivative-of-an-argmin.ipynb`; the folder's name of a plain notebook. */
function nameFrom(file: string, folder: string, lessons: readonly string[]): string {
  const stem = file.replace(/\.ipynb$/, '');
  const lesson = lessons.find((name) => stem.includes(name));
  const name = lesson ? stem.replace(lesson, '').replace(/^[\s_.-]+|[\s_.-]+$/g, '') : stem;
  return name || basename(folder);
}
