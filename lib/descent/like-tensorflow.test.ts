import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { freePrograms } from '../autodiff';
import { useBackend } from '../backends';
import { implicitAdam, implicitSGD, withOutput } from '.';

leaveOutOfQuickRun();

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(() => tf.disposeVariables());

const EXAMPLES = 6;
const kernelInitializer = () => tf.initializers.glorotUniform({ seed: 5 });
const normal = (shape: number[], seed = 1) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const dense = (units: number, more: object = {}) =>
  tf.layers.dense({ units, kernelInitializer: kernelInitializer(), ...more });
const first = (units: number, more: object = {}) => dense(units, { inputShape: [3], ...more });
const tanh = { activation: 'tanh' };
const recurrent = () => ({
  ...{ units: 3, kernelInitializer: kernelInitializer() },
  recurrentInitializer: kernelInitializer(),
});
const sequential = (...layers: tf.layers.Layer[]) => tf.sequential({ layers });
const on = (layer: tf.layers.Layer, x: unknown) =>
  layer.apply(x as tf.SymbolicTensor) as tf.SymbolicTensor;
const input = () => tf.input({ shape: [3] });
const functionalModel = (make: (x: tf.SymbolicTensor) => unknown) => {
  const x = input();
  return tf.model({ inputs: x, outputs: make(x) as tf.SymbolicTensor });
};

/** A layer with a weight that it does not use, and one that does not train. */
class Spare extends tf.layers.Layer {
  static className = 'SpareForTests';
  #kernel!: tf.LayerVariable;
  override build([, size]: number[]) {
    this.#kernel = this.addWeight('kernel', [size!, 2], 'float32', kernelInitializer());
    const zeros = tf.initializers.zeros();
    this.addWeight('unused', [2], 'float32', zeros);
    this.addWeight('count', [], 'int32', zeros, undefined, false);
    this.built = true;
  }
  override computeOutputShape([batch]: number[]) {
    return [batch!, 2];
  }
  override call(x: tf.Tensor | tf.Tensor[]) {
    return tf.matMul(
      (Array.isArray(x) ? x[0] : x) as tf.Tensor2D,
      this.#kernel.read() as tf.Tensor2D,
    );
  }
}

interface Trained {
  model: tf.LayersModel;
  x?: tf.Tensor | tf.Tensor[];
  y?: tf.Tensor | tf.Tensor[];
  loss?: ((y: tf.Tensor, z: tf.Tensor) => tf.Tensor)[];
  /** How often TensorFlow.js steps a weight that its list has more than once. */
  twice?: readonly number[];
}

