import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { random } from '../numbers';
import { cg } from '../solvers';
import {
  cosine,
  drops,
  type ImplicitAdam,
  type ImplicitSGD,
  implicitAdam,
  implicitSGD,
  warmUp,
  withOutput,
} from '.';

leaveOutOfQuickRun();

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});

const CLASSES = 3;
const seed = 5;
const kernelInitializer = () => tf.initializers.glorotUniform({ seed });
const recurrent = {
  units: 4,
  kernelInitializer: tf.initializers.glorotUniform({ seed }),
  recurrentInitializer: tf.initializers.orthogonal({ seed }),
};
const output = () => tf.layers.dense({ units: CLASSES, kernelInitializer: kernelInitializer() });

/** Networks of every kind that a learner would compile, with the shape of one input. */
const networks: Record<
  string,
  { shape: number[]; layers(inputShape: number[]): tf.layers.Layer[] }
> = {
  dense: {
    shape: [6],
    layers: (inputShape) => [
      tf.layers.dense({
        units: 5,
        activation: 'tanh',
        inputShape,
        kernelInitializer: kernelInitializer(),
      }),
      output(),
    ],
  },
  'conv with batch norm': {
    shape: [6, 6, 1],
    layers: (inputShape) => [
      tf.layers.conv2d({
        filters: 3,
        kernelSize: 3,
        inputShape,
        kernelInitializer: kernelInitializer(),
      }),
      tf.layers.batchNormalization(),
      tf.layers.activation({ activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      output(),
    ],
  },
  LSTM: {
    shape: [5, 3],
    layers: (inputShape) => [tf.layers.lstm({ ...recurrent, inputShape }), output()],
  },
  GRU: {
    shape: [5, 3],
    layers: (inputShape) => [tf.layers.gru({ ...recurrent, inputShape }), output()],
  },
};

function examples(shape: number[]) {
  const count = 20;
  const size = shape.reduce((product, n) => product * n, 1);
  const x = tf.tensor(Float32Array.from(random(1).normals(count * size)), [count, ...shape]);
  const sums = [...tf.sum(tf.reshape(x, [count, -1]), 1).dataSync()];
  const labels = sums.map((sum) => (sum < -1 ? 0 : sum < 1 ? 1 : 2));
  return { x, y: tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES).toFloat() };
}

const loss = () => withOutput(softmaxCrossEntropy);
const network = (name: string) =>
  tf.sequential({ layers: networks[name]!.layers(networks[name]!.shape) });
const fit = (model: tf.LayersModel, { x, y }: ReturnType<typeof examples>, epochs: number) =>
  model.fit(x, y, { epochs, batchSize: 10, shuffle: false, verbose: 0 });
const weights = (model: tf.LayersModel) => model.getWeights().map((w) => [...w.dataSync()]);

async function saved(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (given) => {
    artifacts = given;
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
  });
  await model.save(handler, { includeOptimizer: true });
  // As a file would hold it.
  const { weightData, ...json } = artifacts!;
  return { ...JSON.parse(JSON.stringify(json)), weightData };
}

const optimizers = {
  'implicit SGD': () =>
    implicitSGD(0.5, {
      curvature: 'gauss-newton',
      solver: cg({ tolerance: 1e-4, maxIterations: 7, best: 'energy' }),
      parameters: (name) => name.includes('kernel'),
      schedule: drops([3]),
    }),
  'implicit Adam': () =>
    implicitAdam(0.1, {
      curvature: 'gauss-newton',
      beta1: 0.8,
      others: 'frozen',
      clipNorm: 3,
      clipValue: 1,
      schedule: warmUp(2, cosine(40, 0.1)),
    }),
};

