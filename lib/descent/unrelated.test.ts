import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { type BackendName, type BackendOptions, useBackend } from '../backends';
import { implicitAdam, implicitSGD } from '.';

afterEach(() => tf.disposeVariables());

const makers = {
  implicitSGD: () => implicitSGD(0.1),
  'implicitSGD, exact': () => implicitSGD(0.1, { exact: true }),
  "implicitSGD('auto')": () => implicitSGD('auto'),
  implicitAdam: () => implicitAdam(0.1),
};

/** The kernels of a step and the bytes that it takes, in the presence of unrelated parameters. */
async function costOf(make: () => ReturnType<typeof implicitSGD>, unrelated: number) {
  const w = tf.variable(tf.tensor1d([1, -2, 3]));
  const other = unrelated > 0 ? tf.variable(tf.zeros([unrelated])) : undefined;
  const optimizer = make();
  const loss = () => tf.sum(tf.square(w)) as tf.Scalar;
  await optimizer.step(loss);
  const before = tf.memory().numBytes;
  const seen = await tf.profile(async () => {
    await optimizer.step(loss);
    return tf.scalar(0);
  });
  const cost = {
    kernels: seen.kernels.map(({ name }) => name),
    peak: seen.peakBytes - before,
    kept: tf.memory().numBytes - before,
  };
  expect(other?.dataSync().every((x) => x === 0) ?? true).toBe(true);
  optimizer.dispose();
  tf.dispose([w, other ?? []]);
  return cost;
}

const backends: [BackendName, BackendOptions][] = [
  ['cpu', {}],
  ['wasm', { threads: 1 }],
  ['wasm', { threads: 1, blas: false }],
];

describe.each(backends)('%s %o', (name, options) => {
  it.each(Object.entries(makers))(
    'a step of %s costs the same next to five million parameters that its loss does not use',
    async (_, make) => {
      await useBackend(name, options);
      const maker = make as () => ReturnType<typeof implicitSGD>;
      const [alone, beside] = [await costOf(maker, 0), await costOf(maker, 5_000_000)];
      expect(alone.kernels.length).toBeGreaterThan(5);
      expect(beside).toEqual(alone);
    },
  );
});