/** Models that the optimizers of TensorFlow.js train. */
const models: Record<string, () => Trained> = {
  'a nested model': () => ({
    model: sequential(sequential(sequential(first(4, tanh)), dense(3, tanh)), dense(2)),
  }),
  'one model on two inputs': () => {
    const [a, b, block] = [input(), input(), sequential(first(3, tanh))];
    const both = on(tf.layers.concatenate(), [on(block, a), on(block, b)]);
    return {
      model: tf.model({ inputs: [a, b], outputs: on(dense(2), both) }),
      x: [normal([EXAMPLES, 3]), normal([EXAMPLES, 3], 4)],
    };
  },
  'a layer inside a nested model and outside': () => {
    const block = sequential(first(3, tanh));
    const model = functionalModel((x) =>
      on(dense(2), on(tf.layers.add(), [on(block, x), on(block.layers[0]!, x)])),
    );
    return { model, twice: [0, 1, 2, 3] };
  },
  'one model three times': () => {
    const block = sequential(first(3, tanh));
    return { model: functionalModel((x) => on(dense(2), on(block, on(block, on(block, x))))) };
  },
  'two layers of one name': () => ({
    model: sequential(
      sequential(first(3, { name: 'same' })),
      sequential(first(2, { name: 'same' })),
    ),
  }),
  'a frozen layer': () => ({
    model: sequential(first(3, { ...tanh, trainable: false }), dense(2)),
  }),
  'a frozen last layer': () => ({
    model: sequential(first(3, tanh), dense(2, { trainable: false })),
  }),
  'a frozen nested model': () => {
    const block = sequential(first(3, tanh));
    block.trainable = false;
    return { model: sequential(block, dense(2)) };
  },
  'a frozen layer of a nested model': () => {
    const block = sequential(first(3, tanh), dense(3));
    block.layers[0]!.trainable = false;
    return { model: sequential(block, dense(2)) };
  },
  'layers without weights': () => ({
    model: sequential(
      tf.layers.flatten({ inputShape: [3, 2] }),
      tf.layers.activation({ activation: 'tanh' }),
      tf.layers.dropout({ rate: 0 }),
      dense(2),
      tf.layers.leakyReLU(),
    ),
    x: normal([EXAMPLES, 3, 2]),
  }),
  'batch normalization': () => ({
    model: sequential(first(4), tf.layers.batchNormalization(), dense(2)),
  }),
  'frozen batch normalization': () => ({
    model: sequential(first(4), tf.layers.batchNormalization({ trainable: false }), dense(2)),
  }),
  'weights that are not used, or count': () => ({
    model: sequential(new Spare({ inputShape: [3] })),
  }),
  'two outputs': () => ({
    model: functionalModel((x) => {
      const hidden = on(dense(4, tanh), x);
      return [on(dense(2), hidden), on(dense(1), hidden)];
    }),
    y: [normal([EXAMPLES, 2], 2), normal([EXAMPLES, 1], 3)],
  }),
  'two outputs, of which the loss sees one': () => ({
    model: functionalModel((x) => [on(dense(2), x), on(dense(2), x)]),
    y: [normal([EXAMPLES, 2], 2), normal([EXAMPLES, 2], 3)],
    loss: [(y, z) => tf.mean(tf.square(tf.sub(y, z)), -1), () => tf.zeros([EXAMPLES])],
  }),
  'an embedding with a mask': () => ({
    model: sequential(
      tf.layers.embedding({
        ...{ inputDim: 5, outputDim: 3, inputLength: 4, maskZero: true },
        embeddingsInitializer: kernelInitializer(),
      }),
      tf.layers.lstm(recurrent()),
      dense(2),
    ),
    x: tf.cast(tf.abs(normal([EXAMPLES, 4])), 'int32'),
  }),
  'a recurrence with a state': () => ({
    model: sequential(
      tf.layers.gru({ ...recurrent(), stateful: true, batchInputShape: [EXAMPLES, 4, 2] }),
      dense(2),
    ),
    x: normal([EXAMPLES, 4, 2]),
  }),
  'a bidirectional recurrence, frozen': () => ({
    model: sequential(
      tf.layers.bidirectional({
        layer: tf.layers.lstm(recurrent()) as tf.RNN,
        mergeMode: 'sum',
        inputShape: [4, 2],
        trainable: false,
      }),
      dense(2),
    ),
    x: normal([EXAMPLES, 4, 2]),
  }),
  'regularizers and constraints': () => ({
    model: sequential(
      first(3, {
        kernelRegularizer: tf.regularizers.l1l2({ l1: 0.01, l2: 0.1 }),
        kernelConstraint: tf.constraints.maxNorm({ maxValue: 1 }),
      }),
      dense(2, { kernelConstraint: tf.constraints.nonNeg() }),
    ),
  }),
  'integers in': () => ({
    model: sequential(first(2)),
    x: tf.cast(normal([EXAMPLES, 3]), 'int32'),
    y: tf.cast(normal([EXAMPLES, 2]), 'int32'),
  }),
  'nothing that gets through': () => ({
    model: sequential(
      first(3, { activation: 'relu', biasInitializer: tf.initializers.constant({ value: -99 }) }),
      dense(2),
    ),
  }),
};

const RATE = 1e-3;
const optimizers = {
  'implicit SGD': [() => tf.train.sgd(RATE), () => implicitSGD(RATE)],
  'Gauss–Newton': [
    () => tf.train.sgd(RATE),
    () => implicitSGD(RATE, { curvature: 'gauss-newton' }),
  ],
  'implicit Adam': [() => tf.train.adam(RATE), () => implicitAdam(RATE)],
} as const;
type Way = keyof typeof optimizers;

const norm = (v: readonly number[]) => Math.hypot(...v);
const square = (y: tf.Tensor, z: tf.Tensor) => tf.metrics.meanSquaredError(y, z);

