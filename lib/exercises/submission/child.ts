import { createRequire } from 'node:module';
import { join } from 'node:path';
import { exerciseIds, loadExercise } from '../catalogue';
import { judge } from '../judge';
import { describeError } from '../trial';
import type { Verdict } from '../verdict';

/** What this process is asked to do. */
export interface Job {
  id: string;
  /** A program as `programOf` makes it. */
  code: string;
  /** The notebook's folder, in which it finds packages and files. */
  folder: string;
  /** The time limit for the check, in seconds, where it is not the exercise's own. */
  seconds?: number;
}

/** What it answers: a verdict, or nothing where the program never called `check`. */
export interface Outcome {
  id: string;
  verdict?: Verdict;
  /** Cells that threw. */
  failures: { cell: number; message: string }[];
}

type Body = (
  require: (name: string) => unknown,
  failed: (cell: number, error: unknown) => void,
) => Promise<void>;

const AsyncFunction = (async () => {}).constructor as new (...parts: string[]) => Body;

// The channel is taken before anything foreign runs, and hidden from it.
const send = process.send!.bind(process);
process.send = undefined;
// What fails outside of the function that is judged is not judged.
process.on('unhandledRejection', () => {});
process.on('uncaughtException', () => {});

process.once('message', async (jobs: Job[]) => {
  for (const job of jobs) {
    const outcome = await run(job);
    await new Promise((resolve) => send(outcome, resolve));
  }
  process.exit();
});

async function run({ id, code, folder, seconds }: Job): Promise<Outcome> {
  const answers = new Map<string, { answer: unknown }>();
  const failures: Outcome['failures'] = [];
  process.chdir(folder);
  try {
    await new AsyncFunction('require', 'failed', code)(
      requireFor(folder, (name, answer) => answers.set(name, { answer })),
      (cell, error) => failures.push({ cell, message: describeError(error) }),
    );
  } catch (error) {
    failures.push({ cell: -1, message: describeError(error) });
  }
  const given = answers.get(id);
  if (!given || !exerciseIds().includes(id)) return { id, failures };
  const verdict = await judge(await loadExercise(id), given.answer, { seconds });
  return { id, verdict, failures };
}

/** The library as cells see it, but for `check`, which only takes the answer. */
function requireFor(folder: string, take: (id: string, answer: unknown) => void) {
  const require = createRequire(join(folder, 'notebook.ts'));
  const instead = {
    check: async (id: string, answer: unknown) => take(id, answer),
    hint: async () => {},
    progressMap: async () => {},
  };
  return (name: string): unknown => {
    if (name !== 'implicit-lab') return require(name);
    return { ...(require(name) as object), ...instead };
  };
}
