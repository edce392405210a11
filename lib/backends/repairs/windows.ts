import * as tf from '@tensorflow/tfjs';
import { unrecorded } from '../unrecorded';
import { positions } from './gradient';

/** How a window moves along one axis, and what the padding puts before its first place. */
export interface Window {
  size: number;
  stride: number;
  dilation: number;
  before: number;
  /** How many places it takes. */
  outputs: number;
}

/** The `outputs` elements of an axis from `start` on, `stride` apart. */
function take(x: tf.Tensor, axis: number, start: number, { stride, outputs }: Window): tf.Tensor {
  const shape = [...x.shape.slice(0, axis), outputs, ...x.shape.slice(axis + 1)];
  const product = (sizes: number[]) => sizes.reduce((all, size) => all * size, 1);
  // The axes before and after as one each: slices of rank 5 and more take a thousand times longer on wasm.
  const [before, after] = [product(x.shape.slice(0, axis)), product(x.shape.slice(axis + 1))];
  const whole = tf.reshape(x, [before, x.shape[axis]!, after]);
  const run = tf.slice(whole, [0, start, 0], [before, outputs * stride, after]);
  if (stride === 1) return tf.reshape(run, shape);
  const split = tf.reshape(run, [before, outputs, stride, after]);
  return tf.reshape(tf.slice(split, [0, 0, 0, 0], [before, outputs, 1, after]), shape);
}

/**
 * What a moving window sees: for each place in it, the input under that place at every output.
 *
 * Made of slices, so that it can be differentiated as often as one likes.
 *
 * @param x shape [batch, …space, channels]
 * @param axes one window for each axis of space
 * @param outside the value outside the input
 * @returns as many tensors of the output's shape as the window has places, last axis fastest
 */
export function windows(x: tf.Tensor, axes: Window[], outside: number): tf.Tensor[] {
  const margins = axes.map((w, i): [number, number] => {
    const needed = (w.size - 1) * w.dilation + w.outputs * w.stride;
    return [w.before, Math.max(0, needed - w.before - x.shape[i + 1]!)];
  });
  const padded = tf.pad(x, [[0, 0], ...margins, [0, 0]] as [number, number][], outside);
  return axes.reduce<tf.Tensor[]>(
    (seen, w, i) =>
      seen.flatMap((part) =>
        Array.from({ length: w.size }, (_, k) => take(part, i + 1, k * w.dilation, w)),
      ),
    [padded],
  );
}

/**
 * The position of each maximum of a moving window: flat positions in x, the first where several tie.
 *
 * @param y the maxima
 * @param candidates what was compared, from `windows`
 */
export function placesOf(
  y: tf.Tensor,
  candidates: tf.Tensor[],
  x: tf.Tensor,
  axes: Window[],
): tf.Tensor {
  return unrecorded(() => {
    // As vectors: some backends choose between tensors of rank 4 at most.
    const flat = (t: tf.Tensor) => tf.reshape(t, [-1]);
    const seen = windows(positions(x.shape), axes, 0).map(flat);
    const maxima = flat(y);
    const places = candidates.reduceRight(
      (found, candidate, k) => tf.where(tf.equal(flat(candidate), maxima), seen[k]!, found),
      tf.zeros([y.size], 'int32') as tf.Tensor,
    );
    return tf.reshape(places, y.shape);
  });
}
