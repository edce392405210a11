import { createRequire } from 'node:module';
import { exerciseIds, loadExercise } from '../catalogue';
import { judge } from '../judge';
import { describeError } from '../trial';
import type { Verdict } from '../verdict';

/** What this process is asked to do. */
export interface Job {
  id: string;
  /** A program as `programOf` makes it. */
  code: string;
  /** The folder it runs in. */
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
const { exit } = process;
delete process.send;
// What fails outside of the function that is judged is not judged.
process.on('unhandledRejection', () => {});
process.on('uncaughtException', () => {});
// Keeps the process alive while a promise is waited for that nothing will resolve.
setInterval(() => {}, 60_000);

process.once('message', async (jobs: Job[]) => {
  for (const job of jobs) {
    const outcome = await run(job);
    await new Promise((resolve) => send(outcome, resolve));
  }
  exit(0);
});

async function run({ id, code, folder, seconds }: Job): Promise<Outcome> {
  const answers = new Map<string, { answer: unknown }>();
  const failures: Outcome['failures'] = [];
  process.chdir(folder);
  try {
    await new AsyncFunction('require', 'failed', code)(
      requireFor((name, answer) => answers.set(name, { answer })),
      (cell, error) => failures.push({ cell, message: describeError(error) }),
    );
  } catch (error) {
    failures.push({ cell: -1, message: describeError(error) });
  }
  const given = answers.get(id);
  if (!given || !exerciseIds().includes(id)) return { id, failures };
  const verdict = await judge(
    await loadExercise(id),
    given.answer,
    seconds === undefined ? {} : { seconds },
  );
  return { id, verdict, failures };
}

/** The packages and the library as cells see them, but for `check`, which only takes the answer. */
function requireFor(take: (id: string, answer: unknown) => void) {
  const require = createRequire(__filename);
  const instead = {
    check: async (id: string, answer: unknown) => take(id, answer),
    hint: async () => {},
    progressMap: async () => {},
  };
  return (name: string): unknown => {
    if (name !== 'implicit-lab') return require(name);
    return { ...(require('../..') as object), ...instead };
  };
}
