import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import { cg, dense } from '../solvers';
import { cosine, implicitAdam, implicitGLM, implicitSGD, warmUp } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => tf.disposeVariables());

const numbers = (x: tf.Tensor) => [...x.dataSync()];

/** An assignment as a script makes it that is not strict, where what fails is silent. */
const assign = (object: object, path: string, value: unknown) =>
  new Function('object', 'value', `object.${path} = value`)(object, value);

const settings: [string, unknown][] = [
  ['curvature', 'fisher-rank-one'],
  ['solver', dense()],
  ['parameters', ['x']],
  ['others', 'frozen'],
  ['schedule', cosine(10)],
  ['clipNorm', 2],
  ['clipValue', 0.5],
];
const makers = {
  'implicit SGD': [implicitSGD, [...settings, ['exact', { tolerance: 1e-4 }]]],
  'implicit Adam': [implicitAdam, [...settings, ['beta1', 0.5], ['beta2', 0.5], ['epsilon', 1e-3]]],
} as const;

describe.each(Object.entries(makers))('%s', (_, [make, settings]) => {
  it.each([...settings] as [string, unknown][])('heeds an assignment to %s', (name, value) => {
    for (const path of [name, `options.${name}`]) {
      const optimizer = make(0.1);
      const options = optimizer.options;
      assign(optimizer, path, value);
      expect(optimizer.options).toEqual({ [name]: value });
      expect(Reflect.get(optimizer, name)).toEqual(value);
      // Also one that was looked up before.
      assign(options, name, undefined);
      expect(Reflect.get(optimizer, name)).toBeUndefined();
    }
  });

  it.each([
    ['learningRate', -1],
    ['learningRate', 'fast'],
    ['options.curvature', 'hesian'],
    ['curvature', 'hesian'],
    ['solver', cg],
    ['options.solver', null],
    ['others', true],
    ['parameters', 'x'],
    ['schedule', 3],
    ['clipNorm', 0],
    ['options.dampening', 1],
    ['learningrate', 0.5],
    ['learning_rate', 0.5],
    ['momentum', 0.9],
    ['iterations', 5],
    ['options', {}],
  ])('refuses %s = %j, and is as before', (path, value) => {
    const optimizer = make(0.1, { clipNorm: 1 });
    expect(() => assign(optimizer, path, value)).toThrow();
    expect(optimizer.learningRate).toBe(0.1);
    expect(optimizer.options).toEqual({ clipNorm: 1 });
    expect(optimizer.iterations).toBe(0);
  });

  it('steps by what was assigned', () => {
    const [x, y] = [tf.variable(tf.scalar(3)), tf.variable(tf.scalar(3))];
    const optimizer = make(0.1);
    assign(optimizer, 'learningRate', 2);
    assign(optimizer, 'clipNorm', 0.25);
    optimizer.minimize(() => tf.square(x) as tf.Scalar, false, [x]);
    make(2, { clipNorm: 0.25 }).minimize(() => tf.square(y) as tf.Scalar, false, [y]);
    expect(numbers(x)).toEqual(numbers(y));
    expect(optimizer.learningRate).toBe(2);
  });

  it('does not heed what becomes of the record that it was made of', () => {
    const options = { clipNorm: 1 };
    const optimizer = make(0.1, options);
    options.clipNorm = -1;
    expect(optimizer.options.clipNorm).toBe(1);
  });

  it.each([null, 3, 'hessian', [], cg(), () => {}])('refuses %j for its options', (options) => {
    expect(() => make(0.1, options as never)).toThrow(InputError);
  });

  it.each([undefined, null, '0.1', {}, [0.1]])('refuses %j for its rate', (rate) => {
    expect(() => make(rate as never)).toThrow(InputError);
  });

  it.each([undefined, null, 3, 'loss', tf.scalar(1), {}])('refuses %j for a loss', async (f) => {
    tf.variable(tf.scalar(1));
    expect(() => make(0.1).minimize(f as never)).toThrow(InputError);
    await expect(make(0.1).step(f as never)).rejects.toThrow(InputError);
  });

  it('names a promise for what it is', () => {
    tf.variable(tf.scalar(1));
    expect(() => make(0.1).minimize((async () => tf.scalar(1)) as never)).toThrow(/promise/);
  });
});

it.each([
  ['family', 'poisson'],
  ['name', 'other'],
])('a method for linear models refuses an assignment to %s', (name, value) => {
  const method = implicitGLM({ rate: () => 1 });
  expect(() => assign(method, name, value)).toThrow(InputError);
  expect({ ...method }).toEqual({ name: 'implicitGLM', family: 'linear' });
});

describe('a schedule is checked whole where it is given', () => {
  it.each<[string, object]>([
    ['a warm-up to a misspelt one', { name: 'warm-up', steps: 3, next: { name: 'cosin' } }],
    ['a warm-up to nothing', { name: 'warm-up', steps: 3 }],
    ['a warm-up to a function', { name: 'warm-up', steps: 3, next: () => 1 }],
    ['a cosine of −5 steps', { name: 'cosine', steps: -5, floor: 0 }],
    ['a cosine without a floor', { name: 'cosine', steps: 5 }],
    ['drops by a negative factor', { name: 'drops', at: [3], factor: -1 }],
    ['a negative rate', { name: 'inverse-time', rate: -1 }],
  ])('%s', (_, schedule) => {
    expect(() => implicitSGD(1, { schedule: schedule as never })).toThrow(InputError);
  });

  it('and so is what a warm-up leads to', () => {
    expect(() => warmUp(3, (() => 1) as never)).toThrow(InputError);
    expect(warmUp(3, warmUp(2, cosine(4)))).toEqual({
      name: 'warm-up',
      steps: 3,
      next: { name: 'warm-up', steps: 2, next: { name: 'cosine', steps: 4, floor: 0 } },
    });
  });
});

it('a choice of parameters by a promise, or with names besides its places, is refused', async () => {
  const w = tf.variable(tf.scalar(1));
  const asked = implicitSGD(1, { parameters: (async () => false) as never });
  await expect(asked.step(() => tf.square(w) as tf.Scalar, [w])).rejects.toThrow(InputError);
  expect(numbers(w)).toEqual([1]);
  const parameters = { places: [0], other: 1 };
  expect(() => implicitSGD(1, { parameters })).toThrow(/'other'/);
});

it.each([5e-324, 1e-300, 1.7e308])('weights of %d count by their ratio', async (unit) => {
  const w = tf.variable(tf.scalar(1));
  const loss = () => tf.square(w) as tf.Scalar;
  await implicitSGD(1).step([loss, loss], [w], { weights: [unit, unit] });
  // x⁺ = x/(1 + 2δ).
  expect(w.dataSync()[0]).toBeCloseTo(1 / 3, 6);
});
