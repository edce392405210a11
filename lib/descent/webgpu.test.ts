import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../test/needs';
import { markOutput } from '../autodiff';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { NotFiniteError } from '../errors';
import { random } from '../numbers';
import { cg } from '../solvers';
import {
  cosine,
  implicitAdam,
  implicitSGD,
  type Kronecker,
  kronecker,
  warmUp,
  withOutput,
} from '.';

// Chromium brings a Vulkan driver that computes on the processor.
const software = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(software)) process.env.VK_DRIVER_FILES = software;
const gpu = needs('webgpu');
const time = needs('time');

const makers = { 'implicit SGD': implicitSGD, 'implicit Adam': implicitAdam };
/** Where the two share their code: with `FULL=1` both, or else the one that holds more. */
const one = needs('full').available ? makers : { 'implicit Adam': implicitAdam };

/** A small network with its loss, on the backend that is current. */
function network() {
  const normals = (shape: [number, number], seed: number) =>
    tf.tensor2d(Float32Array.from(random(seed).normals(shape[0] * shape[1])), shape);
  const x = normals([12, 4], 1);
  const y = tf.tensor2d(
    Float32Array.from({ length: 36 }, (_, i) => (i % 3 === i % 5 ? 1 : 0)),
    [12, 3],
  );
  const W = tf.variable(normals([4, 3], 2), true, 'W');
  const b = tf.variable(tf.zeros([3]), true, 'b');
  const loss = () =>
    tf.tidy(() => softmaxCrossEntropy(y, markOutput(tf.tanh(tf.add(tf.matMul(x, W), b)))));
  return { W, b, loss };
}

