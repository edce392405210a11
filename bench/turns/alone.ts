import * as tf from '@tensorflow/tfjs';
import {
  argminAsync,
  backwardEulerAsync,
  compiledMap,
  dense,
  fixedPoint,
  gmres,
  type LinearOperator,
  nystrom,
  radauAsync,
  solveMany,
  trace,
} from '../../lib';
import { beforehand } from './gaps';
import type { Work } from './tools';

/** A chain of n cells along which something diffuses, and reacts in each. */
const chain = (y: Float64Array) =>
  y.map((at, i) => 1e3 * ((y[i - 1] ?? 0) - 2 * at + (y[i + 1] ?? 0)) + at - at ** 3);

/** Work without a network. */
export const aloneWorks = (): Work[] => [
  ...[512, 2048].map(
    (width): Work => [`argminAsync of compiledMap, ${width}`, () => equilibrium(width)],
  ),
  ['radauAsync, 120 unknowns', () => integrated(radauAsync)],
  ['backwardEulerAsync, 120 unknowns', () => integrated(backwardEulerAsync)],
  ['solveMany by dense(), 300 unknowns', () => manyDense(300)],
  ['trace, 500,000 unknowns', () => traced(5e5)],
  ['nystrom, 100,000 unknowns', () => preconditioned(1e5)],
];

/** A layer at its equilibrium: thirty iterations, a derivative by a series and one by GMRES. */
async function equilibrium(width: number): Promise<void> {
  const of = (seed: number, shape: number[], by: number) =>
    tf.randomNormal(shape, 0, by, 'float32', seed);
  const A = beforehand(() => of(1, [width, width], 0.3 / Math.sqrt(width)));
  const b = beforehand(() => of(2, [256, width], 1));
  const map = (z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) => tf.tanh(tf.add(tf.matMul(z, A), b));
  const solve = compiledMap((A: tf.Tensor, b: tf.Tensor) => {
    let z: tf.Tensor = tf.tanh(b);
    for (let t = 0; t < 30; t++) z = map(z, A, b);
    return z;
  });
  const optimality = compiledMap((z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) =>
    tf.sub(z, map(z, A, b)),
  );
  for (const solver of [fixedPoint({ tolerance: 1e-4 }), gmres({ tolerance: 1e-4 })]) {
    for (let i = 0; i < 2; i++) {
      // As it is: so it is known to have programs.
      const solution = await argminAsync<tf.Tensor>(solve as never, optimality as never, {
        solver,
      })(A, b);
      tf.dispose(await solution.pullBack(solution.value));
      solution.dispose();
    }
  }
  solve.free();
  optimality.free();
  tf.dispose([A, b]);
}

/** A diagonal with entries that fall off. */
const diagonal = (size: number): LinearOperator<Float64Array> => {
  const entries = beforehand(() => Float64Array.from({ length: size }, (_, i) => 1 / (1 + i)));
  return { apply: (v) => v.map((value, i) => value * entries[i]!), dispose() {} };
};

async function traced(size: number): Promise<void> {
  await trace(diagonal(size), { like: new Float64Array(size), probes: 2 });
}

async function preconditioned(size: number): Promise<void> {
  (await nystrom(diagonal(size), new Float64Array(size), { rank: 40 })).dispose();
}

async function integrated(integrate: typeof radauAsync | typeof backwardEulerAsync) {
  const start = Float64Array.from({ length: 120 }, (_, i) => Math.sin(i / 10));
  await integrate(chain, start, { to: 0.02, step: 0.01 });
}

async function manyDense(size: number): Promise<void> {
  const entry = (i: number, j: number) => (i === j ? size : Math.cos(i * j));
  const A = {
    apply: (v: Float64Array) =>
      v.map((_, i) =>
        v.reduce((sum, each, j) => sum + entry(Math.min(i, j), Math.max(i, j)) * each, 0),
      ),
    dispose() {},
  };
  const right = [1, 2, 3].map((k) =>
    Float64Array.from({ length: size }, (_, i) => Math.sin(k * i)),
  );
  await solveMany(A, right, { solver: dense() });
}
