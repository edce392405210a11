import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { afterEach, expect, test, vi } from 'vitest';
import { needs } from '../../test/needs';
import { useBackend } from '../backends';
import { dispatchesOf } from '../backends/webgpu/fusion/dispatches';
import type { NamedTensors } from '../spaces';
import { gaussNewton, hessian, linearize, recordGradient, valueAndGradient } from '.';
import { cnn, direction, mlp, rnn, type TestModel } from './testing';

// Chromium brings a Vulkan driver that computes on the processor.
const software = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(software)) process.env.VK_DRIVER_FILES = software;
const gpu = needs('webgpu');
const time = needs('time');

afterEach(() => void vi.unstubAllEnvs());

const models: [string, () => TestModel][] = [
  ['tanh MLP', () => mlp(tf.tanh, 1)],
  ['CNN', () => cnn('max', 1)],
  ['RNN', () => rnn(6, 1)],
];

/** Every product of a model, and what is left of them. */
async function products({ x, predict, loss }: TestModel) {
  const v = direction(x, 50);
  const whole = (x: NamedTensors) => loss(predict(x));
  const before = tf.memory().numTensors;
  const H = hessian(whole, x);
  const G = gaussNewton({ predict, loss }, x);
  const R = recordGradient(() => whole(x), x);
  const J = linearize(predict, x);
  const u = J.jvp(v);
  const all = [R.value, R.gradient, H.apply(v), G.apply(v), R.apply(v), u, J.vjp(u)];
  const tensors = all.flatMap((y) => (y instanceof tf.Tensor ? [y] : Object.values(y)));
  const numbers = await Promise.all(tensors.map(async (t) => [...(await t.data())]));
  tf.dispose(all);
  for (const owner of [H, G, R, J]) owner.dispose();
  return { numbers, left: tf.memory().numTensors - before };
}

test.skipIf(!gpu.available || !time.available)(
  'webgpu gives the products that cpu gives, without a synchronous read, and leaks nothing',
  async () => {
    await useBackend('cpu');
    const expected = new Map<string, number[][]>();
    for (const [name, build] of models) expected.set(name, (await products(build())).numbers);
    await useBackend('webgpu');
    for (const [name, build] of models) {
      // The backend throws where a tensor on the GPU is read at once.
      const { numbers, left } = await products(build());
      expect(left).toBe(0);
      numbers.forEach((mine, i) => {
        const other = expected.get(name)![i]!;
        const size = Math.max(...other.map(Math.abs));
        const error = Math.max(...mine.map((y, j) => Math.abs(y - other[j]!)));
        expect(error).toBeLessThan(1e-4 * size);
      });
    }
  },
);

test.skipIf(!gpu.available)(
  'chains of operations of entries are one kernel each in a gradient and in a product',
  async () => {
    vi.stubEnv('IMPLICIT_COMPILE', '1');
    await useBackend('webgpu');
    const { x, predict, loss } = mlp(tf.tanh, 1);
    const whole = (at: NamedTensors) => loss(predict(at));
    const v = direction(x, 50);
    const H = hessian(whole, x);
    const product = () => tf.dispose(H.apply(v));
    const gradient = () => {
      const { value, gradient } = valueAndGradient(whole, x);
      tf.dispose([value, gradient]);
    };
    // The first product also computes what all have in common.
    product();
    const fused = [dispatchesOf(gradient), dispatchesOf(product)] as const;
    vi.stubEnv('IMPLICIT_COMPILE', '0');
    const apart = [dispatchesOf(gradient), dispatchesOf(product)] as const;
    console.log(`kernels of an MLP's gradient and product: ${apart} apart, ${fused} fused`);
    expect(fused[0]).toBeLessThan(0.8 * apart[0]);
    expect(fused[1]).toBeLessThan(0.8 * apart[1]);
    H.dispose();
    tf.dispose([x, v]);
  },
);
