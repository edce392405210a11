import { lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exerciseIds } from '../catalogue';
import type { Notebook } from '../source/notebook';
import {
  checkInNotebook,
  exercisesOf,
  NotebookError,
  type NotebookVerdict,
  plainLaunch,
  readNotebook,
  type Sandbox,
  sandboxLaunch,
} from '../submission';

/** What a worker is asked: which exercises are in a notebook, or to check one. */
export type Question =
  | { type: 'list'; file: string }
  | { type: 'check'; file: string; id: string; seconds: number; place: Place };

/** Where programs run: the folder of `makeProgram`, where there is one, and the sandbox. */
export interface Place {
  program?: string;
  sandbox?: Sandbox;
}

/** What it answers: ids, or why the notebook cannot be read; a verdict. */
export type Answer<Q extends Question> = Q extends { type: 'list' }
  ? { ids: string[] } | { problem: string }
  : NotebookVerdict;

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'disconnect'] as const) {
  process.once(signal, () => {
    stop.abort();
    // What it watches is ended at once; it waits for nothing more.
    setImmediate(() => process.exit());
  });
}

let last: { file: string; notebook: Notebook } | undefined;

function read(file: string): Notebook {
  if (last?.file !== file) last = { file, notebook: readNotebook(file) };
  return last.notebook;
}

process.on('message', async (question: Question) => {
  try {
    const value = question.type === 'list' ? list(question.file) : await check(question);
    process.send!({ value });
  } catch (error) {
    process.send!({ error: error instanceof Error ? error.message : String(error) });
  }
});

function list(file: string): Answer<{ type: 'list'; file: string }> {
  try {
    // It would show what the lecturer may read, and its owner may not.
    if (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink())
      return { problem: 'it is a symbolic link' };
    const known = exerciseIds();
    return { ids: exercisesOf(read(file)).filter((id) => known.includes(id)) };
  } catch (error) {
    if (!(error instanceof NotebookError)) throw error;
    return { problem: error.message };
  }
}

async function check({ file, id, seconds, place }: Extract<Question, { type: 'check' }>) {
  const limits = { seconds, signal: stop.signal };
  const { program, sandbox } = place;
  if (sandbox) {
    const launch = sandboxLaunch(sandbox, limits);
    return await checkInNotebook(read(file), id, launch.folder, limits, launch);
  }
  const scratch = mkdtempSync(join(tmpdir(), 'implicit-lab-'));
  try {
    return await checkInNotebook(
      read(file),
      id,
      scratch,
      limits,
      plainLaunch(scratch, { program }),
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
