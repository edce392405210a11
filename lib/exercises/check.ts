import { basename } from 'node:path';
import { publish } from '../notebook/display';
import { exerciseIds, loadExercise, unknownExercise } from './catalogue';
import type { Exercise } from './exercise';
import { remember } from './journal';
import { load } from './load';
import { showNoMore } from './shown';
import { passInterrupt } from './thrown';
import { type Verdict, verdictHtml, verdictText } from './verdict';

/**
 * Checks an answer to an exercise: shows ✓ or the mistake, and returns the verdict.
 *
 * The answer is run on the exercise's probes; what comes back is compared with the right results,
 * then with those of known mistakes, then with what every right answer must satisfy.
 * Never throws, whatever the answer does. A loop that never ends has to be interrupted, though; then
 * there is no verdict.
 *
 * @param id the exercise, as in `'ift-01'`
 * @param answer your function itself, synchronous or not
 */
export async function check(id: string, answer: unknown): Promise<Verdict> {
  const verdict = await verdictFor(id, answer);
  if (verdict.status !== 'broken') {
    const notice = remember(entryFor(verdict));
    if (notice) verdict.remarks.push(notice);
  }
  show(verdict);
  return verdict;
}

async function verdictFor(id: string, answer: unknown): Promise<Verdict> {
  if (!exerciseIds().includes(id)) return unknown(String(id));
  try {
    // The judge and the exercise are loaded when they are needed: an import of this library should
    // not wait for thirty exercises.
    const [{ judge }, exercise] = await Promise.all([
      load<{ judge(exercise: Exercise, answer: unknown): Promise<Verdict> }>('judge'),
      loadExercise(id),
    ]);
    return await judge(exercise, answer);
  } catch (error) {
    passInterrupt(error);
    return { ...unknown(id), explanation: `The exercise could not be loaded: ${error}` };
  }
}

const unknown = (id: string): Verdict => ({
  exercise: id,
  passed: false,
  status: 'broken',
  title: 'cannot be checked',
  explanation: unknownExercise(id),
  evidence: [],
  remarks: [],
});

/** To run a solution is to look at it, not to solve the exercise. */
function entryFor({ exercise, status }: Verdict) {
  const isSolution = basename(process.cwd()) === 'solutions';
  return isSolution
    ? ({ exercise, event: 'solution' } as const)
    : ({ exercise, event: 'check', status } as const);
}

function show(verdict: Verdict) {
  publish({ data: { 'text/html': verdictHtml(verdict), 'text/plain': verdictText(verdict) } });
  showNoMore(verdict);
}
