import * as tf from '@tensorflow/tfjs';
import { commonFactor, differenceInForm, distance, notFinite, worstEntry } from './compare';
import { firstComplaint, sameComplaint } from './complaints';
import {
  DEFAULT_SECONDS,
  DEFAULT_TOLERANCE,
  type Exercise,
  type Probe,
  type Task,
} from './exercise';
import { areDecided, freshProbes } from './fresh';
import { type Answer, disposeExcept, type Pair, safely, tensorsIn } from './judge-parts';
import {
  differs,
  knownOnly,
  leftBehind,
  notAFunction,
  threw,
  tooSlow,
  verdictOf,
  wrongPaths,
} from './judge-verdicts';
import { nearestMutant } from './mutants';
import { inTypesOf, partsOf } from './reading';
import { changesWhenCalledAgain } from './steady';
import { passInterrupt } from './thrown';
import { describeError, tryOut } from './trial';
import type { Verdict } from './verdict';

export { leftBehind } from './judge-verdicts';

/** What a run that threw has to show. */
const NOTHING = { value: undefined, parts: [] };

/**
 * Judges an answer: runs it on the probes of an exercise and compares what comes back with the
 * reference, then with the known mistakes, then with the properties of a right answer. One that is
 * right is called once more, with arguments that are drawn anew each time.
 *
 * Shows and remembers nothing. Never throws, whatever the answer does, but for the interrupt of a
 * notebook's cell.
 *
 * @param seconds the time limit for all probes, unless it is the exercise's own, and again for the
 *   arguments that are drawn anew
 */
export async function judge(
  exercise: Exercise<never> | Exercise,
  answer: unknown,
  { seconds = exercise.seconds ?? DEFAULT_SECONDS }: { seconds?: number } = {},
): Promise<Verdict> {
  try {
    return await judged(exercise as Exercise, answer, seconds);
  } catch (error) {
    passInterrupt(error);
    return verdictOf(exercise.id, 'broken', 'this check itself failed', {
      explanation: `It is not your answer's fault: ${describeError(error)}`,
    });
  }
}

async function judged(exercise: Exercise, answer: unknown, seconds: number): Promise<Verdict> {
  if (typeof answer !== 'function') return notAFunction(exercise.id, answer);
  const began = performance.now();
  const pairs: Pair[] = [];
  let verdict = await tried(exercise, answer as Answer, exercise.probes, seconds, pairs);
  const elapsed = (performance.now() - began) / 1000;
  const changed = pairs.map(({ changed }) => changed).find((at) => at !== undefined);
  dispose(pairs);
  const kept = pairs.reduce((sum, { kept }) => sum + kept, 0);
  if (verdict.passed && elapsed > seconds) {
    return tooSlow(exercise.id, undefined, seconds, elapsed);
  }
  if (verdict.passed) verdict = await triedAnew(exercise, answer as Answer, seconds);
  if (changed !== undefined) {
    verdict.remarks.push(
      `your function changes its argument ${changed + 1}. ${
        verdict.passed
          ? 'Here that does no harm, but a caller may not expect it.'
          : 'From there on it is no longer what was given: is that intended?'
      }`,
    );
  }
  verdict.remarks.push(...leftBehind(kept, pairs.length));
  return verdict;
}

/** How often arguments are drawn where right answers do not agree on them. */
const MOST_DRAWS = 20;

/** The number of draws on which an answer must fail to count as wrong: rounding may turn a decision on one. */
const ENOUGH_FAILURES = 3;

/** The result of an answer that is right on all probes, for arguments that it cannot know. */
async function triedAnew(exercise: Exercise, answer: Answer, seconds: number): Promise<Verdict> {
  let failures = 0;
  for (let draws = 1; ; draws++) {
    const probes = freshProbes(exercise);
    const pairs: Pair[] = [];
    const verdict = await tried(exercise, answer, probes, seconds, pairs);
    dispose(pairs);
    if (verdict.passed) return verdict;
    if (verdict.status === 'too-slow') return knownOnly(verdict);
    if (await areDecided(exercise, probes)) failures++;
    if (failures === ENOUGH_FAILURES || draws === MOST_DRAWS) return knownOnly(verdict);
  }
}

function dispose(pairs: readonly Pair[]) {
  for (const pair of pairs)
    safely(() => disposeExcept([pair.args, pair.value, pair.result, pair.rightValue], undefined));
}

