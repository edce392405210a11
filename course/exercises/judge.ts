import * as tf from '@tensorflow/tfjs';
import { formatNumber } from '../output';
import {
  commonFactor,
  differenceInForm,
  distance,
  type Evidence,
  notFinite,
  worstEntry,
} from './compare';
import { describe } from './describe';
import {
  DEFAULT_SECONDS,
  DEFAULT_TOLERANCE,
  type Exercise,
  type Mutant,
  type Probe,
  type Run,
  type Task,
} from './exercise';
import { inTypesOf, type Part, partsOf } from './reading';
import { Snapshot } from './snapshot';
import { passInterrupt } from './thrown';
import { describeError, LATE, tryOut, within } from './trial';
import type { Status, Verdict } from './verdict';

/** An answer's result on a probe beside the right one. */
interface Pair {
  probe: Probe<Task>;
  args: unknown[];
  value: unknown;
  /** The value in the types of the reference, for properties. */
  result: unknown;
  mine: Part[];
  right: Part[];
  rightValue: unknown;
  /** The first argument that was changed. */
  changed: number | undefined;
  /** How many tensors the answer made and left behind. */
  kept: number;
  /** What was thrown instead of a result. */
  thrown: { error: unknown } | undefined;
}

/** What a run that threw has to show. */
const NOTHING = { value: undefined, parts: [] };

type Function = (...args: never[]) => unknown;

/**
 * Judges an answer: runs it on the probes of an exercise and compares what comes back with the
 * reference, then with the known mistakes, then with the properties of a right answer.
 *
 * Shows and remembers nothing. Never throws, whatever the answer does, but for the interrupt of a
 * notebook's cell.
 *
 * @param seconds the time limit for all probes, unless it is the exercise's own
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
  const verdict = await tried(exercise, answer as Function, seconds, pairs);
  const elapsed = (performance.now() - began) / 1000;
  const changed = pairs.map(({ changed }) => changed).find((at) => at !== undefined);
  for (const pair of pairs)
    safely(() => disposeExcept([pair.args, pair.value, pair.result, pair.rightValue], undefined));
  const kept = pairs.reduce((sum, { kept }) => sum + kept, 0);
  if (verdict.passed && elapsed > seconds) {
    return tooSlow(exercise.id, undefined, seconds, elapsed);
  }
  if (changed !== undefined) {
    verdict.remarks.push(
      `your function changes its argument ${changed + 1}. ${
        verdict.passed
          ? 'Here that does no harm, but a caller may not expect it.'
          : 'From there on it is no longer what was given: is that meant?'
      }`,
    );
  }
  verdict.remarks.push(...leftBehind(kept, pairs.length));
  return verdict;
}

/** The remark on tensors that an answer made and did not dispose of; none where there are none. */
export function leftBehind(kept: number, calls: number): string[] {
  if (!(kept > 0 && calls > 0)) return [];
  const tensors = kept === 1 ? 'a tensor was' : `${kept} tensors were`;
  const times = calls === 1 ? 'one call' : `${calls} calls`;
  return [
    `${tensors} left behind in ${times}. \`tf.tidy\` or \`dispose()\` gives their memory back.`,
  ];
}

