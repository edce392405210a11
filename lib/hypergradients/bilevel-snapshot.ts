import { UnsupportedError } from '../errors';
import { tensors, type Vector } from '../spaces';
import { hyperparametersIn, loadLike, loadMemory, type ResumableCheckpoint } from './checkpoint';
import type { Memory } from './movers';

/** All that a run is between two outer steps. */
export interface Snapshot<V> {
  step: number;
  innerSteps: number;
  w: V;
  λ: V;
  adjoint: V | undefined;
  /** Undefined where an optimizer does not give its state; then only the count of its steps is known. */
  inner: Memory | undefined;
  outer: Memory | undefined;
  moves: number;
}

/** The snapshot that was saved as a checkpoint. */
export function loadSnapshot<V extends Vector>(
  checkpoint: ResumableCheckpoint,
  w: V,
  λ: V,
): Snapshot<V> {
  const { step, innerSteps, adjoint, innerOptimizer, outerOptimizer } = checkpoint;
  const held: unknown[] = [];
  const hold = <T>(loaded: T): T => {
    held.push(loaded);
    return loaded;
  };
  try {
    return {
      step,
      innerSteps,
      w: hold(loadLike(checkpoint.w, w, 'the saved w')),
      λ: hold(loadLike(hyperparametersIn(checkpoint), λ, 'the saved λ')),
      adjoint: adjoint && hold(loadLike(adjoint, w, 'the saved adjoint')),
      inner: innerOptimizer && hold(loadMemory(innerOptimizer)),
      outer: loadMemory(outerOptimizer),
      moves: 0,
    };
  } catch (error) {
    tensors.free(held);
    throw error;
  }
}

/** @throws UnsupportedError where an optimizer has moved that cannot go back. */
export function requireRestorable<V>(
  { inner, outer, moves }: Snapshot<V>,
  { now, hasInner }: { now: number; hasInner: boolean },
): void {
  const isKnown = outer !== undefined && (!hasInner || inner !== undefined);
  if (isKnown || moves === now) return;
  throw new UnsupportedError({
    given: 'a step that was cut short, with an optimizer that does not give its state (getWeights)',
    expected:
      'an optimizer that gives its state, so that the step can be done again: sgd, momentum, rmsprop, adam',
    remedy: 'Begin a new run from copies of w and λ, with another optimizer.',
  });
}
