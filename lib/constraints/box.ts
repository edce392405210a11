import * as tf from '@tensorflow/tfjs';
import { InputError, ShapeError } from '../errors';
import { checkNoMore, checkOptionNames, phrase, shown } from '../options';
import { constraintOf } from './constraint';

/** A bound of every entry: a number, or one for each. A tensor bounds tensors, an array (copied) float64. */
export type Bound = number | Float64Array | tf.Tensor;

export interface BoxOptions {
  /** Default −∞. */
  lower?: Bound;
  /** Default ∞. */
  upper?: Bound;
}

/**
 * A box: `lower ≤ x ≤ upper`, entry by entry; `P(x) = min(max(x, lower), upper)`.
 *
 * Its derivative is 1 for the entries inside and 0 for the others; with respect to a bound that is a
 * tensor it is 1 for the entries that lie beyond it.
 *
 * Where a tensor as the lower bound is above the upper one, the projection is the upper one.
 *
 * @throws InputError for a lower bound above the upper one, or NaN, in numbers; ShapeError for bounds
 *   of another shape than x.
 */
export function box(options: BoxOptions = {}) {
  checkNoMore('box', arguments, 1);
  checkOptionNames('box', options, ['lower', 'upper']);
  const { lower: least = Number.NEGATIVE_INFINITY, upper: most = Number.POSITIVE_INFINITY } =
    options;
  const [lower, upper] = [boundOf(least, 'lower'), boundOf(most, 'upper')];
  checkBounds(lower, upper);
  const numbers = (x: Float64Array) => {
    const bounds = [listOf(lower, x, 'lower'), listOf(upper, x, 'upper')] as const;
    return bounds;
  };
  return constraintOf(
    { name: 'box', lower, upper },
    {
      float64(x) {
        const [from, to] = numbers(x);
        return x.map((value, i) => Math.min(Math.max(value, from[i]!), to[i]!));
      },
      tensor: (x) =>
        tf.tidy(() => {
          const from = ofTensor(lower, x, 'lower');
          const to = ofTensor(upper, x, 'upper');
          const above = from === Number.NEGATIVE_INFINITY ? x : tf.maximum(x, from);
          return to === Number.POSITIVE_INFINITY ? above.clone() : tf.minimum(above, to);
        }),
      derivative(x) {
        const [from, to] = numbers(x);
        return (v) => v.map((value, i) => (x[i]! >= from[i]! && x[i]! <= to[i]! ? value : 0));
      },
    },
  );
}

/** A bound as it is now: an array may change later. @throws InputError for anything else. */
function boundOf(bound: Bound, name: string): Bound {
  checkBound(bound, name);
  return bound instanceof Float64Array ? bound.slice() : bound;
}

/** @throws InputError or ShapeError for numbers between which there is no box. */
function checkBounds(lower: Bound, upper: Bound): void {
  if (lower instanceof tf.Tensor || upper instanceof tf.Tensor) return;
  if (typeof lower === 'number' && typeof upper === 'number') {
    checkOrder(lower, upper);
    return;
  }
  const like = typeof lower === 'number' ? (upper as Float64Array) : lower;
  const [from, to] = [listOf(lower, like, 'lower'), listOf(upper, like, 'upper')];
  for (const i of like.keys()) checkOrder(from[i]!, to[i]!);
}

function checkBound(bound: unknown, name: string): void {
  const isNumber = typeof bound === 'number' && !Number.isNaN(bound);
  const isList = bound instanceof Float64Array && !bound.some(Number.isNaN);
  const isTensor = bound instanceof tf.Tensor && !bound.isDisposed && bound.dtype === 'float32';
  if (isNumber || isList || isTensor) return;
  throw new InputError({
    given: `${bound instanceof tf.Tensor ? `a ${bound.isDisposed ? 'disposed' : bound.dtype} tensor` : phrase(bound)} as the ${name} bound of a box`,
    expected: 'a number, a Float64Array or a float32 tensor, without NaN',
    remedy: 'Leave it out where there is no bound.',
  });
}

function checkOrder(lower: number, upper: number): void {
  if (lower <= upper) return;
  throw new InputError({
    given: `a box from ${shown(lower)} to ${shown(upper)}`,
    expected: 'a lower bound that is not above the upper one',
    remedy: 'The box is empty otherwise.',
  });
}

function listOf(bound: Bound, like: Float64Array, name: string): Float64Array {
  if (typeof bound === 'number') return new Float64Array(like.length).fill(bound);
  if (bound instanceof Float64Array && bound.length === like.length) return bound;
  throw new ShapeError({
    given: `${bound instanceof Float64Array ? `${bound.length} numbers` : 'a tensor'} as the ${name} bound of ${like.length} numbers`,
    expected: 'one number, or one for each',
    remedy: 'Tensors bound tensors, Float64Arrays bound Float64Arrays.',
  });
}

/** Bounds of another shape would be broadcast, and x with them. */
function ofTensor(bound: Bound, { shape }: tf.Tensor, name: string): tf.Tensor | number {
  if (typeof bound === 'number') return bound;
  if (bound instanceof Float64Array) {
    throw new ShapeError({
      given: 'a Float64Array as the bound of a tensor',
      expected: 'a number or a tensor',
      remedy: 'Make it one by tf.tensor1d.',
    });
  }
  if (bound.rank === 0 || tf.util.arraysEqual(bound.shape, shape)) return bound;
  throw new ShapeError({
    given: `a ${name} bound of shape [${bound.shape}] for a tensor of shape [${shape}]`,
    expected: 'one number, or one for each entry',
    remedy: 'Bring it to that shape by tf.reshape or tf.broadcastTo.',
  });
}
