import { distance } from './compare';
import { DEFAULT_SECONDS, type Exercise } from './exercise';
import { type Answer, disposeExcept, type Pair } from './judge-parts';
import { tryOut } from './trial';

export async function nearestMutant(exercise: Exercise, pairs: Pair[], tolerance: number) {
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
async function distanceToMutant(mutant: Answer, pairs: Pair[], limit: number): Promise<number> {
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
