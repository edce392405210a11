import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test, vi } from 'vitest';
import { useBackend } from '../backends';
import { random } from '../numbers';
import { mapTensors, type NamedTensors } from '../spaces';
import { hessian, linearize, valueAndGradient } from '.';
import { relativeError, shifted } from './testing';
import { drawnLoss } from './testing-graphs';

// On cpu TensorFlow.js computes in the arrays that it makes: in float64, once these are.
await vi.hoisted(async () => {
  const { types } = await import('node:util');
  Object.assign(globalThis, { Float32Array: Float64Array });
  Object.assign(types, { isFloat32Array: types.isFloat64Array });
});
beforeAll(() => useBackend('cpu'));

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  'random graph %i: its Hessian is the slope of its gradient, and the same every way',
  (seed) => {
    const count = tf.memory().numTensors;
    tf.tidy(() => {
      const { normals } = random(1000 + seed);
      const vector = () => ({ p: tf.tensor(normals(12), [3, 4]), q: tf.tensor(normals(4)) });
      const [x, v] = [vector(), vector()];
      const loss = drawnLoss(seed);
      const gradient = (at: NamedTensors) => valueAndGradient(loss, at).gradient;
      const [H, J] = [hessian(loss, x), linearize(gradient, x)];
      const Hv = H.apply(v);
      for (const same of [J.jvp(v), J.vjp(v)]) expect(relativeError(same, Hv)).toBeLessThan(1e-12);
      const slopes = [1e-4, 1e-5].map((h) => {
        const behind = gradient(shifted(x, v, -h));
        const change = (ahead: tf.Tensor, name: string) => tf.sub(ahead, behind[name]!);
        return mapTensors(gradient(shifted(x, v, h)), (g, name) => tf.div(change(g, name), 2 * h));
      });
      expect(Math.min(...slopes.map((slope) => relativeError(slope, Hv)))).toBeLessThan(1e-5);
      H.dispose();
      J.dispose();
    });
    expect(tf.memory().numTensors).toBe(count);
  },
);
