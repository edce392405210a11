import * as tf from '@tensorflow/tfjs';
import { type NamedTensors, random } from './library';

const SIDE = 28;

/** What the six numbers of a transformation do, in the order of `warp`. */
export const MOVES = ['turn', 'scale', 'shear', 'stretch', 'shift right', 'shift down'];

/**
 * Small affine transformations of pictures, differentiable in their strengths.
 *
 * Picture i is sampled at `u + Σₖ exp(λₖ) εᵢₖ Gₖ(u)` for the points u of its pixels, from −1 to 1, with
 * Gₖ a turn, a scaling, a shear, a stretch and two shifts, and between pixels linearly. The
 * derivative goes through the weights of the four neighbours; which they are is a constant.
 *
 * @param noise ε, [count, 6]
 */
export function warp(x: tf.Tensor, λ: NamedTensors, noise: tf.Tensor2D): tf.Tensor {
  return tf.tidy(() => {
    const count = x.shape[0]!;
    const strengths = tf.mul(tf.exp(λ.strength!), noise);
    const { moves, points } = grid();
    // [count, 2 · 784]: where each pixel comes from, x first.
    const from = tf.add(tf.matMul(strengths as tf.Tensor2D, moves), points);
    const scaled = tf.mul(tf.add(from, 1), (SIDE - 1) / 2);
    const [column, row] = tf.split(tf.reshape(scaled, [count, 2, SIDE * SIDE]), 2, 1);
    const flat = tf.reshape(x, [-1]);
    const left = floors(column!);
    const top = floors(row!);
    const right = tf.sub(column!, left);
    const down = tf.sub(row!, top);
    const first = tf.reshape(tf.range(0, count, 1), [count, 1, 1]);
    const parts = [];
    for (const [dx, dy] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ]) {
      const i = tf.add(left, dx!);
      const j = tf.add(top, dy!);
      const inside = tf.mul(within(i), within(j));
      const index = tf.add(
        tf.mul(first, SIDE * SIDE),
        tf.add(tf.mul(tf.clipByValue(j, 0, SIDE - 1), SIDE), tf.clipByValue(i, 0, SIDE - 1)),
      );
      const pixels = tf.mul(inside, tf.gather(flat, tf.cast(index, 'int32')));
      const weight = tf.mul(dx === 1 ? right : tf.sub(1, right), dy === 1 ? down : tf.sub(1, down));
      parts.push(tf.mul(weight, pixels));
    }
    return tf.reshape(tf.addN(parts), x.shape);
  });
}

/** Noise for each picture, the same for the same seed. */
export const noiseFor = (count: number, seed: number): tf.Tensor2D =>
  tf.tensor2d([...random(seed).normals(count * MOVES.length)], [count, MOVES.length]);

/** Whole numbers that derivatives take for constants. */
const floors = (x: tf.Tensor) => constant(tf.floor(x));
const within = (i: tf.Tensor) =>
  constant(tf.cast(tf.logicalAnd(tf.greaterEqual(i, 0), tf.less(i, SIDE)), 'float32'));
const constant = (x: tf.Tensor): tf.Tensor =>
  tf.customGrad((y) => ({
    value: (y as tf.Tensor).clone(),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x);

/** The six moves at the points of the pixels, and the points, [·, 2 · 784]. */
function grid() {
  const at = Array.from({ length: SIDE }, (_, i) => (2 * i) / (SIDE - 1) - 1);
  const xs = at.flatMap(() => at);
  const ys = at.flatMap((y) => at.map(() => y));
  const none = xs.map(() => 0);
  const one = xs.map(() => 1);
  const negative = (values: number[]) => values.map((value) => -value);
  return {
    moves: tf.tensor2d([
      [...negative(ys), ...xs],
      [...xs, ...ys],
      [...ys, ...none],
      [...xs, ...negative(ys)],
      [...one, ...none],
      [...none, ...one],
    ]),
    points: tf.tensor2d([[...xs, ...ys]]),
  };
}
