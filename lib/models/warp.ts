import * as tf from '@tensorflow/tfjs';
import { isolated } from '../autodiff';
import { ShapeError } from '../errors';
import { random } from '../numbers';
import { checkCount, checkNoMore, checkNumericTensor } from '../options';

const SIDE = 28;
const ALL = SIDE * SIDE;

/** What the six strengths of {@link warp} do, in their order. */
export const WARPS = ['turn', 'scale', 'shear', 'stretch', 'shift right', 'shift down'] as const;

/**
 * Small affine transformations of 28 × 28 pictures, differentiable with respect to their strengths.
 *
 * Picture i is sampled at `u + Σₖ aₖ εᵢₖ Gₖ(u)` for the points u of its pixels, from −1 to 1, with Gₖ a
 * turn, a scaling, a shear, a stretch and two shifts ({@link WARPS}); bilinear between pixels, 0
 * outside. The derivative goes through the weights of the four neighbours; which they are is a
 * constant.
 *
 * @param x pictures, [count, 784]
 * @param strengths a, [6]; at 0 the pictures stay as they are
 * @param noise ε, [count, 6]: `warpNoise`
 * @throws ShapeError for other shapes
 */
export function warp(x: tf.Tensor, strengths: tf.Tensor, noise: tf.Tensor2D): tf.Tensor {
  checkNoMore('warp', arguments, 3);
  requireShapes(x, strengths, noise);
  return tf.tidy(() => {
    const count = x.shape[0]!;
    const { moves, points } = grid();
    // [count, 2 · 784]: where each pixel comes from, x first.
    const from = tf.add(tf.matMul(tf.mul(strengths, noise) as tf.Tensor2D, moves), points);
    const scaled = tf.mul(tf.add(from, 1), (SIDE - 1) / 2);
    const [column, row] = tf.split(tf.reshape(scaled, [count, 2, ALL]), 2, 1);
    const flat = tf.reshape(x, [-1]);
    const [left, top] = isolated(() => [tf.floor(column!), tf.floor(row!)] as const);
    const [right, down] = [tf.sub(column!, left), tf.sub(row!, top)];
    const parts = [0, 1].flatMap((dy) =>
      [0, 1].map((dx) => {
        const { inside, place } = isolated(() =>
          neighbour(tf.add(left, dx), tf.add(top, dy), count),
        );
        const pixels = tf.mul(inside, tf.gather(flat, place));
        const weight = tf.mul(dx ? right : tf.sub(1, right), dy ? down : tf.sub(1, down));
        return tf.mul(weight, pixels);
      }),
    );
    return tf.reshape(tf.addN(parts), x.shape);
  });
}

/**
 * Normal noise for {@link warp}, [count, 6]: the same for the same seed.
 *
 * @throws InputError for a count that is not a whole number of at least 0, and for a seed that is not one.
 */
export function warpNoise(count: number, seed: number): tf.Tensor2D {
  checkNoMore('warpNoise', arguments, 2);
  checkCount(count, 'warpNoise with a count of', { least: 0, remedy: 'Pass x.shape[0].' });
  return tf.tensor2d([...random(seed).normals(count * WARPS.length)], [count, WARPS.length]);
}

function requireShapes(x: tf.Tensor, strengths: tf.Tensor, noise: tf.Tensor): void {
  for (const [what, tensor] of Object.entries({ x, strengths, noise })) {
    checkNumericTensor(tensor, `${what} of warp`);
  }
  const count = x.shape[0];
  const right =
    x.rank === 2 &&
    x.shape[1] === ALL &&
    strengths.size === WARPS.length &&
    noise.shape.join() === [count, WARPS.length].join();
  if (right) return;
  throw new ShapeError({
    given: `warp of [${x.shape}] with strengths [${strengths.shape}] and noise [${noise.shape}]`,
    expected: `pictures [count, ${ALL}], strengths [${WARPS.length}], noise [count, ${WARPS.length}]`,
    remedy: 'Make the noise by warpNoise(count, seed).',
  });
}

/** Whether pixels (i, j) are in their pictures, and their places in all of them. */
function neighbour(i: tf.Tensor, j: tf.Tensor, count: number) {
  const clipped = (i: tf.Tensor) => tf.clipByValue(i, 0, SIDE - 1);
  const within = (i: tf.Tensor) =>
    tf.cast(tf.logicalAnd(tf.greaterEqual(i, 0), tf.less(i, SIDE)), 'float32');
  const first = tf.mul(tf.reshape(tf.range(0, count, 1), [count, 1, 1]), ALL);
  const place = tf.add(first, tf.add(tf.mul(clipped(j), SIDE), clipped(i)));
  return { inside: tf.mul(within(i), within(j)), place: tf.cast(place, 'int32') };
}

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
