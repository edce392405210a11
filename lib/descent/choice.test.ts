import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { InputError } from '../errors';
import { dense } from '../solvers';
import { implicitAdam, implicitSGD } from '.';
import { peakBytes } from './testing';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => tf.disposeVariables());

const numbers = (x: tf.Tensor) => [...x.dataSync()];
const square = (x: tf.Tensor) => tf.tidy(() => tf.sum(tf.square(x)) as tf.Scalar);
const makers = { 'implicit SGD': implicitSGD, 'implicit Adam': implicitAdam };

describe.each(Object.entries(makers))('%s without a list', (_, make) => {
  it('moves what the loss depends on, and nothing else', () => {
    const [a, b] = [tf.variable(tf.scalar(1), true, 'a'), tf.variable(tf.scalar(1), true, 'b')];
    const optimizer = make(0.1);
    optimizer.minimize(() => square(b));
    const before = numbers(b);
    optimizer.minimize(() => square(a));
    expect(numbers(b)).toEqual(before);
    expect(numbers(a)).toEqual(before);
  });

  it('never meets other variables, of whatever type and size', async () => {
    const x = tf.variable(tf.tensor1d([3, -2]), true, 'x');
    const step = () => make(0.1).minimize(() => square(x));
    // The second step traces what later ones use.
    step();
    step();
    const alone = peakBytes(step);
    tf.variable(tf.zeros([1_000_000]), true, 'large');
    tf.variable(tf.scalar(0, 'int32'), true, 'counter');
    tf.variable(tf.scalar(true, 'bool'), true, 'flag');
    tf.variable(tf.tensor1d(['a']), true, 'text');
    tf.variable(tf.tensor1d([Number.NaN]), true, 'nan');
    expect(peakBytes(step)).toBe(alone);
    const optimizer = make(0.1);
    optimizer.minimize(() => square(x));
    expect((await optimizer.getWeights()).length).toBe(make === implicitAdam ? 3 : 1);
  });

  it('leaves what is not trainable, and what only decides a mask or a place', () => {
    const x = tf.variable(tf.tensor1d([3, -2]), true, 'x');
    const fixed = tf.variable(tf.tensor1d([2, 2]), false, 'fixed');
    const index = tf.variable(tf.tensor1d([0], 'int32'), true, 'index');
    make(0.1).minimize(() => tf.tidy(() => square(tf.gather(tf.mul(x, fixed), index))));
    expect(numbers(fixed)).toEqual([2, 2]);
    expect(numbers(index)).toEqual([0]);
    expect(numbers(x)[0]).not.toBe(3);
    expect(numbers(x)[1]).toBe(-2);
  });

  it('chooses parameters by the names that variables have, made up or not', () => {
    const [a, b] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(1))];
    for (const parameters of [[b.name], (name: string) => name === b.name]) {
      b.assign(tf.scalar(1));
      make(0.1, { parameters, others: 'frozen' }).minimize(() =>
        tf.tidy(() => tf.add(square(a), square(b)) as tf.Scalar),
      );
      expect(numbers(a)).toEqual([1]);
      expect(numbers(b)).not.toEqual([1]);
    }
  });

  it('takes unnamed variables in the order in which they were made', () => {
    const variables = Array.from({ length: 12 }, (_, i) => tf.variable(tf.scalar(i + 1)));
    const loss = () => tf.tidy(() => tf.addN(variables.map(square)) as tf.Scalar);
    const optimizer = make(0.1, { parameters: { places: [0, 11] }, others: 'frozen' });
    optimizer.minimize(loss);
    const moved = variables.map((x, i) => numbers(x)[0] !== i + 1);
    expect(moved.map(Number).join('')).toBe('100000000001');
  });
});

const X = () => tf.randomNormal([6, 3], 0, 1, 'float32', 1);
const Y = () => tf.randomNormal([6, 2], 0, 1, 'float32', 2);
const kernelInitializer = () => tf.initializers.glorotUniform({ seed: 4 });
const layer = (units: number, more = {}) =>
  tf.layers.dense({ units, kernelInitializer: kernelInitializer(), ...more });

