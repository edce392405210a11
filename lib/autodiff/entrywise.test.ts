import * as tf from '@tensorflow/tfjs';
import { afterEach, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { random } from '../numbers';
import { apply, entrywise, number, vector } from './entrywise';
import { switchPrograms } from './traced';

afterEach(() => {
  switchPrograms(true);
});

const [x, y] = [vector(0), vector(1)];
const sum = apply('add', apply('multiply', number(0), x), apply('multiply', number(1), y));
/** The second and the third are made of the first. */
const formulas = [
  sum,
  apply('quotient', { kind: 'constant', value: 1 }, sum),
  apply('multiply', apply('root', apply('multiply', x, x)), sum),
];
const [a, b] = [0.3, -1.7].map(Math.fround) as [number, number];
const { fround } = Math;

/** The same in plain numbers, rounded after each operation. */
function expected(x: number, y: number): number[] {
  const sum = fround(fround(a * x) + fround(b * y));
  return [sum, sum === 0 ? 0 : fround(1 / sum), fround(fround(Math.sqrt(fround(x * x))) * sum)];
}

it.each([
  ['wasm, in one pass', 'wasm', '1'],
  ['wasm, one by one', 'wasm', '0'],
  ['cpu', 'cpu', '1'],
] as const)('computes tensors entry by entry: %s', async (_, backend, compile) => {
  switchPrograms(compile !== '0');
  await useBackend(backend, { threads: 1 });
  for (const shape of [[], [1], [7], [3, 5], [4, 1000], [0]]) {
    const size = shape.reduce((product, n) => product * n, 1);
    const [left, right] = [1, 2].map((seed) => Float32Array.from(random(seed).normals(size)));
    // Where the sum is 0, so is the quotient.
    if (size > 1) left![1] = right![1] = 0;
    const xs = [tf.tensor(left!, shape, 'float32'), tf.tensor(right!, shape, 'float32')];
    const before = tf.memory().numTensors;
    const results = entrywise(formulas, xs, [a, b]);
    expect(tf.memory().numTensors).toBe(before + formulas.length);
    results.forEach((result, i) => {
      expect(result.shape).toEqual(shape);
      const wanted = Array.from(left!, (value, j) => expected(value, right![j]!)[i]!);
      expect([...result.dataSync()]).toEqual(wanted);
    });
    expect([...xs[0]!.dataSync()]).toEqual([...left!]);
    expect([...xs[1]!.dataSync()]).toEqual([...right!]);
  }
});