/** Fills `pairs` as far as it goes. */
async function tried(
  exercise: Exercise,
  answer: Answer,
  probes: readonly Probe<Task>[],
  seconds: number,
  pairs: Pair[],
): Promise<Verdict> {
  const { id } = exercise;
  const end = performance.now() + seconds * 1000;
  for (const probe of probes) {
    const tensorsBefore = tf.memory().numTensors;
    const trial = await tryOut(answer, probe, Math.max(0, end - performance.now()));
    const made = tf.memory().numTensors - tensorsBefore;
    if (trial.outcome === 'to-do') {
      return verdictOf(id, 'to-do', 'still to do', {
        explanation: 'Replace `todo()` by your own code and run the check again.',
      });
    }
    if (trial.outcome === 'late') return tooSlow(id, probe.name, seconds);
    const thrown = trial.outcome === 'threw' ? { error: trial.error } : undefined;
    const { args, changed } = trial;
    const { value, parts } = trial.outcome === 'returned' ? trial : NOTHING;
    const rightArgs: unknown[] = probe.args();
    const rightValue = await exercise.reference(...(rightArgs as never[]));
    const right = await partsOf(rightValue);
    const result = safely(() => inTypesOf(rightValue, parts));
    const known = new Set([...tensorsIn(args), ...tensorsIn(value)]);
    const kept = Math.max(0, made - known.size);
    pairs.push({
      probe,
      args,
      value,
      result,
      mine: parts,
      right,
      rightValue,
      changed,
      thrown,
      kept,
    });
    disposeExcept(rightArgs, rightValue);
  }
  return verdictOn(exercise, answer, pairs);
}

async function verdictOn(exercise: Exercise, answer: Answer, pairs: Pair[]): Promise<Verdict> {
  const { id, tolerance = DEFAULT_TOLERANCE } = exercise;
  const returned = pairs.filter(({ thrown }) => !thrown);
  const form = firstOf(returned, ({ mine, right }) => differenceInForm(mine, right));
  const apart = form ? Number.POSITIVE_INFINITY : largestDistance(returned);
  const areRight = apart <= tolerance && returned.length > 0;
  if (areRight && returned.length === pairs.length) return checkProperties(exercise, answer, pairs);

  const evidence = returned
    .filter(({ mine, right }) => distance(mine, right, right) > tolerance)
    .map(({ probe, mine, right }) => worstEntry(probe.name, mine, right))
    .filter((found) => found !== undefined)
    .slice(0, 2);
  const mutant = areRight ? undefined : await nearestMutant(exercise, pairs, tolerance);
  if (mutant) {
    return verdictOf(id, 'mistake', mutant.name, {
      mistake: mutant.name,
      explanation: mutant.diagnosis,
      evidence,
    });
  }
  const thrown = firstOf(pairs, (pair) => pair.thrown);
  if (thrown) return threw(id, thrown.pair.probe.name, thrown.found.error, returned);
  if (form) {
    return verdictOf(id, 'shape', 'the result has another form', {
      explanation: `On the ${form.pair.probe.name} probe: ${form.found}`,
    });
  }
  const bad = firstOf(pairs, ({ probe, mine, right }) => notFinite(probe.name, mine, right));
  if (bad) {
    return verdictOf(id, 'not-finite', 'a NaN or an infinity in the result', {
      explanation:
        'Look for a division by 0, a square root of a negative number, an entry beyond the end of an array, or an iteration that explodes.',
      evidence: [bad.found],
    });
  }
  const unsteady = await changesWhenCalledAgain(answer, pairs, tolerance);
  if (unsteady !== undefined) {
    return verdictOf(id, 'differs', 'the result depends on the calls before', {
      explanation: `Called once more with the arguments of the *${unsteady}* probe, your function returned something else than before. Does it keep something from one call to the next (a variable outside of it), or draw at random?`,
      evidence,
    });
  }
  const wrong = wrongPaths(pairs, tolerance);
  const factor = commonFactor(pairs, wrong);
  const failed = factor === undefined ? await firstComplaint(exercise, answer, pairs) : undefined;
  if (failed) {
    return verdictOf(id, 'property', `${failed.name}: not yet`, {
      mistake: failed.name,
      explanation: failed.complaint,
      evidence,
    });
  }
  return verdictOf(id, 'differs', 'the result differs', {
    explanation: differs(pairs, { apart, tolerance, wrong, factor }),
    evidence,
  });
}

/** For numbers that are right: whether they were also come by in the right way. */
async function checkProperties(
  exercise: Exercise,
  answer: Answer,
  pairs: Pair[],
): Promise<Verdict> {
  const failed = await firstComplaint(exercise, answer, pairs, { strict: true });
  if (!failed) return verdictOf(exercise.id, 'right', 'right');
  const mutant = await sameComplaint(exercise, failed);
  if (mutant) {
    return verdictOf(exercise.id, 'mistake', mutant.name, {
      mistake: mutant.name,
      explanation: `${mutant.diagnosis}\n\n${failed.complaint}`,
    });
  }
  return verdictOf(exercise.id, 'property', `right numbers, but ${failed.name}: not yet`, {
    mistake: failed.name,
    explanation: failed.complaint,
  });
}

const largestDistance = (pairs: Pair[]) =>
  Math.max(...pairs.map(({ mine, right }) => distance(mine, right, right)));

function firstOf<T>(
  pairs: Pair[],
  look: (pair: Pair) => T | undefined,
): { pair: Pair; found: T } | undefined {
  for (const pair of pairs) {
    const found = look(pair);
    if (found !== undefined) return { pair, found };
  }
  return undefined;
}
