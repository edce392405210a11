import * as tf from '@tensorflow/tfjs';
import { isolated } from '../autodiff';
import { InputError, ShapeError } from '../errors';
import { checkNoMore, checkOptionNames, shown } from '../options';
import { constraintOf } from './constraint';

export interface SimplexOptions {
  /** What the entries add up to, s > 0. Default 1. */
  total?: number;
}

/**
 * The simplex `x ≥ 0, Σ xᵢ = s`, of the last axis of a tensor: `P(x) = max(x − τ, 0)` with the τ that makes
 * the sum s, found by sorting.
 *
 * With S the entries that stay positive, its derivative takes from those of v their mean and sets the
 * others to 0.
 *
 * @throws InputError for a total that is not positive; on use, ShapeError for a vector, or rows, without entries.
 * @see Held, Wolfe & Crowder, [Validation of subgradient
 *   optimization](https://doi.org/10.1007/BF01580223), 1974; Martins & Astudillo, [From softmax to
 *   sparsemax](https://arxiv.org/abs/1602.02068), 2016 (the derivative).
 */
export function simplex(options: SimplexOptions = {}) {
  checkNoMore('simplex', arguments, 1);
  checkOptionNames('simplex', options, ['total']);
  const { total = 1 } = options;
  if (!(typeof total === 'number' && total > 0 && total < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `simplex({ total: ${shown(total)} })`,
      expected: 'a positive, finite number',
      remedy: 'Entries of at least 0 that add up to 0 are all 0.',
    });
  }
  return constraintOf(
    { name: 'simplex', total },
    {
      float64(x) {
        checkLength(x.length);
        const relative = fromLargest(x);
        const threshold = thresholdOf(relative, total);
        return relative.map((value) => Math.max(value - threshold, 0));
      },
      tensor: (x) =>
        tf.tidy(() => {
          if (x.rank === 0) return tf.add(tf.mul(0, x), total);
          const axis = x.rank - 1;
          checkLength(x.shape[axis]!);
          // A common part changes nothing, and the total would be lost in it: relative to the largest.
          const largest = isolated(() => tf.max(x, axis, true));
          const relative = tf.sub(x, largest);
          const support = isolated(() => tf.tidy(() => supportOf(relative, total)));
          const count = isolated(() => tf.tidy(() => tf.sum(support, axis, true)));
          const kept = tf.mul(support, relative);
          const threshold = tf.div(tf.sub(tf.sum(kept, axis, true), total), count);
          return tf.mul(support, tf.sub(relative, threshold));
        }),
      derivative(x) {
        checkLength(x.length);
        const relative = fromLargest(x);
        const threshold = thresholdOf(relative, total);
        const stays = Array.from(relative, (value) => value > threshold);
        const count = stays.filter(Boolean).length;
        return (v) => {
          const mean = v.reduce((sum, value, i) => sum + (stays[i] ? value : 0), 0) / count;
          return v.map((value, i) => (stays[i] ? value - mean : 0));
        };
      },
    },
  );
}

/** @throws ShapeError for no entries, which add up to nothing. */
function checkLength(count: number): void {
  if (count > 0) return;
  throw new ShapeError({
    given: 'a vector without entries for the projection simplex',
    expected: 'at least one entry, along the last axis',
    remedy: 'No entries add up to 0, and no other total.',
  });
}

/** The entries less the largest of them: the projection is the same, and no digits are lost to a common part. */
function fromLargest(x: Float64Array): Float64Array {
  const largest = x.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return x.map((value) => value - largest);
}

/** τ, from the entries in falling order: the last of them above the mean of what is too much. */
function thresholdOf(x: Float64Array, total: number): number {
  const falling = x.slice().sort().reverse();
  let sum = 0;
  let threshold = 0;
  for (const [i, value] of falling.entries()) {
    sum += value;
    const next = (sum - total) / (i + 1);
    if (value <= next) break;
    threshold = next;
  }
  return threshold;
}

/** 1 where an entry stays positive, along the last axis, of entries less the largest. */
function supportOf(relative: tf.Tensor, total: number): tf.Tensor {
  // Counted from the front: cumsum of TensorFlow.js does not bear −1.
  const axis = relative.rank - 1;
  const n = relative.shape[axis]!;
  const falling = tf.topk(relative, n, true).values;
  const places = tf.range(1, n + 1, 1, 'float32');
  const means = tf.div(tf.sub(tf.cumsum(falling, axis), total), places);
  const counted = tf.cast(tf.greater(falling, means), 'float32');
  // The threshold is the mean at the last place that counts; they count from the first on.
  const last = tf.mul(
    counted,
    tf.cast(tf.equal(tf.cumsum(counted, axis), tf.sum(counted, axis, true)), 'float32'),
  );
  const threshold = tf.sum(tf.mul(last, means), axis, true);
  return tf.cast(tf.greater(relative, threshold), 'float32');
}
