import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { DisposedError } from '../errors';
import { random } from '../numbers';
import { Replay, recordSelected } from '.';

const normals = (shape: number[], seed: number) =>
  tf.tensor(Float32Array.from(random(seed).normals(tf.util.sizeFromShape(shape))), shape);

/** Losses by what they are made of; each depends on W, and on what is made inside. */
const losses: Record<string, (W: tf.Variable) => tf.Scalar> = {
  'a network': (W) => {
    const x = normals([5, 4], 1);
    const y = tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1], 'int32'), 3);
    return softmaxCrossEntropy(y, tf.tanh(tf.matMul(x, W as tf.Tensor2D)));
  },
  'a list of inputs': (W) => tf.sum(tf.concat([W, tf.square(W), tf.ones([1, 3])])),
  'slices and sums': (W) =>
    tf.addN([tf.mean(tf.slice(W, [1, 0], [2, 3])), tf.sum(W), tf.scalar(2)]) as tf.Scalar,
  'a variable that it assigns': (W) => {
    const scale = tf.variable(tf.tensor1d([1, 2, 3]), false);
    const linear = tf.sum(tf.mul(W, scale));
    scale.assign(tf.tensor1d([4, 5, 6]));
    const square = tf.sum(tf.mul(tf.square(W), scale));
    scale.dispose();
    return tf.add(linear, square) as tf.Scalar;
  },
  'a list that it changes': (W) => {
    const begin = [0, 0];
    const rows = [0, 1, 2].map((row) => {
      begin[0] = row;
      return tf.mul(row + 1, tf.sum(tf.square(tf.slice(W, begin, [1, 3]))));
    });
    return tf.addN(rows) as tf.Scalar;
  },
  'a custom gradient': (W) => {
    const f = tf.customGrad((x) => ({
      value: tf.sum(tf.square(x as tf.Tensor)),
      gradFunc: (dy) => tf.mul(dy as tf.Tensor, tf.mul(2, x as tf.Tensor)),
    }));
    return f(W) as tf.Scalar;
  },
};

describe.each(['cpu', 'wasm'] as const)('a replay on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend, backend === 'wasm' ? { threads: 1 } : {});
  });
  afterEach(() => tf.disposeVariables());

  it.each(Object.entries(losses))('of %s is the loss where its variables are', (_, loss) => {
    const W = tf.variable(normals([4, 3], 2), true, 'W');
    const before = tf.memory().numTensors;
    const replay = new Replay();
    const recorded = recordSelected(
      () => replay.record(() => tf.tidy(() => loss(W))),
      () => ({ variables: { W }, block: ['W'] }),
    );
    const reached = () => tf.tidy(() => replay.value().dataSync()[0]!);
    expect(reached()).toBe(recorded.value.dataSync()[0]);
    tf.tidy(() => W.assign(normals([4, 3], 3)));
    const truth = tf.tidy(() => loss(W).dataSync()[0]!);
    expect(reached()).toBe(truth);
    expect(truth).not.toBe(recorded.value.dataSync()[0]);
    recorded.dispose();
    replay.dispose();
    expect(() => replay.value()).toThrow(DisposedError);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has the dropout mask of the first time, and calls nothing', () => {
    const W = tf.variable(tf.ones([50]), true, 'W');
    let calls = 0;
    const replay = new Replay();
    const first = tf.tidy(() =>
      replay.record(() => {
        calls++;
        return tf.sum(tf.dropout(W, 0.5));
      }),
    );
    W.assign(tf.fill([50], 2));
    // A loss that is evaluated again is not noted twice.
    tf.tidy(() => replay.record(() => tf.sum(W)));
    const again = replay.value();
    expect(again.dataSync()[0]).toBeCloseTo(2 * first.dataSync()[0]!, 3);
    expect(calls).toBe(1);
    replay.dispose();
  });

  it('leaves it to others to refuse what is not a loss', () => {
    const replay = new Replay();
    expect(replay.record(() => undefined as unknown as tf.Scalar)).toBeUndefined();
    expect(() => replay.value()).toThrow(DisposedError);
    replay.dispose();
  });

  it('leaves what is not a variable as it was', () => {
    const W = tf.variable(tf.scalar(3), true, 'W');
    const mean = tf.variable(tf.scalar(1), false, 'mean');
    const data = tf.scalar(5);
    const replay = new Replay();
    tf.tidy(() => replay.record(() => tf.mul(tf.mul(W, mean), data) as tf.Scalar));
    mean.assign(tf.scalar(100));
    data.dispose();
    W.assign(tf.scalar(2));
    expect(replay.value().dataSync()[0]).toBe(10);
    replay.dispose();
  });
});

it('hands on what is not a tensor, for its caller to refuse', () => {
  const gone = tf.scalar(1);
  gone.dispose();
  for (const value of [undefined, 3, gone]) {
    const replay = new Replay();
    expect(replay.record(() => value as never)).toBe(value);
    expect(() => replay.value()).toThrow(DisposedError);
    replay.dispose();
  }
});
