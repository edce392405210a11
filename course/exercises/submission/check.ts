import { loadModule } from '#platform/course';
import { exerciseIds, loadExercise } from '../catalogue';
import type { Exercise } from '../exercise';
import type { Notebook } from '../source/notebook';
import type { Status, Verdict } from '../verdict';
import { type Launch, plainLaunch } from './launch';
import type { Ending, LearnerProcess, Limits } from './learner';
import type { Failure } from './messages';
import { codeFor } from './notebook';
import type { Program } from './program';

/** A verdict on an exercise in a notebook; with more ways to fail than a check in a cell. */
export interface NotebookVerdict extends Omit<Verdict, 'status'> {
  /**
   * As in a verdict, or: `missing`, the notebook never came to check the exercise; `timeout`,
   * `memory`, `exited` (`process.exit` was called), `crashed`: its process ended before the verdict;
   * `aborted`: it was interrupted.
   */
  status: Status | 'missing' | Ending['stopped'];
  seconds: number;
}

/**
 * Checks one exercise of a notebook: its program runs in a separate process, in `folder` or as
 * `launch` says, and what it hands to `check` is called from here and judged here.
 */
export async function checkInNotebook(
  notebook: Notebook,
  id: string,
  folder: string,
  limits: Limits,
  launch: Launch = plainLaunch(folder, limits),
): Promise<NotebookVerdict> {
  const began = performance.now();
  // These load TensorFlow.js and the compiler, which most commands can do without; and they are loaded
  // before the time of the program begins.
  const [{ startLearner, isEnd }, { programOf }] = await Promise.all([
    loadModule<{
      startLearner(launch: Launch, limits: Limits): LearnerProcess;
      isEnd(error: unknown): boolean;
    }>('submission/learner'),
    loadModule<{ programOf(cells: readonly string[]): Program }>('submission/program'),
    exerciseIds().includes(id) ? judging(id) : undefined,
  ]);
  const { code, broken } = programOf(codeFor(notebook, id));
  const learner = startLearner(launch, limits);
  try {
    const { verdict, failures } = await outcomeOf(id, code, learner).catch((error) => {
      if (isEnd(error)) return { id, failures: [] } as Outcome;
      throw error;
    });
    const remarks = [...broken, ...failures].map(
      ({ message }) => `a cell of this exercise failed: ${message}`,
    );
    const seconds = (performance.now() - began) / 1000;
    if (verdict && !learner.cutOff) {
      return { ...verdict, remarks: [...verdict.remarks, ...remarks], seconds };
    }
    const { stopped, details } = learner.cutOff ?? { stopped: 'missing', details: '' };
    return { ...verdictWithout(id, stopped, limits, details), remarks, seconds };
  } finally {
    learner.close();
  }
}

/** What came of a program: a verdict, or nothing where it never called `check` for the exercise. */
export interface Outcome {
  id: string;
  verdict?: Verdict;
  /** Cells that threw. */
  failures: Failure[];
}

/**
 * Runs a program in a process that is there, and judges from here what it hands to `check`.
 *
 * @throws EndedError where the process ends before the program has run
 */
export async function outcomeOf(
  id: string,
  code: string,
  learner: LearnerProcess,
): Promise<Outcome> {
  const { answers, failures } = await learner.run(code);
  if (!answers.has(id) || !exerciseIds().includes(id)) return { id, failures };
  const [{ judge, leftBehind }, exercise] = await judging(id);
  const verdict = await judge(exercise, answers.get(id));
  const kept = learner.kept.slice(0, exercise.probes.length);
  const sum = kept.reduce((total, count) => total + count, 0);
  verdict.remarks.push(...leftBehind(sum, kept.length));
  return { id, verdict, failures };
}

/** What judges, and what it judges by. */
const judging = (id: string) =>
  Promise.all([
    loadModule<{
      judge(exercise: Exercise, answer: unknown): Promise<Verdict>;
      leftBehind(kept: number, calls: number): string[];
    }>('judge'),
    loadExercise(id),
  ]);

/** What is said of an exercise whose process ended before there was a verdict. */
export function verdictWithout(
  exercise: string,
  status: keyof typeof WORDS,
  limits: Limits,
  details: string,
): Omit<NotebookVerdict, 'seconds'> {
  const { title, explanation } = WORDS[status](limits, details);
  return { exercise, passed: false, status, title, explanation, evidence: [], remarks: [] };
}

type Words = (limits: Limits, details: string) => { title: string; explanation: string };

const WORDS: Record<'missing' | Ending['stopped'], Words> = {
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
