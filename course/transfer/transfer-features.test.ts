import * as tf from '@tensorflow/tfjs';
import { random, useBackend } from 'implicit-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Digits, type Mnist, mnist, PIXELS } from '../datasets';
import { exampleBatches, type FeatureExamples, transferFeatures } from '.';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});

/** Noise, labelled 0, 7, 4, 1, 8, 5, 2, 9, 6, 3 and again. */
function noise(count: number, seed: number) {
  const images = Float32Array.from(random(seed).normals(count * PIXELS), Math.abs);
  return { images, labels: Uint8Array.from({ length: count }, (_, i) => (i * 7) % 10), count };
}

describe('the features', () => {
  const digits: Mnist = { train: noise(40, 1), test: noise(20, 2) };

  it('are those of the digits from 5 on, in their order, with labels counted from 5', () => {
    const { train } = transferFeatures({ digits });
    const upper = [...digits.train.labels].filter((label) => label >= 5);
    expect(train.x.shape).toEqual([upper.length, 784]);
    expect([...tf.argMax(train.y, 1).dataSync()]).toEqual(upper.map((label) => label - 5));
    expect(train.y.shape).toEqual([upper.length, 5]);
    expect(tf.min(train.x).dataSync()[0]).toBeGreaterThanOrEqual(0);

    const alone = digits.train.labels.findLastIndex((label) => label >= 5);
    const one: Mnist = {
      ...digits,
      train: {
        images: digits.train.images.slice(alone * PIXELS, (alone + 1) * PIXELS),
        labels: digits.train.labels.slice(alone, alone + 1),
        count: 1,
      },
    };
    const last = transferFeatures({ digits: one }).train.x;
    const distance = tf.norm(tf.sub(last, tf.slice(train.x, [upper.length - 1, 0])));
    expect(distance.dataSync()[0]).toBeLessThan(1e-3);
    expect(tf.norm(last).dataSync()[0]).toBeGreaterThan(1);
  });

  it('leave four tensors behind, which are the result', () => {
    const before = tf.memory().numTensors;
    const { train, test } = transferFeatures({ digits });
    tf.dispose([train.x, train.y, test.x, test.y]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([0, 1.5, 1000])('are not to be had of %f digits', (train) => {
    expect(() => transferFeatures({ digits, train })).toThrow(/from 1 to \d+/);
  });

  it('tell digits apart that the network has never seen, better than their pixels do', () => {
    const digits = mnist();
    const upper = ({ images, labels }: Digits) =>
      tf.gather(
        tf.tensor2d(images.subarray(0, 3000 * PIXELS), [3000, PIXELS]),
        [...labels.subarray(0, 3000).keys()].filter((i) => labels[i]! >= 5).slice(0, 1000),
      ) as tf.Tensor2D;
    const { train, test } = transferFeatures({ digits, train: 1000, test: 1000 });
    const byFeatures = nearestMean(train, test);
    const byPixels = nearestMean(
      { x: upper(digits.train), y: train.y },
      { x: upper(digits.test), y: test.y },
    );
    expect(byFeatures).toBeGreaterThan(0.85);
    expect(byFeatures).toBeGreaterThan(byPixels + 0.03);
  });
});

/** The accuracy of the classifier by the nearest mean of a class. */
function nearestMean(train: FeatureExamples, test: FeatureExamples): number {
  return tf.tidy(() => {
    const sizes = tf.reshape(tf.sum(train.y, 0), [-1, 1]);
    const means = tf.div(tf.matMul(train.y, train.x, true), sizes);
    const half = tf.mul(0.5, tf.sum(tf.square(means), 1));
    const scores = tf.sub(tf.matMul(test.x, means, false, true), half);
    const right = tf.equal(tf.argMax(scores, 1), tf.argMax(test.y, 1));
    return tf.mean(tf.cast(right, 'float32')).dataSync()[0]!;
  });
}

describe('batches', () => {
  const examples = (): FeatureExamples => ({
    x: tf.tensor2d(
      Float32Array.from({ length: 14 }, (_, i) => i),
      [7, 2],
    ),
    y: tf.tensor2d(
      Float32Array.from({ length: 7 }, (_, i) => 10 * i),
      [7, 1],
    ),
  });

  it('hold every example once, each with its label, in an order of the seed', () => {
    const orders = [1, 1, 2].map((seed) => {
      const rows: number[] = [];
      for (const { x, y } of exampleBatches(examples(), { size: 3, seed })) {
        expect(x.shape[0]).toBeLessThanOrEqual(3);
        const labels = [...y.dataSync()];
        expect([...x.dataSync()]).toEqual(labels.flatMap((label) => [label / 5, label / 5 + 1]));
        rows.push(...labels);
      }
      expect([...rows].sort((a, b) => a - b)).toEqual([0, 10, 20, 30, 40, 50, 60]);
      return rows;
    });
    expect(orders[0]).toEqual(orders[1]);
    expect(orders[0]).not.toEqual(orders[2]);
  });

  it('of no size are refused', () => {
    expect(() => [...exampleBatches(examples(), { size: 0, seed: 1 })]).toThrow(/at least 1/);
  });
});
