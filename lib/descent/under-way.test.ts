import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { DisposedError, InputError } from '../errors';
import { ImplicitSGD, implicitAdam, implicitSGD } from '.';

beforeAll(async () => {
  await useBackend('cpu');
});
afterEach(() => tf.disposeVariables());

const makers = { implicitSGD: () => implicitSGD(0.5), implicitAdam: () => implicitAdam(0.1) };
const variable = () => tf.variable(tf.tensor1d([3, -2]));
const lossOf = (w: tf.Variable) => () =>
  tf.sum(tf.mul(tf.tensor1d([1, 2]), tf.square(w))) as tf.Scalar;

describe.each(Object.entries(makers))('while a step of %s is under way', (_, make) => {
  it('another waits for it: two at once are as two in turn', async () => {
    const reached: number[][] = [];
    for (const atOnce of [true, false]) {
      const [w, optimizer] = [variable(), make()];
      const step = () => optimizer.step(lossOf(w), [w]);
      if (atOnce) await Promise.all([step(), step(), step()]);
      else for (let t = 0; t < 3; t++) await step();
      expect(optimizer.iterations).toBe(3);
      reached.push([...w.dataSync()]);
      optimizer.dispose();
    }
    expect(reached[0]).toEqual(reached[1]);
  });

  it('it is the step that minimize takes', async () => {
    const reached: number[][] = [];
    for (const waits of [true, false]) {
      const [w, optimizer] = [variable(), make()];
      if (waits) await optimizer.step(lossOf(w), [w]);
      else optimizer.minimize(lossOf(w), false, [w]);
      reached.push([...w.dataSync()]);
      optimizer.dispose();
    }
    expect(reached[0]).toEqual(reached[1]);
  });

  it('minimize is refused, and the step is taken', async () => {
    const [w, optimizer] = [variable(), make()];
    const step = optimizer.step(lossOf(w), [w]);
    expect(() => optimizer.minimize(lossOf(w), false, [w])).toThrow(/under way/);
    await step;
    expect(optimizer.iterations).toBe(1);
    optimizer.minimize(lossOf(w), false, [w]);
    expect(optimizer.iterations).toBe(2);
    optimizer.dispose();
  });

  it('a variable that is assigned to is left alone, and the next step is taken', async () => {
    const [w, optimizer] = [variable(), make()];
    const before = tf.memory().numTensors;
    const step = optimizer.step(lossOf(w), [w]);
    w.assign(tf.tensor1d([5, 6]));
    await expect(step).rejects.toThrow(InputError);
    expect([...w.dataSync()]).toEqual([5, 6]);
    expect(optimizer.iterations).toBe(0);
    // The value that was assigned.
    expect(tf.memory().numTensors).toBe(before + 1);
    await optimizer.step(lossOf(w), [w]);
    expect(optimizer.iterations).toBe(1);
    optimizer.dispose();
  });

  it('dispose ends it, and nothing is moved', async () => {
    const [w, optimizer] = [variable(), make()];
    const before = tf.memory().numTensors;
    const step = optimizer.step(lossOf(w), [w]);
    optimizer.dispose();
    await expect(step).rejects.toThrow(DisposedError);
    expect([...w.dataSync()]).toEqual([3, -2]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('a solver that fails fails the step, and leaves nothing behind', async () => {
  const w = variable();
  const failing = () => {
    throw new Error('mine');
  };
  const solver = { name: 'mine', solve: failing, solveSync: failing, solveDeferred: failing };
  for (const optimizer of [implicitSGD(1, { solver }), implicitAdam(1, { solver })]) {
    const before = tf.memory().numTensors;
    await expect(optimizer.step(lossOf(w), [w])).rejects.toThrow('mine');
    expect(() => optimizer.minimize(lossOf(w), false, [w])).toThrow('mine');
    expect(tf.memory().numTensors).toBe(before);
    expect([...w.dataSync()]).toEqual([3, -2]);
    optimizer.dispose();
  }
});

it('only what implicitSGD has made is an ImplicitSGD', () => {
  expect(implicitSGD(1)).toBeInstanceOf(ImplicitSGD);
  expect(implicitSGD(1)).toBeInstanceOf(tf.Optimizer);
  for (const other of [tf.train.adam(), implicitAdam(1), {}, null]) {
    expect(other instanceof ImplicitSGD).toBe(false);
  }
});
