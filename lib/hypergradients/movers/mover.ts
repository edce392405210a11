import type * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors';
import type { Pausing } from '../../event-loop';
import type { Method } from '../../methods';
import type { FlatProblem } from '../../problems';
import type { Vector } from '../../spaces';
import type { OuterFacts, StepControl } from './step-control';

/** What moves weights: an optimizer of TensorFlow.js', or a `Method`, for float64 too. */
export type InnerOptimizer = tf.Optimizer | Method;

/** What moves hyperparameters: the same, or HOAG's step control. */
export type OuterOptimizer = InnerOptimizer | StepControl;

/** An inner problem at the λ and the batch of one step. */
export interface InnerProblem<V> {
  /** Of the weights as they are; of tensors only. */
  loss?: () => tf.Scalar;
  gradient(w: V): V;
  /** The same to be left for a while, where it takes long; kept. */
  inPieces?(w: V): Pausing<V>;
}

/** What an inner step saw before it moved the weights. */
export interface InnerStep {
  /** Undefined where the step needs the gradient alone. */
  loss: number | undefined;
  /** `‖∇f‖₂`; undefined for optimizers that keep their gradient to themselves. */
  gradientNorm: number | undefined;
  /** Whether the weights were moved: not where the gradient was small enough. */
  moved: boolean;
}

/** Vectors and numbers that an optimizer remembers from step to step. */
export interface Memory {
  /** Whose memory it is: the name of the optimizer. */
  of: string;
  vectors: Record<string, Vector>;
  numbers: Record<string, number>;
}

/** Moves the vector of one place by its gradients. */
export interface Mover<V> {
  /** How often it has moved anything, or has begun to. */
  readonly moves: number;
  /**
   * An inner step, unless the norm of the gradient is at most `enough` already.
   *
   * @throws NotFiniteError for a loss or a gradient that is not finite, before anything is moved
   *   but by optimizers that take their step in one piece.
   */
  descend(problem: InnerProblem<V>, enough: number): Promise<InnerStep>;
  /**
   * Inner steps on flat vectors, until there are `count` of them or the norm of the gradient is at
   * most `enough`; returns how many there were. The w of the setting is moved too. Where it throws nothing was moved. Missing where the
   * optimizer computes with tensors alone.
   *
   * @param after called after each step, with the number of steps so far
   * @throws NotFiniteError for a loss or a gradient that is not finite.
   */
  descendFlat?(
    setting: FlatProblem,
    stop: { count: number; enough: number },
    after: (done: number) => void,
  ): Promise<number>;
  /**
   * An outer step.
   *
   * @throws NotFiniteError where what is to be remembered of it overflows, before anything is moved.
   */
  follow(gradient: V, facts: OuterFacts): Promise<void>;
  /** A copy of what it remembers, the caller's; undefined for an optimizer that does not give it. */
  remember(): Promise<Memory | undefined>;
  /**
   * Goes back to what it remembered, or to a memory of the same kind of optimizer, by copies.
   *
   * @throws InputError for that of another kind.
   */
  recall(memory: Memory): Promise<void>;
  dispose(): void;
}

/** @throws UnsupportedError for an optimizer that does not give its state. */
export async function rememberOrThrow<V>(mover: Mover<V>): Promise<Memory> {
  const memory = await mover.remember();
  if (memory !== undefined) return memory;
  throw new UnsupportedError({
    given: 'a run with an optimizer that does not give its state (getWeights)',
    expected: 'an optimizer that gives its state: sgd, momentum, rmsprop, adam, adagrad, adadelta',
    remedy: 'Take another optimizer, or do without a checkpoint and without restart.',
  });
}
