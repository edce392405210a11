import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { random } from '../../numbers';
import { useBackend } from '..';
import { windows } from './windows';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});

it('a window sees what lies under it, without slices of a rank that wasm is slow with', async () => {
  const shape = [2, 7, 6, 3];
  const x = tf.tensor(Float32Array.from(random(1).normals(2 * 7 * 6 * 3)), shape);
  const at = x.arraySync() as number[][][][];
  const axes = [
    { size: 3, stride: 2, dilation: 1, before: 1, outputs: 4 },
    { size: 2, stride: 3, dilation: 2, before: 0, outputs: 2 },
  ];
  let seen: tf.Tensor[] = [];
  const { kernels } = await tf.profile(() => {
    seen = windows(x, axes, -9);
    return seen;
  });
  const slices = kernels.filter(({ name }) => name === 'Slice');
  expect(slices.length).toBeGreaterThan(5);
  for (const { inputShapes } of slices) {
    for (const shape of inputShapes) expect(shape!.length).toBeLessThanOrEqual(4);
  }
  const places = [0, 1, 2].flatMap((i) => [0, 1].map((j) => [i, j] as const));
  expect(seen.length).toBe(places.length);
  places.forEach(([i, j], k) => {
    const got = seen[k]!.arraySync() as number[][][][];
    for (const b of [0, 1]) {
      for (const row of [0, 1, 2, 3]) {
        for (const column of [0, 1]) {
          const under = at[b]![row * 2 + i - 1]?.[column * 3 + 2 * j];
          expect(got[b]![row]![column]).toEqual(under ?? [-9, -9, -9]);
        }
      }
    }
  });
});
