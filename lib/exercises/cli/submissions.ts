import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve, sep } from 'node:path';
import { exerciseIds } from '../catalogue';
import { checkInNotebook, exercisesOf, NotebookError, readNotebook } from '../submission';
import { inParallel, textOf } from './check';
import { sourceOf, sources, UsageError } from './course';
import { type Reported, report } from './report';

export interface SubmissionsOptions {
  /** A folder with a notebook, or a folder of notebooks, for each student. */
  folder: string;
  /** Only these exercises; all where there are none. */
  ids: string[];
  json: boolean;
  seconds: number;
  jobs: number | undefined;
}

interface Submission {
  name: string;
  file: string;
}

const DEEPEST = 5;

/**
 * `implicit-lab check --all --dir DIR`: every exercise in every notebook of a folder, each in a
 * process of its own; returns the exit status.
 */
export async function checkSubmissions(options: SubmissionsOptions): Promise<number> {
  const { ids, json, seconds, jobs } = options;
  const folder = resolve(options.folder);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`${options.folder} is not a folder.`);
  }
  const course = sources();
  for (const id of ids) sourceOf(id, course);
  const lessons = course.map(({ name }) => name);
  const problems = new Map<string, string>();
  const verdicts: Reported[] = [];
  const known = exerciseIds();
  const tasks: { submission: Submission; id: string }[] = [];
  for (const submission of submissionsIn(folder, lessons)) {
    try {
      const found = exercisesOf(readNotebook(submission.file)).filter((id) => known.includes(id));
      if (found.length === 0) {
        problems.set(relative(folder, submission.file), 'no exercise of this course is in it');
      }
      const wanted = found.filter((id) => ids.length === 0 || ids.includes(id));
      tasks.push(...wanted.map((id) => ({ submission, id })));
    } catch (error) {
      if (!(error instanceof NotebookError)) throw error;
      problems.set(relative(folder, submission.file), error.message);
    }
  }
  if (tasks.length === 0 && problems.size === 0) {
    throw new UsageError(`There is no notebook with these exercises in ${options.folder}.`);
  }
  await inParallel(
    tasks,
    async ({ submission, id }) => {
      const scratch = mkdtempSync(join(tmpdir(), 'implicit-lab-'));
      try {
        const verdict = await checkInNotebook(readNotebook(submission.file), id, scratch, {
          seconds,
        });
        const file = relative(folder, submission.file);
        verdicts.push({ ...verdict, submission: submission.name, file });
        const [line] = textOf(verdict).split('\n');
        if (!json) console.log(`${submission.name}: ${line}`);
        else if (process.stderr.isTTY) console.error(`${verdicts.length} of ${tasks.length}`);
      } finally {
        rmSync(scratch, { recursive: true, force: true });
      }
    },
    jobs,
  );
  if (json) {
    console.log(report({ verdicts, problems }));
  } else {
    for (const [file, message] of problems) console.error(`${file}: ${message}`);
    const right = verdicts.filter(({ passed }) => passed).length;
    console.log(`${right} of ${verdicts.length} right.`);
  }
  return verdicts.every(({ passed }) => passed) && problems.size === 0 ? 0 : 1;
}

/** The notebooks below a folder, with the names of those whose they are. */
function submissionsIn(folder: string, lessons: readonly string[]): Submission[] {
  return notebooksBelow(folder, 0).map((file) => {
    const parts = relative(folder, file).split(sep);
    return { name: parts.length > 1 ? parts[0]! : nameFrom(parts[0]!, folder, lessons), file };
  });
}

function notebooksBelow(folder: string, depth: number): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return depth < DEEPEST ? notebooksBelow(path, depth + 1) : [];
      return entry.isFile() && entry.name.endsWith('.ipynb') ? [path] : [];
    });
}

/** `alice` of `alice-08-derivative-of-an-argmin.ipynb`; the folder's name of a plain notebook. */
function nameFrom(file: string, folder: string, lessons: readonly string[]): string {
  const stem = file.replace(/\.ipynb$/, '');
  const lesson = lessons.find((name) => stem.includes(name));
  const name = lesson ? stem.replace(lesson, '').replace(/^[\s_.-]+|[\s_.-]+$/g, '') : stem;
  return name || basename(folder);
}
