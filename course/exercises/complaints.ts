import { DEFAULT_SECONDS, type Exercise, type Mutant, type Run, type Task } from './exercise';
import { type Answer, disposeExcept, type Pair, safely } from './judge-parts';
import { inTypesOf, partsOf } from './reading';
import { Snapshot } from './snapshot';
import { passInterrupt } from './thrown';
import { describeError, LATE, tryOut, within } from './trial';

/**
 * The mutant whose numbers are right, too, and about which the same property complains with the same
 * words, numbers in it within a tenth: only then is its diagnosis the reason.
 */
export async function sameComplaint(
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
      const words = await property.complaint(runOf(pair, mutant.answer as Answer, again));
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
 * that are there to catch mutants with right numbers, costs that is, explain nothing, and one
 * that cannot even be computed says nothing.
 */
export async function firstComplaint(
  { properties = [], mutants }: Exercise,
  answer: Answer,
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
        // A property is not defined for NaN or ∞.
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
  answer: Answer,
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
  // `answer` takes what the task takes; the types of a task are known to its exercise alone.
  return run as unknown as Run<Task>;
}
