import type * as tf from '@tensorflow/tfjs';
import { add, matMulAdd, multiply, multiplyAdd, negate, subtract } from '../kernels';
import type { Tape } from '../tape';

/**
 * A linear function of the tensor in one slot, as a part of a sum.
 *
 * Both ways it adds what it computes to an addend, where there is one.
 */
export interface Term {
  readonly slot: number;
  push(tangent: tf.Tensor, addend?: tf.Tensor): tf.Tensor;
  pull(cotangent: tf.Tensor, addend?: tf.Tensor): tf.Tensor;
}

/** What a tensor is multiplied by, entry by entry: a function makes a new tensor with each call. */
export type Factor = 1 | -1 | (() => tf.Tensor);

/** f ⊙ x, of the shape of x. */
export class Multiple implements Term {
  readonly slot: number;
  readonly factor: Factor;
  readonly #tape: Tape;
  readonly #kept: () => tf.Tensor[];

  constructor(slot: number, factor: Factor, tape: Tape) {
    this.slot = slot;
    this.factor = factor;
    this.#tape = tape;
    this.#kept = tape.constants(() => (typeof factor === 'number' ? [] : [factor()]));
  }

  push(x: tf.Tensor, addend?: tf.Tensor): tf.Tensor {
    if (this.factor === 1) return addend === undefined ? x : add(addend, x);
    if (this.factor === -1) return addend === undefined ? negate(x) : subtract(addend, x);
    return multiplyAdd(x, this.#kept()[0]!, addend);
  }

  /** A diagonal is its own transpose. */
  pull(u: tf.Tensor, addend?: tf.Tensor): tf.Tensor {
    return this.push(u, addend);
  }

  /** This multiple of what `inner` is a multiple of. */
  after(inner: Multiple): Multiple {
    return new Multiple(inner.slot, times(this.factor, inner.factor), this.#tape);
  }
}

function times(a: Factor, b: Factor): Factor {
  if (typeof a === 'number' && typeof b === 'number') return (a * b) as 1 | -1;
  if (a === 1) return b;
  if (b === 1) return a;
  return () => {
    if (a === -1) return negate((b as () => tf.Tensor)());
    if (b === -1) return negate((a as () => tf.Tensor)());
    return multiply((a as () => tf.Tensor)(), (b as () => tf.Tensor)());
  };
}

/** A matrix that stays the same from product to product. */
export interface Constant {
  readonly shape: readonly number[];
  readonly value: () => tf.Tensor;
}

/** op(x) · op(c) or op(c) · op(x): the side of x, and which of the two is transposed. */
export interface Layout {
  readonly side: 'left' | 'right';
  readonly transposed: boolean;
  readonly constantTransposed: boolean;
}

/** The product of a matrix with a constant one. */
export class Product implements Term {
  readonly slot: number;
  readonly layout: Layout;
  readonly constant: Constant;

  constructor(slot: number, layout: Layout, constant: Constant) {
    this.slot = slot;
    this.layout = layout;
    this.constant = constant;
  }

  push(x: tf.Tensor, addend?: tf.Tensor): tf.Tensor {
    const { side, transposed, constantTransposed: transpose } = this.layout;
    const matrix = this.constant.value;
    return side === 'left'
      ? matMulAdd(x, matrix(), transposed, transpose, addend)
      : matMulAdd(matrix(), x, transpose, transposed, addend);
  }

  /** y = op(x) op(c) has the transpose op(u op(c)ᵀ); where x is transposed the factors change places. */
  pull(u: tf.Tensor, addend?: tf.Tensor): tf.Tensor {
    const { side, transposed, constantTransposed } = this.layout;
    const matrix = this.constant.value;
    // u is multiplied by the transpose of op(c), which once more is transposed where x was.
    const transpose = constantTransposed === transposed;
    return (side === 'left') === transposed
      ? matMulAdd(matrix(), u, transpose, transposed, addend)
      : matMulAdd(u, matrix(), transposed, transpose, addend);
  }
}
