import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { random } from '../../../numbers';
import { engine } from '../../engine';
import { useBackend } from '../../use-backend';

interface Case {
  x: [number, number, number, number];
  filter: [number, number, number, number];
  strides?: number | [number, number];
  pad?: 'same' | 'valid' | number;
  dilations?: number | [number, number];
}

const cases: Record<string, Case> = {
  'a batch of several blocks, the last one smaller': { x: [8, 28, 28, 1], filter: [5, 5, 1, 3] },
  'one image': { x: [1, 9, 9, 2], filter: [3, 3, 2, 5] },
  'one image larger than a block': { x: [1, 100, 80, 2], filter: [5, 5, 2, 1] },
  'oblong images and windows': { x: [3, 5, 11, 2], filter: [2, 4, 2, 3] },
  'long strides': { x: [2, 9, 10, 3], filter: [3, 3, 3, 2], strides: [2, 3], pad: 'valid' },
  'windows apart': { x: [2, 8, 8, 2], filter: [1, 2, 2, 2], strides: 3 },
  'a wide margin': { x: [2, 6, 6, 1], filter: [3, 3, 1, 4], pad: 2 },
  'a window of one place': { x: [2, 4, 4, 6], filter: [1, 1, 6, 2], pad: 'valid' },
  'a dilated filter': { x: [2, 9, 9, 2], filter: [3, 3, 2, 2], dilations: 2 },
};

/** Other kernels that work out the same padding. */
const others = ['fused', 'depthwise', 'fused depthwise'] as const;

const draw = random(5);
const numbers = (shape: number[]) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => draw.normal());

type Pairs = [[tf.Tensor, tf.Tensor], [tf.Tensor, tf.Tensor]];

/** The convolution and its derivatives on the current backend, and sums of two of each. */
function results({ x: inputShape, filter: filterShape, ...rest }: Case, values: Float32Array[]) {
  const { strides = 1, pad = 'same', dilations = 1 } = rest;
  const attrs = { strides, pad, dilations, dataFormat: 'NHWC', inputShape, filterShape };
  const run = (kernel: string, inputs: object) =>
    engine().runKernel(kernel, inputs as tf.NamedTensorMap, attrs as unknown as tf.NamedAttrMap);
  const names: Record<string, [string, string]> = {
    Conv2D: ['x', 'filter'],
    Conv2DBackpropFilter: ['x', 'dy'],
    Conv2DBackpropInput: ['dy', 'filter'],
  };
  const one = (kernel: string, pair: tf.Tensor[]) =>
    run(kernel, Object.fromEntries(names[kernel]!.map((name, i) => [name, pair[i]])));
  /** On wasm twice: as it is, and with the first image as a table. */
  const sums = (kernel: string, pairs: Pairs): tf.Tensor[] => {
    if (tf.getBackend() !== 'wasm') {
      const sum = tf.addN(pairs.map((pair) => one(kernel, pair)));
      return [sum, sum];
    }
    const sum = run(`${kernel}Sum`, pairs.flat());
    if (names[kernel]![0] !== 'x' || dilations !== 1) return [sum, sum];
    const [[x, factor], second] = pairs;
    return [sum, run(`${kernel}Sum`, [run('Conv2DSeen', { x }), factor, ...second])];
  };
  return tf.tidy(() => {
    const [x, p, filter, q] = values.map((v, i) => tf.tensor(v, i < 2 ? inputShape : filterShape));
    const y = one('Conv2D', [x!, filter!]);
    const all = [
      y,
      ...sums('Conv2D', [
        [x!, q!],
        [p!, filter!],
      ]),
    ];
    if (dilations === 1) {
      const dy = tf.sin(y);
      all.push(one('Conv2DBackpropFilter', [x!, dy]), one('Conv2DBackpropInput', [dy, filter!]));
      all.push(
        ...sums('Conv2DBackpropFilter', [
          [x!, y],
          [p!, dy],
        ]),
      );
      all.push(
        ...sums('Conv2DBackpropInput', [
          [y, q!],
          [dy, filter!],
        ]),
      );
    }
    return all.map((t) => Array.from(t.dataSync()));
  });
}

describe.each([true, false])('convolutions on wasm, BLAS: %s', (blas) => {
  afterEach(() => expect(tf.memory().numTensors).toBe(0));

  it.each(Object.keys(cases))(
    'and their sums and derivatives are those of cpu: %s',
    async (name) => {
      const one = cases[name]!;
      const values = [one.x, one.x, one.filter, one.filter].map(numbers);
      await useBackend('cpu');
      const expected = results(one, values);
      await useBackend('wasm', { threads: 1, blas });
      const found = results(one, values);
      expect(found.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
      found.forEach((all, k) => {
        const scale = Math.max(...expected[k]!.map(Math.abs));
        const errors = all.map((value, i) => Math.abs(value - expected[k]![i]!));
        expect(Math.max(...errors)).toBeLessThan(1e-5 * scale);
      });
    },
  );

  it.each(others)('a rest that the windows skip is left out: %s', async (kind) => {
    const [images, filter] = [numbers([2, 8, 9, 2]), numbers([2, 3, 2, 2])];
    const compute = () =>
      tf.tidy(() => {
        const x = tf.tensor4d(images, [2, 8, 9, 2]);
        const both = { x, filter: tf.tensor4d(filter, [2, 3, 2, 2]), strides: 4 };
        const fused = { ...both, pad: 'same' } as const;
        if (kind === 'fused') return tf.fused.conv2d(fused).arraySync();
        if (kind === 'fused depthwise') return tf.fused.depthwiseConv2d(fused).arraySync();
        return tf.depthwiseConv2d(x, both.filter, 4, 'same').arraySync();
      });
    await useBackend('cpu');
    const expected = tf.util.flatten(compute()) as number[];
    await useBackend('wasm', { threads: 1, blas });
    expect(tf.util.flatten(compute())).toEqual(expected.map((y) => expect.closeTo(y, 4)));
  });
});

it.each([Number.NaN, Number.POSITIVE_INFINITY])(
  'zeros of the padding do not meet %d, with BLAS and without',
  async (bad) => {
    const run = (pad: 'same' | 'valid') =>
      tf.tidy(() => {
        const x = tf.reshape(tf.sin(tf.range(0, 150)), [2, 5, 5, 3]) as tf.Tensor4D;
        const numbers = Float32Array.from({ length: 216 }, (_, i) => (i === 0 ? bad : Math.cos(i)));
        const filter = tf.tensor4d(numbers, [3, 3, 3, 8]);
        const y = tf.conv2d(x, filter, 1, pad);
        const dy = tf.tensor1d([bad, ...new Array<number>(y.size - 1).fill(1)]);
        const weighted = (filter: tf.Tensor) =>
          tf.sum(tf.mul(dy, tf.reshape(tf.conv2d(x, filter as tf.Tensor4D, 1, pad), [-1])));
        const slope = tf.grad(weighted)(tf.zerosLike(filter));
        return [y, slope].map((z) => Array.from(z.dataSync(), (entry) => Number.isFinite(entry)));
      });
    await useBackend('cpu');
    const expected = [run('same'), run('valid')];
    for (const blas of [false, true]) {
      await useBackend('wasm', { threads: 1, blas });
      expect([run('same'), run('valid')]).toEqual(expected);
    }
  },
);
