import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { markOutput } from '../autodiff';
import { engine, softmaxCrossEntropy } from '../backends';
import { type Model, mlp } from '../models';
import { random } from '../numbers';
import { cg, type LinearSolver } from '../solvers';
import { mapTensors, tensors } from '../spaces';
import { type ImplicitSgdOptions, implicitSGD } from '.';

const BATCH = 4;
const INPUTS = 30;
const draw = random(3);
let x: tf.Tensor2D;
let y: tf.Tensor;
const { readableNow } = tensors;

beforeAll(async () => {
  await tf.setBackend('cpu');
  x = tf.tensor2d(Float32Array.from(draw.normals(BATCH * INPUTS)), [BATCH, INPUTS]);
  y = tf.oneHot(tf.tensor1d([0, 1, 2, 0], 'int32'), 3).toFloat();
});
afterEach(() => {
  tensors.readableNow = readableNow;
  tf.disposeVariables();
});

const tight = cg({ tolerance: 0, maxIterations: 5, best: 'energy' });
/** The same solver, which knows of no space but the usual one. */
const plain = (({ solve, solveSync, solveDeferred }) =>
  ({ name: 'plain', solve, solveSync, solveDeferred }) as LinearSolver)(tight);

/** The weights after three steps, and how the last one went. */
async function path(model: Model, options: ImplicitSgdOptions) {
  const variables = mapTensors(model.init(1), (value, name) =>
    tf.variable(value, true, name),
  ) as Record<string, tf.Variable>;
  const loss = () => softmaxCrossEntropy(y, markOutput(model.predict(variables, x)));
  const optimizer = implicitSGD(0.5, options);
  for (let i = 0; i < 3; i++) optimizer.minimize(loss);
  const stats = await optimizer.lastStep();
  const reached = Object.values(variables).flatMap((value) => [...value.dataSync()]);
  optimizer.dispose();
  tf.dispose(variables);
  return { reached, stats };
}

const network = mlp({ sizes: [INPUTS, 8, 6, 3], activation: 'sigmoid' });
const cases = (['hessian', 'gauss-newton'] as const).flatMap((curvature) =>
  [true, false].map((readable) => ({ curvature, readable })),
);

describe('a step in the rows of a small batch', () => {
  it.each(cases)('is the step: $curvature, numbers can be read: $readable', async (case_) => {
    const { curvature, readable } = case_;
    tensors.readableNow = () => readable;
    const expected = await path(network, { curvature, solver: plain });
    const { reached, stats } = await path(network, { curvature, solver: tight });
    reached.forEach((value, i) => {
      expect(Math.abs(value - expected.reached[i]!)).toBeLessThan(2e-5);
    });
    expect(stats.products).toBe(expected.stats.products);
    expect(stats.iterations).toBe(expected.stats.iterations);
    expect(stats.loss).toBeCloseTo(expected.stats.loss, 5);
  });

  it('works on no vector of the size of the weights, but for the gradient and the step', () => {
    const variables = mapTensors(network.init(1), (value, name) =>
      tf.variable(value, true, name),
    ) as Record<string, tf.Variable>;
    const loss = () => softmaxCrossEntropy(y, markOutput(network.predict(variables, x)));
    const count = (solver: LinearSolver) => {
      const optimizer = implicitSGD(0.5, { curvature: 'gauss-newton', solver });
      const made = kernelsThatMake(INPUTS * 8, () => optimizer.minimize(loss));
      optimizer.dispose();
      return made;
    };
    expect(count(plain)).toBeGreaterThan(4 * 5);
    expect(count(tight)).toBeLessThan(10);
  });
});

/** How many kernels have a result of the given size. */
function kernelsThatMake(size: number, f: () => void): number {
  const e = engine();
  const { runKernel } = e;
  const own = Object.hasOwn(e, 'runKernel');
  let made = 0;
  e.runKernel = function (name, inputs, attrs) {
    const result = runKernel.call(this, name, inputs, attrs);
    if (result.size === size && name !== 'Reshape') made += 1;
    return result;
  };
  try {
    f();
  } finally {
    if (own) e.runKernel = runKernel;
    else delete (e as Partial<typeof e>).runKernel;
  }
  return made;
}