describe.each(Object.keys(networks))('%s', (name) => {
  const data = () => examples(networks[name]!.shape);

  it.each(Object.entries(optimizers))('%s trains it', async (_, make) => {
    const model = network(name);
    model.compile({ optimizer: make(), loss: loss() });
    const { history } = await fit(model, data(), 8);
    const losses = history.loss as number[];
    expect(losses.at(-1)!).toBeLessThan(0.85 * losses[0]!);
  });

  it.each(Object.entries(optimizers))(
    '%s is saved with it and goes on as if nothing had happened',
    async (_, make) => {
      const model = network(name);
      const optimizer = make();
      model.compile({ optimizer, loss: loss() });
      await fit(model, data(), 1);

      const loaded = await tf.loadLayersModel(tf.io.fromMemory(await saved(model)));
      const restored = loaded.optimizer as ImplicitSGD | ImplicitAdam;
      expect(restored.getClassName()).toBe(optimizer.getClassName());
      expect(restored.getConfig()).toEqual(optimizer.getConfig());
      expect(restored.iterations).toBe(2);
      loaded.compile({ optimizer: restored, loss: loss() });
      await fit(loaded, data(), 2);
      await fit(model, data(), 2);
      weights(loaded).forEach((mine, i) => {
        mine.forEach((value, j) => {
          expect(value).toBeCloseTo(weights(model)[i]![j]!, 5);
        });
      });
    },
  );
});

describe('model.fit', () => {
  it('calls its callbacks, with metrics and validation, and stops where they say so', async () => {
    const { x, y } = examples([6]);
    const model = network('dense');
    model.compile({ optimizer: implicitSGD(1), loss: loss(), metrics: ['accuracy'] });
    const logs: tf.Logs[] = [];
    let batches = 0;
    const { history } = await model.fit(x, y, {
      epochs: 20,
      batchSize: 10,
      validationSplit: 1 / 2,
      verbose: 0,
      callbacks: [
        new tf.CustomCallback({
          onBatchEnd: () => {
            batches += 1;
          },
          onEpochEnd: async (_, log) => {
            logs.push(log!);
            if (logs.length === 3) model.stopTraining = true;
          },
        }),
      ],
    });
    expect(logs.length).toBe(3);
    expect(batches).toBe(3);
    for (const log of logs) {
      expect(Object.keys(log).sort()).toEqual(['acc', 'loss', 'val_acc', 'val_loss']);
      expect(Object.values(log).every(Number.isFinite)).toBe(true);
    }
    expect(history.loss!.length).toBe(3);
  });

  it('stops early by the validation loss', async () => {
    const { x, y } = examples([6]);
    const model = network('dense');
    model.compile({ optimizer: implicitAdam(0.1), loss: loss() });
    const { epoch } = await model.fit(x, y, {
      epochs: 100,
      batchSize: 10,
      validationSplit: 1 / 3,
      verbose: 0,
      callbacks: tf.callbacks.earlyStopping({ monitor: 'val_loss', patience: 2 }),
    });
    expect(epoch.length).toBeLessThan(100);
  });

  it('sees one evaluation a step: its metrics are those of the batch the step was taken on', async () => {
    const { x, y } = examples([6]);
    const model = network('dense');
    const before = tf.tidy(
      () => softmaxCrossEntropy(y, model.predict(x) as tf.Tensor).dataSync()[0]!,
    );
    model.compile({ optimizer: implicitSGD(1), loss: loss() });
    const { history } = await model.fit(x, y, { epochs: 1, batchSize: 20, verbose: 0 });
    expect(history.loss![0]).toBeCloseTo(before, 5);
  });
});

it('an optimizer saved twice without a step in between loses nothing', async () => {
  const data = examples([6]);
  const model = network('dense');
  model.compile({ optimizer: implicitAdam(0.1), loss: 'meanSquaredError' });
  await fit(model, data, 1);
  const once = await tf.loadLayersModel(tf.io.fromMemory(await saved(model)));
  const twice = await tf.loadLayersModel(tf.io.fromMemory(await saved(once)));
  await fit(twice, data, 1);
  await fit(model, data, 1);
  expect(weights(twice)).toEqual(weights(model));
});
