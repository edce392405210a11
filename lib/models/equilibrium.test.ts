import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { valueAndGradient } from '../autodiff';
import { softmaxCrossEntropy } from '../backends';
import { InputError } from '../errors';
import { random } from '../numbers';
import { mapTensors, type NamedTensors } from '../spaces';
import { equilibrium } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
beforeEach(() => {
  warn.mockClear();
});
afterEach(() => {
  expect(warn).not.toHaveBeenCalled();
});

const small = { features: 4, hidden: 6, classes: 3, contraction: 0.7, steps: 60 };
const tight = { ...small, backward: { maxIterations: 100, tolerance: 1e-6 } };
const x = tf.tensor2d([...random(1).normals(20)], [5, 4]);
const y = tf.oneHot(tf.tensor1d([0, 1, 2, 1, 0], 'int32'), 3);
const logitsOf = (model = equilibrium(tight)) => {
  // M is made large, so that it is brought back to a slope of .7.
  const { M, ...rest } = model.init(3);
  return { model, w: { M: tf.mul(M!, 4), ...rest } as NamedTensors };
};
const numbers = (x: tf.Tensor) => [...x.dataSync()];

describe('the state', () => {
  it('is a fixed point, of a map that contracts', () => {
    const { model, w } = logitsOf();
    const more = equilibrium({ ...tight, steps: 120 });
    const [a, b] = [numbers(model.predict(w, x)), numbers(more.predict(w, x))];
    a.forEach((value, i) => {
      expect(value).toBeCloseTo(b[i]!, 5);
    });
    const few = numbers(equilibrium({ ...tight, steps: 3 }).predict(w, x));
    expect(Math.max(...few.map((value, i) => Math.abs(value - b[i]!)))).toBeGreaterThan(1e-3);
  });

  it('is that of the map by hand where the matrix is small', () => {
    const model = equilibrium({ features: 1, hidden: 1, classes: 1, steps: 80 });
    const one = (value: number) => tf.tensor2d([[value]]);
    const w = { M: one(0.5), B: one(2), c: tf.zeros([1]), V: one(1), d: tf.zeros([1]) };
    const z = numbers(model.predict(w, one(0.3)))[0]!;
    expect(Math.tanh(0.5 * z + 0.6)).toBeCloseTo(z, 6);
  });
});

describe('its derivative', () => {
  const { model, w } = logitsOf();
  const loss = (w: NamedTensors) => softmaxCrossEntropy(y, model.predict(w, x)) as tf.Scalar;

  it.each(Object.keys(w))('by %s is the slope of the loss', (name) => {
    const { gradient } = valueAndGradient(loss, w);
    const along = tf.tensor([...random(7).normals(w[name]!.size)], w[name]!.shape);
    const h = 1e-2;
    const at = (t: number) =>
      loss({ ...w, [name]: tf.add(w[name]!, tf.mul(t * h, along)) }).dataSync()[0]!;
    const slope = (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * h);
    const expected = tf.sum(tf.mul(gradient[name]!, along)).dataSync()[0]!;
    expect(expected).toBeCloseTo(slope, 3);
    expect(Math.abs(slope)).toBeGreaterThan(3e-3);
  });

  it('leaves nothing behind', () => {
    const once = () => {
      const { value, gradient } = valueAndGradient(loss, w);
      tf.dispose([value, ...Object.values(gradient)]);
    };
    once();
    const { numTensors } = tf.memory();
    once();
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

it('has the parameters that its sizes say', () => {
  const params = equilibrium().init(1);
  const sizes = mapTensors(params, ({ size }) => tf.scalar(size));
  const count = numbers(tf.addN(Object.values(sizes)))[0];
  expect(count).toBe(200 * 200 + 784 * 200 + 200 + 2000 + 10);
});

it('refuses a map that need not come to rest', () => {
  expect(() => equilibrium({ contraction: 1 })).toThrow(InputError);
});
