import * as tf from '@tensorflow/tfjs';
import { afterEach, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { random } from '../numbers';
import { innerProduct } from './inner-product';
import { switchPrograms } from './traced';

afterEach(() => {
  switchPrograms(true);
});

it.each([
  ['wasm, without tensors', 'wasm', true],
  ['wasm, by operations', 'wasm', false],
  ['cpu', 'cpu', true],
] as const)('is that of all names: %s', async (_, backend, compile) => {
  switchPrograms(compile);
  await useBackend(backend, { threads: 1 });
  const values = [1, 2, 3, 4].map((seed) => random(seed).normals(seed < 3 ? 7 : 5000));
  const [a, b, c, d] = values.map((each) => tf.tensor1d(Float32Array.from(each)));
  const counts = tf.tensor1d([3, -2], 'int32');
  const x = { a: a!, long: c!, counts, none: tf.zeros([0, 3]) };
  const y = { a: b!, long: d!, counts, none: tf.zeros([0, 3]) };
  const before = tf.memory().numTensors;
  const [found, foundOfFloats] = [innerProduct(x, y), innerProduct({ a: x.a }, { a: y.a })];
  expect(innerProduct({}, {})).toBe(0);
  expect(tf.memory().numTensors).toBe(before);
  const sum = (i: number) =>
    values[i]!.reduce((sum, value, j) => sum + value * values[i + 1]![j]!, 0);
  expect(found).toBeCloseTo(sum(0) + sum(2) + 13, 2);
  expect(foundOfFloats).toBeCloseTo(sum(0), 5);
  // The largest square of float32 is not infinite in a sum of float64.
  const large = { a: tf.fill([3], 1e19) };
  if (compile && backend === 'wasm') expect(innerProduct(large, large)).toBeCloseTo(3e38, -36);
});
