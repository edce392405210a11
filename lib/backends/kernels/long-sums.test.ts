import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { random } from '../../numbers';
import { useBackend } from '..';

const COUNT = 300_000;
/** Each term, as float32 has it. */
const TERM = Math.fround(0.1);

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend, backend === 'wasm' ? { threads: 1 } : {});
  });

  const terms = (shape: number[] = [COUNT]) => tf.fill(shape, 0.1);
  const places = (shape: number[] = [COUNT]) => tf.zeros(shape, 'int32');
  const sum = tf.sum as (x: tf.Tensor) => tf.Tensor;

  it.each<[string, () => tf.Tensor, number]>([
    ['sum', () => tf.sum(terms()), COUNT],
    ['mean', () => tf.mul(COUNT, tf.mean(terms())), COUNT],
    ['mean along the first axis', () => tf.mul(COUNT, tf.mean(terms([COUNT, 2]), 0)), COUNT],
    ['mean along the last axis', () => tf.mul(COUNT, tf.mean(terms([2, COUNT]), 1)), COUNT],
    ['cumsum', () => tf.cumsum(terms()), COUNT],
    ['cumsum, exclusive', () => tf.cumsum(terms(), 0, true), COUNT - 1],
    ['cumsum along the first axis', () => tf.cumsum(terms([COUNT, 2]), 0), COUNT],
    ['cumsum, reversed', () => tf.reverse(tf.cumsum(terms(), -1, false, true)), COUNT],
    ['bincount', () => tf.bincount(places() as tf.Tensor1D, terms() as tf.Tensor1D, 1), COUNT],
    [
      'denseBincount of rows',
      () =>
        tf.denseBincount(places([2, COUNT]) as tf.Tensor2D, terms([2, COUNT]) as tf.Tensor2D, 1),
      COUNT,
    ],
    ['scatterND', () => tf.scatterND(places([COUNT, 1]), terms(), [1]), COUNT],
    ['scatterND of rows', () => tf.scatterND(places([COUNT, 1]), terms([COUNT, 2]), [1, 2]), COUNT],
    ['unsortedSegmentSum', () => tf.unsortedSegmentSum(terms(), places() as tf.Tensor1D, 1), COUNT],
    [
      'sparseSegmentSum',
      () =>
        tf.sparse.sparseSegmentSum(
          terms([COUNT, 1]) as tf.Tensor2D,
          tf.range(0, COUNT, 1, 'int32'),
          places() as tf.Tensor1D,
        ),
      COUNT,
    ],
    [
      'sparseSegmentMean',
      () =>
        tf.mul(
          COUNT,
          tf.sparse.sparseSegmentMean(
            terms([COUNT, 1]) as tf.Tensor2D,
            tf.range(0, COUNT, 1, 'int32'),
            places() as tf.Tensor1D,
          ),
        ),
      COUNT,
    ],
    [
      'the derivative of gather',
      () =>
        tf.grad((y: tf.Tensor) => sum(tf.mul(tf.gather(y, places() as tf.Tensor1D), terms())))(
          tf.ones([1]),
        ),
      COUNT,
    ],
    [
      'the derivative of gatherND',
      () =>
        tf.grad((y: tf.Tensor) => sum(tf.mul(tf.gatherND(y, places([COUNT, 1])), terms())))(
          tf.ones([1]),
        ),
      COUNT,
    ],
  ])('%s keeps its digits', (_, compute, count) => {
    const numbers = tf.tidy(compute).dataSync();
    expect(Math.abs(numbers[numbers.length - 1]! / (count * TERM) - 1)).toBeLessThan(1e-6);
  });

  const stream = random(3);
  const n = 5000;
  const x = () => tf.tensor3d([...stream.normals(2 * n * 3)], [2, n, 3]);

  it('a long running sum is that of its parts, whichever way', () => {
    const values = x();
    const numbers = values.arraySync();
    for (const exclusive of [false, true]) {
      for (const reverse of [false, true]) {
        const got = tf.cumsum(values, 1, exclusive, reverse).arraySync() as number[][][];
        for (const [i, k, j] of [
          [0, 0, 0],
          [1, 17, 2],
          [0, n - 1, 1],
          [1, 2500, 0],
        ] as const) {
          const own = exclusive ? 0 : 1;
          const range = reverse ? [k + 1 - own, n] : [0, k + own];
          const expected = numbers[i]!.slice(...range).reduce((s, row) => s + row[j]!, 0);
          expect(got[i]![k]![j]).toBeCloseTo(expected, 3);
        }
      }
    }
  });

  it('long scattered sums go where they belong, and what is outside is refused or left out', () => {
    const rows = Int32Array.from({ length: n }, (_, i) => (i * i) % 7);
    const columns = Int32Array.from({ length: n }, (_, i) => i % 3);
    const weights = Float32Array.from({ length: n }, (_, i) => 1 + (i % 5));
    const expected = new Float64Array(21);
    rows.forEach((row, i) => {
      expected[row * 3 + columns[i]!]! += weights[i]!;
    });
    const pairs = tf.stack([tf.tensor1d(rows, 'int32'), tf.tensor1d(columns, 'int32')], 1);
    const scattered = tf.scatterND(pairs, tf.tensor1d(weights), [7, 3]);
    expect([...scattered.dataSync()]).toEqual([...expected]);
    const counts = tf.bincount(tf.tensor1d(rows, 'int32'), tf.tensor1d(weights), 4);
    const sums = [0, 1, 2, 3].map((r) =>
      expected.subarray(3 * r, 3 * r + 3).reduce((a, b) => a + b),
    );
    expect([...counts.dataSync()]).toEqual(sums);
    const outside = tf.fill([n, 1], 9, 'int32');
    expect(() => tf.scatterND(outside, tf.tensor1d(weights), [7]).dataSync()).toThrow();
    const negative = tf.fill([n], -1, 'int32') as tf.Tensor1D;
    expect(() => tf.bincount(negative, tf.tensor1d(weights), 4).dataSync()).toThrow();
  });
});
