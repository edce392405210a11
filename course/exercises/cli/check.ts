import { availableParallelism } from 'node:os';
import { dirname, relative } from 'node:path';
import { remember } from '../journal';
import { linesOf } from '../source/notebook';
import {
  checkInNotebook,
  codeFor,
  type Limits,
  NotebookError,
  type NotebookVerdict,
  readNotebook,
} from '../submission';
import { verdictText } from '../verdict';
import { type Source, sourceOf, sources } from './course';
import { report } from './report';

export interface CheckOptions {
  ids: string[];
  all: boolean;
  json: boolean;
  seconds: number;
}

/** `implicit-lab check`: the exercises of this checkout; returns the exit status. */
export async function checkOwn({ ids, all, json, seconds }: CheckOptions): Promise<number> {
  const course = sources();
  for (const id of ids) sourceOf(id, course);
  const chosen = course.flatMap((source) =>
    source.ids.filter((id) => ids.length === 0 || ids.includes(id)).map((id) => ({ id, source })),
  );
  const problems = new Map<string, string>();
  const verdicts: (NotebookVerdict & { file: string })[] = [];
  let open = 0;
  await inParallel(chosen, async ({ id, source }) => {
    const file = relative(process.cwd(), source.notebook);
    try {
      if (isUntouched(source, id)) {
        open += 1;
        if (all || ids.length > 0) verdicts.push({ ...stillToDo(id, file), file });
        return;
      }
      const verdict = await checkSaved(source, id, { seconds });
      verdicts.push({ ...verdict, file });
      if (!json) console.log(`${textOf(verdict)}\n`);
    } catch (error) {
      if (!(error instanceof NotebookError)) throw error;
      problems.set(
        file,
        `${error.message}. \`npx implicit-lab reset ${id}\` makes it again, and keeps a copy of what is there.`,
      );
    }
  });
  if (json) {
    console.log(report({ verdicts, problems }));
  } else {
    for (const verdict of verdicts)
      if (verdict.status === 'to-do' && isListed(verdict)) console.log(textOf(verdict));
    for (const [file, message] of problems) console.error(`${file}: ${message}`);
    if (ids.length === 0 && problems.size === 0)
      console.log(summary(verdicts, open, chosen.length));
  }
  if (problems.size > 0) return 2;
  return verdicts.every(({ passed }) => passed) ? 0 : 1;
}

/** Verdicts that were not printed as they came. */
const isListed = ({ seconds }: NotebookVerdict) => seconds === 0;

function summary(verdicts: readonly NotebookVerdict[], open: number, total: number): string {
  const right = verdicts.filter(({ passed }) => passed).length;
  const wrong = verdicts.filter(({ status, passed }) => !passed && status !== 'to-do').length;
  return `${right} of ${total} right, ${wrong} not yet, ${open} still to do.`;
}

/** Checks an exercise in the learner's notebook as it was last saved, and remembers it. */
export async function checkSaved(
  source: Source,
  id: string,
  limits: Limits,
): Promise<NotebookVerdict> {
  const notebook = readNotebook(source.notebook);
  const verdict = await checkInNotebook(notebook, id, dirname(source.notebook), limits);
  if (verdict.status !== 'aborted' && verdict.status !== 'broken') {
    const notice = remember({ exercise: id, event: 'check', status: verdict.status });
    if (notice) verdict.remarks.push(notice);
  }
  return verdict;
}

/** Whether an exercise is as it was handed out: then it need not be run. */
export function isUntouched(source: Source, id: string): boolean {
  const saved = codeFor(readNotebook(source.notebook), id);
  const fresh = codeFor(source.fresh(), id);
  return linesOf(saved.join('\n')).join('') === linesOf(fresh.join('\n')).join('');
}

const stillToDo = (id: string, file: string): NotebookVerdict => ({
  exercise: id,
  passed: false,
  status: 'to-do',
  title: `still to do, in ${file}`,
  explanation: '',
  evidence: [],
  remarks: [],
  seconds: 0,
});

/** A verdict of whatever kind as lines of text. */
export const textOf = (verdict: NotebookVerdict): string =>
  verdictText(verdict as Parameters<typeof verdictText>[0]);

/** Works on several items at a time, as many as there are cores, and in their order. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  lanes = Math.max(1, availableParallelism() - 1),
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