/** The changes of the weights after a step, and the tensors that another step leaves. */
async function trained(make: () => Trained, optimizer: tf.Optimizer) {
  const { model, x = normal([EXAMPLES, 3]), y = normal([EXAMPLES, 2], 2), loss } = make();
  const numbers = () => model.getWeights().map((w) => [...w.dataSync()]);
  const before = numbers();
  model.compile({ optimizer, loss: loss?.map(withOutput) ?? withOutput(square) });
  const once = () => model.trainOnBatch(x, y);
  await once();
  const changes = numbers().map((w, i) => w.map((value, j) => value - before[i]![j]!));
  const count = tf.memory().numTensors;
  tf.dispose((await once()) as number);
  return { changes, left: tf.memory().numTensors - count };
}

// The first step of a structure is by operations, with the rounding of TensorFlow.js: before a batch
// normalization the gradient of a bias is nothing but rounding, and Adam's step its sign.
beforeEach(freePrograms);

describe.each(Object.entries(models))('%s', (_, make) => {
  it.each(Object.keys(optimizers) as Way[])('%s steps what TensorFlow.js steps', async (way) => {
    const [stock, ours] = optimizers[way];
    const theirs = await trained(make, stock());
    const mine = await trained(make, ours());
    expect(mine.left).toBe(theirs.left);
    const { twice = [] } = make();
    theirs.changes.forEach((change, i) => {
      const shared = twice.includes(i) ? 2 : 1;
      const wanted = change.map((value) => value / shared);
      const got = mine.changes[i]!;
      if (norm(wanted) === 0) expect(norm(got)).toBe(0);
      // The rate is small, so that a step is nearly the explicit one; Adam's is by signs, with which
      // entries next to 0 differ.
      const error = norm(got.map((value, j) => value - wanted[j]!));
      const limit = way === 'implicit Adam' ? 1 : 0.05;
      expect(error).toBeLessThan(limit * norm(wanted) + 1e-6);
    });
  });
});

describe('outside fit', () => {
  it('a loss may be the variable itself', async () => {
    for (const optimizer of [
      implicitSGD(0.1),
      implicitSGD(0.1, { exact: true }),
      implicitSGD('auto', { initial: 0.1 }),
      implicitAdam(0.1),
    ]) {
      const w = tf.variable(tf.scalar(2));
      await optimizer.step(() => w as tf.Tensor as tf.Scalar);
      await optimizer.step(() => w as tf.Tensor as tf.Scalar);
      expect(w.dataSync()[0]).toBeLessThan(1.9);
      w.dispose();
    }
  });

  it('a layer is frozen and thawed between steps', async () => {
    const model = sequential(first(3, tanh), dense(2));
    const [x, y] = [normal([EXAMPLES, 3]), normal([EXAMPLES, 2], 2)];
    const optimizer = implicitAdam(0.01);
    // Of a model, those that do not train come last.
    const kernels = () =>
      model.layers.flatMap((layer) => layer.getWeights().map((w) => [...w.dataSync()]));
    for (const trainable of [true, false, true]) {
      model.layers[0]!.trainable = trainable;
      model.compile({ optimizer, loss: 'meanSquaredError' });
      const before = kernels();
      await model.trainOnBatch(x, y);
      const after = kernels();
      const moved = after.map((w, i) => String(w) !== String(before[i]));
      expect(moved).toEqual([trainable, trainable, true, true]);
    }
  });

  it('all weights of a model are listed, and the loss sees one of two heads', () => {
    const model = functionalModel((x) => {
      const hidden = on(dense(4, tanh), x);
      return [on(dense(2), hidden), on(dense(1), hidden)];
    });
    const x = normal([EXAMPLES, 3]);
    const list = model.trainableWeights.map((w) => (w as unknown as { val: tf.Variable }).val);
    const loss = () => tf.mean(tf.square((model.apply(x) as tf.Tensor[])[1]!)) as tf.Scalar;
    const before = list.map((w) => [...w.dataSync()]);
    for (const optimizer of [implicitSGD(0.1), implicitAdam(0.1)]) {
      optimizer.minimize(loss, false, list);
    }
    const moved = list.map((w, i) => String([...w.dataSync()]) !== String(before[i]));
    expect(moved).toEqual([true, true, false, false, true, true]);
  });
});
