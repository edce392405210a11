import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { random } from '../../../numbers';
import { engine } from '../../engine';
import { useBackend } from '../../use-backend';

const draw = random(7);

/** Whole numbers, so that some maxima are shared, and most are negative. */
const numbers = (shape: number[]) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => -draw.integer(20));

interface Case {
  shape: number[];
  filterSize: number | number[];
  strides: number | number[];
  pad: 'same' | 'valid' | number;
}

const cases: Record<string, Case> = {
  'one channel': { shape: [2, 6, 6, 1], filterSize: 2, strides: 2, pad: 'valid' },
  'seven channels, overlapping': { shape: [3, 5, 8, 7], filterSize: 3, strides: 2, pad: 'same' },
  'eight channels, oblong': {
    shape: [1, 6, 9, 8],
    filterSize: [2, 3],
    strides: [2, 3],
    pad: 'valid',
  },
  'a margin': { shape: [2, 5, 5, 4], filterSize: 3, strides: 1, pad: 1 },
  volumes: { shape: [2, 4, 5, 3, 5], filterSize: 2, strides: [2, 1, 1], pad: 'same' },
};

describe.each([1, 2])('maxima on wasm with %i threads', (threads) => {
  afterEach(() => expect(tf.memory().numTensors).toBe(0));

  it.each(Object.keys(cases))('are those of cpu, and their derivative too: %s', async (name) => {
    const { shape, ...attrs } = cases[name]!;
    const kernel = shape.length === 4 ? 'MaxPool' : 'MaxPool3D';
    const values = numbers(shape);
    const run = (kernel: string, inputs: tf.NamedTensorMap) =>
      engine().runKernel(kernel, inputs, { ...attrs, dataFormat: 'NDHWC' } as tf.NamedAttrMap);
    const results = () =>
      tf.tidy(() => {
        const input = tf.tensor(values, shape);
        const output = run(kernel, { x: input });
        const dy = tf.reshape(tf.range(1, output.size + 1), output.shape);
        const dx = run(`${kernel}Grad`, { dy, input, output });
        return [output, dx].map((t) => Array.from(t.dataSync()));
      });
    await useBackend('cpu');
    const [maxima, slopes] = results();
    await useBackend('wasm', { threads });
    const [found, foundSlopes] = results();
    expect(found).toEqual(maxima);
    // Where a maximum is shared cpu may choose another of its places; the sum remains.
    const sum = (all: number[]) => all.reduce((a, b) => a + b, 0);
    expect(sum(foundSlopes!)).toBe(sum(slopes!));
  });

  it('are at the first of several places, and are taken there and put back', async () => {
    await useBackend('wasm', { threads });
    tf.tidy(() => {
      const shape = [2, 4, 6, 5];
      const values = numbers(shape);
      const x = tf.tensor(values, shape);
      const attrs = { filterSize: 2, strides: 2, pad: 'valid', includeBatchInIndex: true };
      const [maxima, places] = engine().runKernel('MaxPoolWithArgmax', { x }, attrs) as unknown as [
        tf.Tensor,
        tf.Tensor,
      ];
      const expected: number[] = [];
      for (const [n, h, w, c] of positions([2, 2, 3, 5])) {
        const pixels = [0, 1, 6, 7].map((at) => (n! * 24 + h! * 12 + w! * 2 + at) * 5 + c!);
        const largest = Math.max(...pixels.map((at) => values[at]!));
        expected.push(pixels.find((at) => values[at] === largest)!);
      }
      expect(Array.from(places.dataSync())).toEqual(expected);

      const taken = engine().runKernel('TakeAt', { x, places });
      expect(Array.from(taken.dataSync())).toEqual(Array.from(maxima.dataSync()));
      const twice = { x: tf.ones([2]), places: tf.tensor1d([3, 3], 'int32') };
      const added = engine().runKernel('AddAt', twice, { shape: [2, 3] });
      expect(Array.from(added.dataSync())).toEqual([0, 0, 0, 2, 0, 0]);
    });
  });
});

/** All positions in a shape, the last axis fastest. */
const positions = (shape: number[]): number[][] =>
  shape.reduce<number[][]>(
    (all, length) => all.flatMap((at) => Array.from({ length }, (_, i) => [...at, i])),
    [[]],
  );

it('an image without pixels has no place: windows in its margin read and write no memory of others', async () => {
  await useBackend('wasm');
  const found = tf.tidy(() => {
    const x = tf.zeros([1, 0, 0, 2]);
    const places = tf.tensor1d([0, 0], 'int32');
    return (engine().runKernel('TakeAt', { x, places }) as tf.Tensor).dataSync();
  });
  expect([...found]).toEqual([0, 0]);
});