describe.skipIf(!gpu.available || !time.available)('on a GPU, without a synchronous read', () => {
  beforeAll(async () => {
    await useBackend('webgpu');
  });
  afterAll(() => tf.disposeVariables());

  it.each(Object.entries(makers))('%s takes the steps that it takes on cpu', async (_, make) => {
    const run = async () => {
      const { W, b, loss } = network();
      const optimizer = make(0.5, { curvature: 'gauss-newton' });
      for (let t = 0; t < 3; t++) {
        optimizer.minimize(loss);
        await optimizer.lastStep();
      }
      const reached = [...(await W.data()), ...(await b.data())];
      optimizer.dispose();
      tf.disposeVariables();
      return reached;
    };
    const onGpu = await run();
    await useBackend('cpu');
    const onCpu = await run();
    await useBackend('webgpu');
    onGpu.forEach((value, i) => {
      expect(value).toBeCloseTo(onCpu[i]!, 3);
    });
  });

  it.each(Object.entries(one))(
    "%s('auto') takes the steps that it takes on cpu, and undoes one that goes up there",
    async (_, make) => {
      const run = async () => {
        const { W, b, loss } = network();
        const optimizer = make('auto', { initial: 0.01, curvature: 'gauss-newton' });
        const rates = [];
        for (let t = 0; t < 3; t++) {
          optimizer.minimize(loss);
          const { ratio } = await optimizer.lastStep();
          rates.push(optimizer.learningRate, ratio ?? 0);
        }
        const bad = tf.variable(tf.tensor1d([2]));
        const bent = () => tf.tidy(() => tf.sum(tf.sqrt(tf.add(1, tf.square(bad)))) as tf.Scalar);
        const steep = implicitSGD('auto', { initial: 50 });
        steep.minimize(bent, false, [bad]);
        const { taken } = await steep.lastStep();
        expect([taken, ...(await bad.data())]).toEqual([false, 2]);
        const reached = [...(await W.data()), ...(await b.data()), ...rates, steep.learningRate];
        optimizer.dispose();
        steep.dispose();
        tf.disposeVariables();
        return reached;
      };
      const onGpu = await run();
      await useBackend('cpu');
      const onCpu = await run();
      await useBackend('webgpu');
      onGpu.forEach((value, i) => {
        expect(Math.abs(value - onCpu[i]!)).toBeLessThan(5e-3 * (1 + Math.abs(value)));
      });
    },
  );

  it.each(Object.entries(makers))(
    "%s('auto') is a drop-in under model.fit there, and finds its δ",
    async (_, make) => {
      const x = tf.tensor2d(Float32Array.from(random(4).normals(160)), [40, 4]);
      // Labels that can be learnt, so that the loss falls in whichever order the batches come.
      const y = tf.tidy(() => tf.oneHot(tf.argMax(tf.slice(x, [0, 0], [-1, 3]), 1), 3));
      const kernelInitializer = tf.initializers.glorotNormal({ seed: 1 });
      const model = tf.sequential({
        layers: [tf.layers.dense({ units: 3, inputShape: [4], kernelInitializer })],
      });
      const optimizer = make('auto', { initial: 0.01, curvature: 'gauss-newton' });
      const loss = withOutput((labels, z) =>
        softmaxCrossEntropy(labels as tf.Tensor2D, z as tf.Tensor2D),
      );
      model.compile({ optimizer, loss });
      const losses: number[] = [];
      const deltaAfterFit = async () => {
        const { history } = await model.fit(x, y, {
          epochs: 3,
          batchSize: 20,
          shuffle: false,
          verbose: 0,
        });
        losses.push(...(history.loss as number[]));
        return (await optimizer.lastStep()).stepSize;
      };
      // What a step has gained arrives when the GPU has computed it, on a busy machine some steps later.
      let fits = 1;
      while ((await deltaAfterFit()) <= 0.01 && fits < 10) fits++;
      expect(fits).toBeLessThan(10);
      expect(optimizer.iterations).toBe(6 * fits);
      expect(losses.at(-1)).toBeLessThan(losses[0] as number);
      optimizer.dispose();
      tf.dispose([x, y]);
      tf.disposeVariables();
    },
  );

  it.each(Object.entries(makers))(
    'the clipped steps of %s at a changing rate are those of the cpu; one that is bad is not counted',
    async (_, make) => {
      const options = { clipNorm: 0.05, clipValue: 0.02, schedule: warmUp(2, cosine(3)) };
      const run = async (spoil: boolean) => {
        const { W, loss } = network();
        const solver = cg({ maxIterations: 3 });
        const optimizer = make(0.5, { curvature: 'gauss-newton', solver, ...options });
        for (let t = 0; t < 2; t++) {
          if (spoil && t === 1) {
            const nan = () => tf.tidy(() => tf.mul(loss(), Number.NaN) as tf.Scalar);
            optimizer.minimize(nan);
            await expect(optimizer.lastStep()).rejects.toThrow(NotFiniteError);
            expect(optimizer.iterations).toBe(1);
          }
          optimizer.minimize(loss);
          await optimizer.lastStep();
        }
        const reached = [...(await W.data())];
        optimizer.dispose();
        tf.disposeVariables();
        return reached;
      };
      const onGpu = await run(true);
      await useBackend('cpu');
      const onCpu = await run(false);
      await useBackend('webgpu');
      onGpu.forEach((value, i) => {
        expect(value).toBeCloseTo(onCpu[i]!, 3);
      });
    },
  );

  it.each(Object.entries(one))(
    '%s with kronecker() solves the same systems there, and waits for no factors',
    async (_, make) => {
      const run = async (preconditioner?: Kronecker) => {
        const { W, b, loss } = network();
        const options = {
          curvature: 'gauss-newton' as const,
          ...(preconditioner && { preconditioner }),
        };
        const solver = cg({ tolerance: 1e-4, maxIterations: 16 });
        const optimizer = make(0.5, { ...options, solver });
        let iterations = 0;
        for (let t = 0; t < 3; t++) {
          optimizer.minimize(loss);
          ({ iterations } = await optimizer.lastStep());
        }
        expect(iterations).toBeLessThan(16);
        const reached = [...(await W.data()), ...(await b.data())];
        optimizer.dispose();
        tf.disposeVariables();
        return reached;
      };
      const onGpu = await run(kronecker({ every: 2 }));
      await useBackend('cpu');
      const onCpu = await run();
      await useBackend('webgpu');
      onGpu.forEach((value, i) => {
        expect(value).toBeCloseTo(onCpu[i]!, 2);
      });
    },
  );

  it('takes the step of several losses, and the exact one', async () => {
    const run = async () => {
      const x = tf.variable(tf.tensor1d([1, -1]), true, 'x');
      const quartic = () => tf.tidy(() => tf.sum(tf.pow(x, 4)) as tf.Scalar);
      const bowl = () => tf.tidy(() => tf.sum(tf.square(tf.sub(x, 2))) as tf.Scalar);
      const solver = cg({ tolerance: 1e-5, maxIterations: 3 });
      await implicitSGD(0.5, { solver }).step([quartic, bowl], [x], { weights: [1, 2] });
      const ends = [...(await x.data())];
      const { status } = await implicitSGD(0.5, { solver, exact: true }).step(quartic, [x]);
      expect(status).toBe('converged');
      ends.push(...(await x.data()));
      x.dispose();
      return ends;
    };
    const onGpu = await run();
    await useBackend('cpu');
    const onCpu = await run();
    await useBackend('webgpu');
    onGpu.forEach((value, i) => {
      expect(value).toBeCloseTo(onCpu[i]!, 4);
    });
  });

  it.each(Object.entries(makers))(
    '%s undoes a bad step there, tells of it in lastStep, and goes on',
    async (_, make) => {
      const x = tf.variable(tf.tensor1d([1, 2]), true, 'x');
      const good = () => tf.tidy(() => tf.sum(tf.square(x)) as tf.Scalar);
      const optimizer = make(0.1);
      optimizer.minimize(good);
      await optimizer.lastStep();
      const before = [...(await x.data())];
      const weights = async () => {
        const [iterations, ...rest] = await optimizer.getWeights();
        iterations!.tensor.dispose();
        return Promise.all(rest.map(async ({ tensor }) => [...(await tensor.data())]));
      };
      const moments = await weights();

      const bad: [string, () => tf.Scalar][] = [
        ['a loss of NaN', () => tf.tidy(() => tf.sum(tf.log(tf.neg(tf.square(x)))) as tf.Scalar)],
        [
          'a gradient that overflows',
          () => tf.tidy(() => tf.mul(1e25, tf.mul(1e25, tf.mul(1e-30, tf.sum(x)))) as tf.Scalar),
        ],
      ];
      if (make === implicitAdam) {
        const steep = () => tf.tidy(() => tf.mul(1e25, tf.sum(x)) as tf.Scalar);
        bad.push(['squares that overflow', steep]);
      }
      for (const [what, f] of bad) {
        optimizer.minimize(f);
        await expect(optimizer.lastStep(), what).rejects.toThrow(NotFiniteError);
        expect([...(await x.data())], what).toEqual(before);
        expect(await weights(), what).toEqual(moments);
        await expect(optimizer.step(f), what).rejects.toThrow(NotFiniteError);
      }
      optimizer.minimize(good);
      expect((await optimizer.lastStep()).loss).toBeCloseTo(before[0]! ** 2 + before[1]! ** 2, 3);
      expect([...(await x.data())]).not.toEqual(before);
      optimizer.dispose();
      x.dispose();
    },
  );

  it.each(Object.entries(one))(
    '%s tells of each step, also where the next one does not wait',
    async (_, make) => {
      const { loss } = network();
      const optimizer = make(0.1, { curvature: 'gauss-newton' });
      const steps = [optimizer.step(loss), optimizer.step(loss), optimizer.step(loss)];
      const losses = (await Promise.all(steps)).map((stats) => stats.loss);
      expect(losses[1]).toBeLessThan(losses[0]!);
      expect(losses[2]).toBeLessThan(losses[1]!);
      optimizer.dispose();
      tf.disposeVariables();
    },
  );

  it.each(Object.entries(one))('%s leaks nothing there', async (_, make) => {
    const { loss } = network();
    const optimizer = make(0.5, { curvature: 'gauss-newton' });
    optimizer.minimize(loss);
    const before = tf.memory().numTensors;
    for (let t = 0; t < 5; t++) {
      optimizer.minimize(loss, true)!.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
    await optimizer.lastStep();
    optimizer.dispose();
    tf.disposeVariables();
  });
});
