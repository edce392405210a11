import { distance } from './compare';
import {
  DEFAULT_SECONDS,
  DEFAULT_TOLERANCE,
  type Exercise,
  type Probe,
  type Task,
} from './exercise';
import { type Answer, disposeExcept } from './judge-parts';
import type { Part } from './reading';
import { tryOut } from './trial';

/** How they are called in a verdict. */
const NAME = 'newly drawn';
/** The distance between seeds: an exercise uses several consecutive ones. */
const APART = 100_000;
/** Right answers are closer to each other than an answer has to be. */
const NEARER = 20;

/** Probes that no answer can have been prepared for. */
export const freshProbes = (exercise: Exercise): Probe<Task>[] =>
  probesOf(exercise, crypto.getRandomValues(new Uint32Array(1))[0]!);

/** The probes that belong to a seed. */
export const probesOf = ({ fresh, draws = 1 }: Exercise, seed: number): Probe<Task>[] =>
  Array.from({ length: draws }, (_, i) => ({ name: NAME, args: () => fresh(seed + APART * i) }));

/**
 * Whether all answers that are known to be right give the same: a drawn number may lie on the very
 * edge of a decision, where rounding decides.
 */
export async function areDecided(exercise: Exercise, probes: Probe<Task>[]): Promise<boolean> {
  const tolerance = (exercise.tolerance ?? DEFAULT_TOLERANCE) / NEARER;
  for (const probe of probes) {
    const right = await resultOf(exercise.reference, probe);
    if (!right) return false;
    for (const { answer } of exercise.alternatives) {
      const other = await resultOf(answer, probe);
      if (!other || distance(other, right, right) > tolerance) return false;
    }
  }
  return true;
}

async function resultOf(answer: Answer, probe: Probe<Task>): Promise<Part[] | undefined> {
  const trial = await tryOut(answer, probe, DEFAULT_SECONDS * 1000);
  if (!('args' in trial)) return undefined;
  const value = trial.outcome === 'returned' ? trial.value : undefined;
  disposeExcept([trial.args, value], undefined);
  return trial.outcome === 'returned' ? trial.parts : undefined;
}
