import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { leaveOutOfQuickRun, needs } from '../../test/needs';
import { markOutput, recordGradient } from '../autodiff';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { mlp } from '../models';
import { random } from '../numbers';
import { cg } from '../solvers';
import { tensors } from '../spaces';
import { implicitAdam, implicitSGD } from '.';
import { peakBytes } from './testing';

const programs = needs('programs');

leaveOutOfQuickRun();

const { readableNow } = tensors;

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => {
  tensors.readableNow = readableNow;
  tf.disposeVariables();
});

/** A network of a million parameters, nearly all of them in one layer, with its loss on a batch. */
function network() {
  const model = mlp({ sizes: [784, 1300, 10], activation: 'sigmoid' });
  const variables: Record<string, tf.Variable> = {};
  for (const [name, value] of Object.entries(model.init(1))) {
    variables[name] = tf.variable(value, true, name);
  }
  const size = Object.values(variables).reduce((sum, { size }) => sum + size, 0);
  const batch = 128;
  const x = tf.tensor2d(Float32Array.from(random(2).normals(batch * 784)), [batch, 784]);
  const classes = Int32Array.from({ length: batch }, (_, i) => i % 10);
  const y = tf.oneHot(tf.tensor1d(classes, 'int32'), 10).toFloat();
  const loss = () => softmaxCrossEntropy(y, markOutput(model.predict(variables, x)));
  return { variables, size, loss };
}

const solver = cg({ tolerance: 0, maxIterations: 10, best: 'energy' });
const { solve, solveSync, solveDeferred } = solver;
/** The same, which knows of no space but the usual one. */
const plain = { name: 'plain', solve, solveSync, solveDeferred };

const cases = (['hessian', 'gauss-newton'] as const).flatMap((curvature) =>
  [true, false].flatMap((readable) => [
    // Of a Hessian the iterate of least residual is held too; masked, it is always another one.
    {
      curvature,
      readable,
      solver: plain,
      most: curvature === 'hessian' && !readable ? 8 : 6,
      least: 3,
    },
    { curvature, readable, solver, most: readable ? 3 : 4, least: 1 },
  ]),
);

/** Copies of the parameters that a step holds at once, beyond what was recorded and its gradient. */
function copies(
  optimizer: { minimize(f: () => tf.Scalar): unknown },
  curvature: 'hessian' | 'gauss-newton',
): number {
  const { variables, size, loss } = network();
  // The second step traces what later ones use, and holds a copy more while it does.
  optimizer.minimize(loss);
  optimizer.minimize(loss);
  const before = tf.memory().numBytes;
  const recorded = recordGradient(loss, variables, { curvature });
  // The first product computes what all of them use.
  tf.dispose(recorded.apply({ ...variables }));
  const tape = tf.memory().numBytes - before;
  recorded.dispose();
  return (peakBytes(() => optimizer.minimize(loss)) - tape) / (4 * size);
}

it.each(cases)(
  'a step of ten CG iterations on a million parameters holds at most $most copies: $curvature, numbers can be read: $readable',
  async ({ curvature, readable, solver, most, least }) => {
    tensors.readableNow = () => readable;
    // A rate at which no curvature is negative enough to stop at.
    const optimizer = implicitSGD(0.1, { curvature, solver });
    const held = copies(optimizer, curvature);
    const { products } = await optimizer.lastStep();
    // Where nothing is read, whether so small a tolerance is met is looked at with one product more.
    expect(products).toBe(readable ? 10 : 11);
    expect(held).toBeGreaterThan(least);
    expect(held).toBeLessThanOrEqual(most);
  },
);

// Without programs its products, recorded kernel by kernel, hold fourteen.
it.skipIf(!programs.available)(
  'implicit Adam holds ten: its new moments, their scales and their roots besides',
  () => {
    const optimizer = implicitAdam(0.01, { curvature: 'gauss-newton', solver });
    expect(copies(optimizer, 'gauss-newton')).toBeLessThan(10.5);
  },
);
