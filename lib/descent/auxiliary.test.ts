import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { markAuxiliary } from '../autodiff';
import { useBackend } from '../backends';
import { ShapeError } from '../errors';
import { dense } from '../solvers';
import { implicitAdam, implicitSGD } from '.';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => tf.disposeVariables());

/** `‖w − target‖²`, which marks its size and its residual. */
const lossOf = (w: tf.Variable, target: number[]) => () =>
  tf.tidy(() => {
    const residual = tf.sub(w, target);
    markAuxiliary({ residual, most: tf.max(tf.abs(residual)) });
    return tf.sum(tf.square(residual)) as tf.Scalar;
  });

const optimizers = [
  ['implicitSGD', () => implicitSGD(1, { solver: dense() })],
  ['implicitAdam', () => implicitAdam(0.1)],
] as const;

describe.each([
  ...optimizers,
  ['implicitSGD, exact', () => implicitSGD(1, { exact: true })],
] as const)('what a loss marks is in the stats of %s', (_, make) => {
  it('as numbers, from where the step began', async () => {
    const w = tf.variable(tf.tensor1d([3, -1]));
    const optimizer = make();
    const { auxiliary } = await optimizer.step(lossOf(w, [1, 1]));
    expect(auxiliary).toEqual({ residual: [2, -2], most: 2 });
    const { numTensors } = tf.memory();
    await optimizer.step(lossOf(w, [1, 1]));
    expect(tf.memory().numTensors).toBe(numTensors);
    const plain = () => tf.sum(tf.square(w)) as tf.Scalar;
    expect(await optimizer.step(plain)).not.toHaveProperty('auxiliary');
  });

  it('of several losses by their shares, where the shapes are the same', async () => {
    const w = tf.variable(tf.tensor1d([3, -1]));
    const optimizer = make();
    const losses = [lossOf(w, [1, 1]), lossOf(w, [3, 3])];
    for (const tapes of ['one', 'all'] as const) {
      w.assign(tf.tensor1d([3, -1]));
      const { auxiliary } = await optimizer.step(losses, undefined, { weights: [3, 1], tapes });
      expect(auxiliary).toEqual({ residual: [1.5, -2.5], most: 2.5 });
    }
    const odd = () => {
      markAuxiliary({ most: tf.ones([3]) });
      return tf.sum(tf.square(w)) as tf.Scalar;
    };
    const { numTensors } = tf.memory();
    const before = [...w.dataSync()];
    await expect(optimizer.step([losses[0]!, odd])).rejects.toThrow(ShapeError);
    expect([...w.dataSync()]).toEqual(before);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

it.each(optimizers)(
  'what a loss marks is in the stats of a step of %s that was not waited for',
  async (_, make) => {
    const w = tf.variable(tf.tensor1d([3, -1]));
    const optimizer = make();
    optimizer.minimize(lossOf(w, [1, 1]));
    optimizer.minimize(lossOf(w, [3, -1]));
    const { auxiliary } = await optimizer.lastStep();
    expect(auxiliary!.most).toBeLessThan(2);
    optimizer.dispose();
    const { numTensors } = tf.memory();
    const failing = () => {
      markAuxiliary({ a: tf.scalar(1) });
      throw new Error('late');
    };
    expect(() => optimizer.minimize(failing)).toThrow('late');
    expect(tf.memory().numTensors).toBe(numTensors);
  },
);
