import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DisposedError, InputError, NotFiniteError, ShapeError } from '../errors';
import { woodbury } from '../solvers';
import { backwardEuler, cosine, implicitAdam, implicitSGD, warmUp } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  tf.disposeVariables();
});

const numbers = (x: tf.Tensor) => [...x.dataSync()];
const named = (name: string) => tf.variable(tf.tensor1d([3, -2]), true, name);
const square = (x: tf.Tensor) => tf.tidy(() => tf.sum(tf.square(x)) as tf.Scalar);

it.each(['cg', () => {}, { name: 'cg' }])(
  'a solver that cannot solve is refused at once',
  (solver) => {
    for (const make of [implicitSGD, implicitAdam]) {
      expect(() => make(1, { solver } as object)).toThrow(/a linear solver, such as cg\(/);
    }
  },
);

describe.each([
  ['implicit SGD', implicitSGD],
  ['implicit Adam', implicitAdam],
])('%s names what is wrong and leaves the weights alone', (_, make) => {
  /** The error of a step, after which nothing has changed or leaked. */
  function refusal(
    f: () => tf.Scalar,
    list: tf.Variable[] | undefined,
    options: Parameters<typeof implicitAdam>[1] = {},
  ): Error {
    const variables = Object.values(tf.engine().registeredVariables).filter((v) => !v.isDisposed);
    const before = variables.map(numbers);
    const optimizer = make(0.1, options);
    const count = tf.memory().numTensors;
    let error: unknown;
    try {
      // Inside a tidy, as fit runs it; what f made before it failed is the tidy's to free.
      tf.tidy(() => {
        optimizer.minimize(f, false, list);
      });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(Error);
    expect(variables.map(numbers)).toEqual(before);
    expect(optimizer.iterations).toBe(0);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(count);
    return error as Error;
  }

  it('a solver that cannot solve the system, without a leak where no tidy is', () => {
    const x = named('x');
    const optimizer = make(0.1, { solver: woodbury() });
    const count = tf.memory().numTensors;
    expect(() => optimizer.minimize(() => square(x))).toThrow(InputError);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(count);
    expect(numbers(x)).toEqual([3, -2]);
  });

  it('a parameter chosen by name that the loss does not depend on', () => {
    const x = named('x');
    named('bystander');
    const error = refusal(() => square(x), undefined, { parameters: ['bystander'] });
    expect(error.message).toMatch(/'bystander'/);
  });

  it('a loss that depends on nothing that could move', () => {
    named('x');
    const error = refusal(() => square(tf.tensor1d([1])), undefined);
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/none of x/);
  });

  it('an unknown parameter, with the ones there are', () => {
    const x = named('x');
    const error = refusal(() => square(x), [x], { parameters: ['kernel'] });
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/x.*'kernel'/);
  });

  it('but no listed variable that the loss does not see, which stays', () => {
    const [x, y, bystander] = [named('x'), named('y'), named('bystander')];
    const losses = [
      () => square(x),
      () => square(tf.add(x, tf.tensor1d(numbers(y)))),
      () => {
        tf.square(y).dispose();
        return square(x);
      },
    ];
    for (const loss of losses) {
      const before = numbers(x);
      const optimizer = make(0.1);
      const count = tf.memory().numTensors;
      for (const list of [
        [x, y, bystander],
        [bystander, y, x],
      ]) {
        optimizer.minimize(loss, false, list);
      }
      optimizer.dispose();
      expect(tf.memory().numTensors).toBeLessThanOrEqual(count + 2);
      expect(numbers(x)).not.toEqual(before);
      for (const left of [y, bystander]) expect(numbers(left)).toEqual([3, -2]);
    }
  });

  it('but neither a variable listed twice, which moves once, nor two of one name', () => {
    const [x, other] = [named('x'), named('other')];
    other.name = 'x';
    try {
      make(0.1).minimize(() => square(x), false, [x]);
      const once = numbers(x);
      x.assign(tf.tensor1d([3, -2]));
      make(0.1).minimize(() => square(x), false, [x, x]);
      expect(numbers(x)).toEqual(once);
      x.assign(tf.tensor1d([3, -2]));
      make(0.1).minimize(() => tf.add(square(x), square(other)) as tf.Scalar, false, [x, other]);
      [...numbers(x), ...numbers(other)].forEach((value, i) => {
        expect(value).toBeCloseTo(once[i % 2]!, 6);
      });
    } finally {
      // So that it is found when it is to go.
      other.name = 'other';
    }
  });

  it('a variable that is gone', () => {
    const [x, gone] = [named('x'), named('gone')];
    gone.dispose();
    const error = refusal(() => square(x), [x, gone]);
    expect(error.message).toMatch(/'gone', which is disposed/);
  });

  it('nothing to move', () => {
    const error = refusal(() => square(tf.tensor1d([1])), []);
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/no trainable variable/);
  });

  it('a loss of several numbers, or of none', () => {
    const x = named('x');
    const several = refusal(() => tf.square(x) as unknown as tf.Scalar, [x]);
    expect(several).toBeInstanceOf(ShapeError);
    expect(several.message).toMatch(/\[2\]/);
    expect(refusal(() => undefined as unknown as tf.Scalar, [x])).toBeInstanceOf(ShapeError);
  });

  it('a loss of NaN, and one whose gradient overflows', () => {
    const x = named('x');
    expect(refusal(() => tf.sum(tf.log(x)) as tf.Scalar, [x])).toBeInstanceOf(NotFiniteError);
    // 3e20, with a gradient of 1e25 · 1e25 · 1e-30 from left to right.
    const overflowing = () => tf.mul(1e25, tf.mul(1e25, tf.mul(1e-30, tf.sum(x)))) as tf.Scalar;
    const steep = refusal(overflowing, [x]);
    expect(steep).toBeInstanceOf(NotFiniteError);
    expect(steep.message).toMatch(/gradient/);
  });

  it('a gradient whose squares overflow, if it remembers them; else it takes the step', async () => {
    const x = named('x');
    const steep = () => tf.mul(1e25, tf.sum(x)) as tf.Scalar;
    if (make === implicitAdam) {
      expect(refusal(steep, [x]).message).toMatch(/moments of the norms/);
      const optimizer = implicitAdam(0.1);
      optimizer.minimize(() => square(x));
      const before = await Promise.all((await optimizer.getWeights()).map((w) => w.tensor.data()));
      expect(() => optimizer.minimize(steep)).toThrow(NotFiniteError);
      const after = await Promise.all((await optimizer.getWeights()).map((w) => w.tensor.data()));
      expect(after).toEqual(before);
      return;
    }
    make(0.1).minimize(steep);
    expect(numbers(x)[0]! / -1e24).toBeCloseTo(1, 5);
  });

  it('an error of the loss itself, as it is', () => {
    const x = named('x');
    const own = new DisposedError({ given: 'a', expected: 'b', remedy: 'c' });
    const error = refusal(() => {
      tf.square(x);
      throw own;
    }, [x]);
    expect(error).toBe(own);
  });

  it('but not a bystander that nobody has listed', () => {
    const [x, bystander] = [named('x'), named('bystander')];
    make(0.1).minimize(() => square(x));
    expect(numbers(x)).not.toEqual([3, -2]);
    expect(numbers(bystander)).toEqual([3, -2]);
  });
});

it('a misspelt part of a schedule, or of a tolerance, is refused', () => {
  const schedule = { ...cosine(5), flor: 0.1 } as never;
  expect(() => implicitSGD(1, { schedule })).toThrow(/'flor'/);
  expect(() => warmUp(2, schedule)).toThrow(InputError);
  const adaptive = { relative: 1e-3, absolute: 1e-6, relativ: 1 };
  const decay = (y: Float64Array) => y.map((v) => -v);
  const options = { to: 1, step: 0.1, adaptive };
  expect(() => backwardEuler(decay, Float64Array.of(1), options)).toThrow(/'relativ'/);
});
