import * as tf from '@tensorflow/tfjs';
import { differentiate } from './gradient';

interface Along {
  axis: number;
  exclusive: boolean;
  reverse: boolean;
}

/** Reinserts the reduced axes as ones, so that a result broadcasts against its input. */
function expand(y: tf.Tensor, shape: number[], axes: number[]): tf.Tensor {
  return tf.reshape(
    y,
    shape.map((n, i) => (axes.includes(i) ? 1 : n)),
  );
}

/** The greatest or least gets the derivative; where several tie they share it evenly. */
function repairExtremum(kernel: 'Max' | 'Min') {
  // The two kernels name their axes differently.
  differentiate<{ reductionIndices?: number[]; axis?: number[] }>(kernel, {
    inputs: ['x'],
    output: true,
    gradient: (dy, [x, y], { reductionIndices, axis }) => ({
      x: () => {
        const axes = tf.util.parseAxisParam((reductionIndices ?? axis)!, x!.shape);
        const taken = tf.cast(tf.equal(x!, expand(y!, x!.shape, axes)), 'float32');
        const share = tf.div(expand(dy, x!.shape, axes), tf.sum(taken, axes, true));
        return tf.mul(share, taken);
      },
    }),
  });
}

/**
 * The derivative of a running product, by a scan from its end.
 *
 * dxᵢ = Pᵢ Sᵢ with Pᵢ the product of what comes before xᵢ, and Sᵢ = dyᵢ + xᵢ₊₁ Sᵢ₊₁. Without a
 * division: zeros among the factors are allowed.
 */
function runningProduct(dy: tf.Tensor, x: tf.Tensor, { axis, exclusive, reverse }: Along) {
  const flip = (t: tf.Tensor) => (reverse ? tf.reverse(t, axis) : t);
  const factors = tf.unstack(flip(x), axis);
  const slopes = tf.unstack(flip(dy), axis);
  const before = tf.unstack(tf.cumprod(flip(x), axis, true, false), axis);
  const n = factors.length;
  const result: tf.Tensor[] = Array(n);
  let tail: tf.Tensor = tf.zerosLike(slopes[0]!);
  for (let i = n - 1; i >= 0; i--) {
    const next = i + 1 < n ? factors[i + 1]! : tf.onesLike(tail);
    if (exclusive) tail = i + 1 < n ? tf.add(slopes[i + 1]!, tf.mul(next, tail)) : tail;
    else tail = tf.add(slopes[i]!, tf.mul(next, tail));
    result[i] = tf.mul(before[i]!, tail);
  }
  return flip(tf.stack(result, axis));
}

/** Reductions and scans along axes. */
export function repairReductions(): void {
  repairExtremum('Max');
  repairExtremum('Min');
  differentiate<Along>('Cumsum', {
    gradient: (dy, _, { axis, exclusive, reverse }) => ({
      x: () => tf.cumsum(dy, axis, exclusive, !reverse),
    }),
  });
  differentiate<Along>('Cumprod', {
    inputs: ['x'],
    gradient: (dy, [x], attributes) => ({ x: () => runningProduct(dy, x!, attributes) }),
  });
  differentiate<{ axis?: number | number[] }>('Prod', {
    inputs: ['x'],
    gradient: (dy, [x], { axis }) => ({
      x: () => {
        // Everything multiplied goes into a last axis, where two running products leave one out.
        const axes = tf.util.parseAxisParam(axis as number[], x!.shape);
        const kept = x!.shape.map((_, i) => i).filter((i) => !axes.includes(i));
        const order = [...kept, ...axes];
        const moved = tf.transpose(x!, order);
        const rows = tf.reshape(moved, [
          ...kept.map((i) => x!.shape[i]!),
          tf.util.sizeFromShape(axes.map((i) => x!.shape[i]!)),
        ]);
        const last = kept.length;
        const others = tf.mul(
          tf.cumprod(rows, last, true, false),
          tf.cumprod(rows, last, true, true),
        );
        const slopes = tf.mul(expand(dy, rows.shape, [last]), others);
        const back = order.map((_, i) => order.indexOf(i));
        return tf.transpose(tf.reshape(slopes, moved.shape), back);
      },
    }),
  });
}