class Spare extends tf.layers.Layer {
  static className = 'Spare';
  #kernel?: tf.LayerVariable;
  override build() {
    this.#kernel = this.addWeight('kernel', [3, 2], 'float32', tf.initializers.ones());
    this.addWeight('unused', [2], 'float32', tf.initializers.zeros());
    this.built = true;
  }
  override computeOutputShape(shape: tf.Shape) {
    return [shape[0]!, 2];
  }
  override call(x: tf.Tensor | tf.Tensor[]) {
    return tf.matMul(Array.isArray(x) ? x[0]! : x, this.#kernel!.read());
  }
}
tf.serialization.registerClass(Spare);

/** Models of which `model.fit` lists weights twice, or weights that the loss does not see. */
const models: Record<string, () => tf.LayersModel> = {
  'a layer inside a nested model and outside it'() {
    const block = tf.sequential({ layers: [layer(3, { inputShape: [3], activation: 'tanh' })] });
    const input = tf.input({ shape: [3] });
    const parts = [block.apply(input), block.layers[0]!.apply(input)] as tf.SymbolicTensor[];
    const sum = tf.layers.add().apply(parts) as tf.SymbolicTensor;
    return tf.model({ inputs: input, outputs: layer(2).apply(sum) as tf.SymbolicTensor });
  },
  'a layer used twice'() {
    const input = tf.input({ shape: [3] });
    const twice = layer(3, { activation: 'tanh' });
    const hidden = twice.apply(twice.apply(input)) as tf.SymbolicTensor;
    return tf.model({ inputs: input, outputs: layer(2).apply(hidden) as tf.SymbolicTensor });
  },
  'a frozen layer'() {
    const frozen = layer(3, { inputShape: [3], activation: 'tanh', trainable: false });
    return tf.sequential({ layers: [frozen, layer(2)] });
  },
  'a weight that is not used': () =>
    tf.sequential({ layers: [new Spare({ inputShape: [3] } as object)] }),
};

/** TensorFlow.js moves a weight that a model lists twice by twice its step. */
class EachOnce extends tf.SGDOptimizer {
  override minimize(f: () => tf.Scalar, returnCost?: boolean, list?: tf.Variable[]) {
    return super.minimize(f, returnCost, [...new Set(list)]);
  }
}

describe.each(Object.entries(models))('model.fit of %s', (_, make) => {
  it('steps as tf.train.sgd does at a small rate', async () => {
    const rate = 1e-3;
    const step = async (optimizer: tf.Optimizer) => {
      const model = make();
      const names = model.weights.map(({ originalName }) => originalName);
      const before = model.getWeights().map(numbers);
      model.compile({ optimizer, loss: 'meanSquaredError' });
      await model.fit(X(), Y(), { epochs: 1, verbose: 0 });
      const after = model.getWeights().map(numbers);
      return after.map((w, i) => [names[i], w.map((value, j) => (value - before[i]![j]!) / rate)]);
    };
    const expected = await step(new EachOnce(rate));
    // Without curvature to speak of the implicit step is the explicit one, to δ‖H‖.
    const got = await step(implicitSGD(rate, { solver: dense() }));
    expected.forEach(([, slopes], i) => {
      (slopes as number[]).forEach((slope, j) => {
        expect((got[i]![1] as number[])[j]!).toBeCloseTo(slope, 1);
      });
    });
  });

  it('lowers its loss with implicit Adam', async () => {
    const model = make();
    model.compile({ optimizer: implicitAdam(0.01), loss: 'meanSquaredError' });
    const { history } = await model.fit(X(), Y(), { epochs: 4, verbose: 0 });
    expect(history.loss!.at(-1)!).toBeLessThan(history.loss![0] as number);
  });
});

describe('a list', () => {
  it.each([
    ['a tensor', () => [tf.ones([2])]],
    ['a weight of a layer', () => models['a frozen layer']!().trainableWeights],
    ['a name', () => ['x']],
    ['a record', () => ({ x: tf.variable(tf.ones([2])) })],
  ])('of %s is refused', (_, list) => {
    for (const make of Object.values(makers)) {
      expect(() => make(1).minimize(() => tf.scalar(1), false, list() as never)).toThrow(
        InputError,
      );
    }
  });
});
