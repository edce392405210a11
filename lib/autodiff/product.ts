import * as tf from '@tensorflow/tfjs';
import type { Pausing } from '../event-loop';
import type { Program } from './program';

/** A linear map of lists of tensors, at once or in pieces. */
export interface Product {
  whole(v: tf.Tensor[]): tf.Tensor[];
  /** To be left for a while between instructions; what it returns is kept, and belongs to the caller. */
  inPieces(v: tf.Tensor[]): Pausing<tf.Tensor[]>;
}

/**
 * The product with a symmetric program, by pulling where an operation's derivative is cheaper that
 * way.
 *
 * @param turned what is done to a vector that goes the other way round
 */
export function symmetric(program: Program, turned?: (v: tf.Tensor[]) => tf.Tensor[]): Product {
  if (!program.preferPull) {
    return {
      whole: (v) => program.pushDense(v),
      inPieces: (v) => program.pushInPieces(v),
    };
  }
  if (turned === undefined) {
    return {
      whole: (v) => program.pullDense(v),
      inPieces: (v) => program.pullInPieces(v),
    };
  }
  return {
    whole: (v) => program.pullDense(turned(v)),
    *inPieces(v) {
      const given = kept(() => turned(v).map((x) => (v.includes(x) ? x.clone() : x)));
      try {
        return yield* program.pullInPieces(given);
      } finally {
        tf.dispose(given);
      }
    },
  };
}

/** What `make` returns, kept, and nothing else of what it made. */
export function kept(make: () => tf.Tensor[]): tf.Tensor[] {
  return tf.tidy(make).map((x) => tf.keep(x));
}

/** Work on something that may be disposed, which is looked at after each pause. */
export function* whileAlive<T>(
  owner: { checkAlive(what: string): void },
  what: string,
  work: Pausing<T>,
): Pausing<T> {
  for (;;) {
    const turn = work.next();
    if (turn.done) return turn.value;
    try {
      yield;
      owner.checkAlive(what);
    } catch (error) {
      // So that the work frees what it holds.
      work.throw(error);
      throw error;
    }
  }
}
