import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { markOutput } from '../autodiff';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { InputError } from '../errors';
import { random } from '../numbers';
import { cg, dense, gmres, type LinearSolver, minres, woodbury } from '../solvers';
import { implicitAdam, implicitSGD } from '.';

beforeAll(async () => {
  await useBackend('cpu');
});

const tensor = (shape: number[], seed: number) =>
  tf.tensor(
    Float32Array.from(random(seed).normals(shape.reduce((product, n) => product * n, 1))),
    shape,
  );

/** Where three steps of an optimizer lead a small network. */
async function path(
  make: (rate: number, options: object) => ReturnType<typeof implicitAdam | typeof implicitSGD>,
  solver: LinearSolver,
  options: { parameters?: string[]; penalty?: number } = {},
) {
  const { penalty = 0, ...rest } = options;
  const x = tensor([5, 4], 1);
  const y = tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1], 'int32'), 3).toFloat();
  const variables = {
    W1: tf.variable(tensor([4, 3], 2), true, 'W1'),
    W2: tf.variable(tensor([3, 3], 3), true, 'W2'),
  };
  const loss = () =>
    tf.tidy(() => {
      const { W1, W2 } = variables;
      const z = markOutput(tf.matMul(tf.tanh(tf.matMul(x, W1)), W2));
      const error = softmaxCrossEntropy(y, z);
      return penalty === 0 ? error : tf.add(error, tf.mul(penalty, tf.sum(tf.square(W1))));
    }) as tf.Scalar;
  const optimizer = make(0.7, { curvature: 'gauss-newton', solver, ...rest });
  try {
    const stats = [];
    for (let t = 0; t < 3; t++) stats.push(await optimizer.step(loss));
    const reached = Object.values(variables).flatMap((v) => [...v.dataSync()]);
    return { reached, products: stats[0]!.products, status: stats.map(({ status }) => status) };
  } finally {
    optimizer.dispose();
    tf.dispose(Object.values(variables));
  }
}

const solvers: LinearSolver[] = [
  minres({ tolerance: 1e-6, maxIterations: 60 }),
  gmres({ tolerance: 1e-6, maxIterations: 60 }),
  dense(),
  woodbury(),
];

describe.each([
  ['implicit SGD', implicitSGD],
  ['implicit Adam', implicitAdam],
])('%s takes the same steps whatever solves its system', (_, make) => {
  it.each(solvers.map((solver) => [solver.name, solver] as const))('%s', async (_, solver) => {
    const truth = await path(make, cg({ tolerance: 1e-6, maxIterations: 60 }));
    const { reached, status, products } = await path(make, solver);
    expect(status).toEqual(['converged', 'converged', 'converged']);
    expect(products).toBeGreaterThan(0);
    reached.forEach((value, i) => {
      expect(value).toBeCloseTo(truth.reached[i]!, 3);
    });
  });

  it('woodbury, of a block', async () => {
    const options = { parameters: ['W2'] };
    const truth = await path(make, dense(), options);
    const { reached } = await path(make, woodbury(), options);
    reached.forEach((value, i) => {
      expect(value).toBeCloseTo(truth.reached[i]!, 3);
    });
  });

  it('but woodbury not where a penalty adds to the low rank', async () => {
    await expect(path(make, woodbury(), { penalty: 0.1 })).rejects.toThrow(InputError);
  });
});
