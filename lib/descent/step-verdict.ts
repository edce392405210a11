import * as tf from '@tensorflow/tfjs';
import { tensors } from '../spaces';
import type { SelfTuning, Verdict } from './self-tuning';
import type { AwaitedNumbers } from './stats';
import type { Proposal } from './step-parts';

/** Takes note that a step was taken, unless it is known that it was not. */
export function acceptStep(
  { accept }: Proposal,
  sound: tf.Scalar,
  verdict: Verdict | undefined,
): void {
  if (verdict === undefined) accept?.(sound);
  else if (verdict.isLate) accept?.(tensors.tidy(() => tf.mul(sound, verdict.taken)));
  else if (verdict.taken === 1) accept?.(sound);
}

/** What the stats of a step that was judged are to read, and what δ learns from it. */
export function learnFrom(
  verdict: Verdict,
  { undone }: Proposal,
  tuning: SelfTuning,
): AwaitedNumbers {
  const learn = ([taken, ...numbers]: readonly number[]) => {
    const ratio = tuning.learn(verdict, numbers);
    if (verdict.isLate && taken !== 1) undone?.();
    return { taken: taken === 1, ...(ratio !== undefined && { ratio }) };
  };
  if (verdict.isLate) return { facts: [verdict.taken, ...verdict.facts], learn };
  const learnt = learn([verdict.taken, ...verdict.facts]);
  return { facts: [], learn: () => learnt };
}
