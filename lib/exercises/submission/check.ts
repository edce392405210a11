import { load } from '../load';
import type { Notebook } from '../source/notebook';
import type { Status, Verdict } from '../verdict';
import { codeFor } from './notebook';
import type { Program } from './program';
import { type Ending, type Limits, runJobs } from './run';

/** A verdict on an exercise in a notebook; with more ways to fail than a check in a cell. */
export interface NotebookVerdict extends Omit<Verdict, 'status'> {
  /**
   * As in a verdict, or: `missing`, the notebook never came to check the exercise; `timeout`,
   * `memory`, `exited` (`process.exit` was called), `crashed`: its process ended before the verdict;
   * `aborted`: it was interrupted.
   */
  status: Status | 'missing' | NonNullable<Ending['stopped']>;
  seconds: number;
}

/** Checks one exercise of a notebook, in a process of its own that runs in `folder`. */
export async function checkInNotebook(
  notebook: Notebook,
  id: string,
  folder: string,
  limits: Limits,
): Promise<NotebookVerdict> {
  const began = performance.now();
  // It loads the compiler, which most commands can do without.
  const { programOf } = await load<{ programOf(cells: readonly string[]): Program }>(
    'submission/program',
  );
  const { code, broken } = programOf(codeFor(notebook, id));
  const { outcomes, stopped, details } = await runJobs([{ id, code, folder }], limits);
  const seconds = (performance.now() - began) / 1000;
  const [outcome] = outcomes;
  const failures = [...broken, ...(outcome?.failures ?? [])];
  const remarks = failures.map(({ message }) => `a cell of this exercise failed: ${message}`);
  if (outcome?.verdict) {
    const { verdict } = outcome;
    return { ...verdict, remarks: [...verdict.remarks, ...remarks], seconds };
  }
  const status = stopped ?? 'missing';
  const { title, explanation } = WORDS[status](limits, details);
  return {
    exercise: id,
    passed: false,
    status,
    title,
    explanation,
    evidence: [],
    remarks,
    seconds,
  };
}

type Words = (limits: Limits, details: string) => { title: string; explanation: string };

const WORDS: Record<'missing' | NonNullable<Ending['stopped']>, Words> = {
  missing: () => ({
    title: 'nothing to check',
    explanation: 'The notebook did not come to a call of `check` for this exercise.',
  }),
  timeout: ({ seconds }) => ({
    title: 'no end',
    explanation: `It was stopped after ${seconds} s. Is there a loop that never ends?`,
  }),
  memory: ({ memory = 2048 }) => ({
    title: 'out of memory',
    explanation: `It took more than ${memory} MB. Does something grow in a loop?`,
  }),
  exited: (_, details) => ({
    title: 'ended by itself',
    explanation: `The process ended before the verdict (${details.split('\n')[0]}): is \`process.exit\` called?`,
  }),
  crashed: (_, details) => ({
    title: 'crashed',
    explanation: `The process ended before the verdict (${details.split('\n')[0]}).`,
  }),
  aborted: () => ({ title: 'interrupted', explanation: 'The check was interrupted.' }),
};