/** Fills `pairs` as far as it comes. */
async function tried(
  exercise: Exercise,
  answer: Function,
  seconds: number,
  pairs: Pair[],
): Promise<Verdict> {
  const { id } = exercise;
  const end = performance.now() + seconds * 1000;
  for (const probe of exercise.probes) {
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

async function verdictOn(exercise: Exercise, answer: Function, pairs: Pair[]): Promise<Verdict> {
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
  answer: Function,
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

/**
 * The mutant whose numbers are right, too, and about which the same property complains with the same
 * words, numbers in it within a tenth: only then is its diagnosis the reason.
 */
async function sameComplaint(
  exercise: Exercise,
  { name, complaint, probe }: Complaint,
): Promise<Mutant<Task> | undefined> {
  const property = exercise.properties?.find((one) => one.name === name);
  const at = exercise.probes.find((one) => one.name === probe);
  if (!property || !at) return undefined;
  for (const mutant of exercise.mutants.filter(({ caughtBy }) => caughtBy === name)) {
    const trial = await tryOut(mutant.answer, at, DEFAULT_SECONDS * 1000);
    if (trial.outcome !== 'returned') continue;
    const { args, value, parts } = trial;
    const rightValue = await exercise.reference(...(at.args() as never[]));
    const again: unknown[] = [];
    const result = safely(() => inTypesOf(rightValue, parts));
    const pair = { probe: at, args, result, rightValue } as Pair;
    try {
      const words = await property.complaint(runOf(pair, mutant.answer as Function, again));
      if (words !== undefined && saysTheSame(words, complaint)) return mutant;
    } catch (error) {
      passInterrupt(error);
    } finally {
      disposeExcept([args, value, result, rightValue, again], undefined);
    }
  }
  return undefined;
}

const NUMBER = /\d+(?:\.\d+)?(?:e[+-]?\d+)?/g;

/** Whether two sentences have the same words, and numbers that are within a tenth of each other. */
function saysTheSame(one: string, other: string): boolean {
  if (one.replace(NUMBER, '#') !== other.replace(NUMBER, '#')) return false;
  const [a, b] = [one, other].map((words) => (words.match(NUMBER) ?? []).map(Number));
  return a!.every((x, i) => Math.abs(x - b![i]!) <= 0.1 * Math.max(x, b![i]!));
}

interface Complaint {
  name: string;
  complaint: string;
  /** The probe on which the property does not hold. */
  probe: string;
}

/**
 * The first property that does not hold. Where the numbers are wrong already (not `strict`), those
 * that are there to catch mutants with right numbers, costs that is, are no explanation, and one
 * that cannot even be computed says nothing.
 */
async function firstComplaint(
  { properties = [], mutants }: Exercise,
  answer: Function,
  pairs: Pair[],
  { strict = false }: { strict?: boolean } = {},
): Promise<Complaint | undefined> {
  for (const { name, complaint } of properties) {
    if (!strict && mutants.some(({ caughtBy }) => caughtBy === name)) continue;
    for (const pair of pairs) {
      const again: unknown[] = [];
      try {
        const words = await within(
          Promise.resolve(complaint(runOf(pair, answer, again))),
          DEFAULT_SECONDS * 1000,
        );
        if (words === LATE) throw new Error(`no end after ${DEFAULT_SECONDS} s`);
        // Of numbers that are wrong beyond all measure a property has nothing to say.
        if (!strict && /NaN|Infinity/.test(words ?? '')) continue;
        if (words !== undefined) return { name, complaint: words, probe: pair.probe.name };
      } catch (error) {
        passInterrupt(error);
        const words = `It could not be checked: ${describeError(error)}`;
        if (strict) return { name, complaint: words, probe: pair.probe.name };
      } finally {
        disposeExcept(again, undefined);
      }
    }
  }
  return undefined;
}

/** A run as a property sees it; what the answer gives back when it is called `again` is kept there. */
function runOf(
  { probe, args, result, rightValue }: Pair,
  answer: Function,
  again: unknown[],
): Run<Task> {
  const run = {
    probe: probe.name,
    args,
    result,
    async answer(...more: never[]) {
      const snapshot = new Snapshot(more);
      const value = await answer(...more);
      const parts = await partsOf(value);
      snapshot.restore();
      const typed = inTypesOf(rightValue, parts);
      again.push(value, typed);
      return typed;
    },
  };
  return run as unknown as Run<Task>;
}

async function nearestMutant(exercise: Exercise, pairs: Pair[], tolerance: number) {
  let nearest: { name: string; diagnosis: string } | undefined;
  let least = tolerance;
  // One whose numbers are right explains no wrong ones, however near they are.
  for (const mutant of exercise.mutants.filter(({ caughtBy }) => !caughtBy)) {
    const far = await distanceToMutant(mutant.answer, pairs, least);
    if (far <= least) {
      least = far;
      nearest = mutant;
    }
  }
  return nearest;
}

/**
 * How far an answer is from a mutant; infinite where one of them throws and the other does not.
 * Breaks off where it is further than `limit`.
 */
async function distanceToMutant(mutant: Function, pairs: Pair[], limit: number): Promise<number> {
  // Two that throw on every probe have nothing in common but that.
  if (pairs.every(({ thrown }) => thrown)) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (const { probe, mine, right, thrown } of pairs) {
    const trial = await tryOut(mutant, probe, DEFAULT_SECONDS * 1000);
    if ('args' in trial) disposeExcept(trial, undefined);
    if (thrown && trial.outcome === 'threw') continue;
    if (thrown || trial.outcome !== 'returned') return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, distance(mine, trial.parts, right));
    if (largest > limit) return largest;
  }
  return largest;
}

const largestDistance = (pairs: Pair[]) =>
  Math.max(...pairs.map(({ mine, right }) => distance(mine, right, right)));

/** What is known of wrong numbers: that, and no guess at a reason. */
function differs(
  pairs: Pair[],
  {
    apart,
    tolerance,
    wrong,
    factor,
  }: { apart: number; tolerance: number; wrong: string[]; factor: number | undefined },
): string {
  const only = wrong.length === 1 && wrong[0] !== '' ? `\`${wrong[0]!.slice(1)}\`` : undefined;
  const opening = only ? `Only ${only} differs. ` : '';
  const subject = only ?? 'Your result';
  if (factor !== undefined && Math.abs(factor + 1) < 1e-3) {
    return `${opening}${subject} has the opposite sign, on all probes.`;
  }
  if (factor !== undefined) {
    return `${opening}${subject} is ${formatNumber(factor, 4)} times the right one, on all probes. Which constant is missing, or there twice?`;
  }
  if (apart < 1e3 * tolerance) {
    return `${opening}It is close, but not close enough: the relative difference is ${formatNumber(apart, 3)}, and at most ${formatNumber(tolerance, 1)} is asked for.`;
  }
  const good = pairs.filter(({ mine, right }) => distance(mine, right, right) <= tolerance);
  return good.length === 0
    ? `${opening}No known mistake gives this result. It is wrong on all probes; a hint may help.`
    : `${opening}No known mistake gives this result. It is right on ${listed(good)} and wrong elsewhere: what is special there?`;
}

/** The parts of the result that are wrong on some probe. */
function wrongPaths(pairs: Pair[], tolerance: number): string[] {
  const paths = new Set(pairs.flatMap(({ right }) => right.map(({ path }) => path)));
  return [...paths].filter((path) =>
    pairs.some(({ mine, right }) => {
      const at = (parts: Part[]) => parts.filter((part) => part.path === path);
      return distance(at(mine), at(right), right) > tolerance;
    }),
  );
}

function notAFunction(id: string, answer: unknown): Verdict {
  return verdictOf(id, 'not-a-function', 'a function is wanted', {
    explanation: `What was handed over is ${describe(answer)}. Pass the function itself, without calling it: \`await check('${id}', yourFunction)\`.`,
  });
}

function threw(id: string, probe: string, error: unknown, others: Pair[]): Verdict {
  const fine = others.length > 0 ? ` On ${listed(others)} it ran through.` : '';
  return verdictOf(id, 'threw', 'your function threw', {
    explanation: `On the ${probe} probe: \`${describeError(error).replaceAll('`', "'")}\`.${fine}`,
  });
}

function listed(pairs: Pair[]): string {
  const names = pairs.map(({ probe }) => `*${probe.name}*`);
  return names.length === 1
    ? `the ${names[0]} probe`
    : `the probes ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function tooSlow(id: string, probe: string | undefined, seconds: number, took?: number): Verdict {
  const explanation =
    took === undefined
      ? `No result on the ${probe} probe within ${seconds} s. Is there a promise that is never resolved, or an iteration without end?`
      : `The numbers are right, but they took ${took.toFixed(1)} s where ${seconds} s is plenty.`;
  return verdictOf(id, 'too-slow', 'too slow', { explanation });
}

function verdictOf(
  exercise: string,
  status: Status,
  title: string,
  more: { mistake?: string; explanation?: string; evidence?: Evidence[] } = {},
): Verdict {
  return {
    exercise,
    passed: status === 'right',
    status,
    title,
    explanation: '',
    evidence: [],
    remarks: [],
    ...more,
  };
}

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

/** Gives back tensors that are not also in what was returned. */
function disposeExcept(args: unknown, returned: unknown) {
  const kept = new Set(tensorsIn(returned));
  for (const tensor of tensorsIn(args)) if (!kept.has(tensor)) tensor.dispose();
}

const tensorsIn = (value: unknown): tf.Tensor[] =>
  safely(() => tf.tensor_util.getTensorsInContainer(value as tf.TensorContainer)) ?? [];

function safely<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch {
    return undefined;
  }
}
