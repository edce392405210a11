import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../../test/needs';
import { compiled, compiledMap, hessian, logSoftmax, tracedCounts, valueAndGradient } from '../..';
import { useBackend } from '../../backends';
import type { NamedTensors } from '../../spaces';
import { innerProduct } from '../inner-product';

const programs = needs('programs');

/** Functions whose derivatives TensorFlow.js computes from their results, of which it saves copies. */
const weighted = (y: tf.Tensor) => tf.mul(y, [1, 2, 3]);
const functions: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  exp: (x) => tf.exp(tf.mul(x, 0.3)),
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  elu: tf.elu,
  rsqrt: tf.rsqrt,
  reciprocal: tf.reciprocal,
  div: (x) => tf.div(1, x),
  pow: (x) => tf.pow(x, 2.5),
  max: (x) => tf.mul(tf.max(x), x),
  cumprod: (x) => tf.cumprod(x),
  asinh: tf.asinh,
  softmax: (x) => weighted(tf.softmax(x)),
  'tf.logSoftmax': (x) => weighted(tf.logSoftmax(x)),
  logSoftmax: (x) => weighted(logSoftmax(x)),
};

describe('a gradient within a compiled loss', () => {
  beforeAll(() => useBackend('wasm'));

  test.each(Object.keys(functions))('of %s is that of an undeclared one at every point', (name) => {
    const f = functions[name]!;
    const undeclared = ({ x }: NamedTensors) =>
      tf.sum(tf.square(tf.grad((z) => tf.sum(f(z)))(x!))) as tf.Scalar;
    const declared = compiled(undeclared);
    const before = tracedCounts().hits;
    for (const scale of [0.9, 0.5, 1.6, 0.7, 1.1]) {
      tf.tidy(() => {
        const x = tf.mul(scale, tf.tensor1d([0.8, 1.3, 2.1]));
        const all = [declared, undeclared].map((loss) => {
          const { value, gradient } = valueAndGradient(loss, { x });
          const H = hessian(loss, { x });
          const product = H.apply({ x: tf.tensor1d([1, -2, 0.5]) }).x!;
          H.dispose();
          return [value, gradient.x!, product].flatMap((y) => [...y.dataSync()]);
        });
        const [mine, right] = all as [number[], number[]];
        mine.forEach((y, i) => {
          expect(Math.abs(y - right[i]!), `${scale}: ${mine} and ${right}`).toBeLessThan(
            2e-5 * (1 + Math.abs(right[i]!)),
          );
        });
      });
    }
    if (programs.available) expect(tracedCounts().hits).toBeGreaterThan(before);
  });
});

describe('a loss that catches the error of a kernel', () => {
  beforeAll(() => useBackend('wasm'));

  const loss = ({ x }: NamedTensors) => {
    const images = tf.reshape(x!, [1, 2, 2, 1]) as tf.Tensor4D;
    let y: tf.Tensor;
    try {
      y = tf.maxPool(images, 5, 1, 'valid');
    } catch {
      y = tf.tanh(images);
    }
    return tf.sum(tf.square(y)) as tf.Scalar;
  };

  test.each([
    ['undeclared', loss],
    ['compiled', compiled(loss)],
  ])('is differentiated by what ran: %s', (_, f) => {
    const before = tracedCounts().hits;
    for (let i = 0; i < 3; i++) {
      tf.tidy(() => {
        const x = tf.mul(0.5 + i, tf.tensor1d([0.1, -0.2, 0.3, 0.4]));
        const H = hessian(f, { x });
        const found = [H.gradient.x!, H.apply({ x: tf.onesLike(x) }).x!].map((y) => y.dataSync());
        H.dispose();
        x.dataSync().forEach((at, j) => {
          const t = Math.tanh(at);
          const slope = 1 - t * t;
          expect(found[0]![j]).toBeCloseTo(2 * t * slope, 5);
          expect(found[1]![j]).toBeCloseTo(2 * slope * (slope - 2 * t * t), 5);
        });
      });
    }
    if (programs.available) expect(tracedCounts().hits).toBeGreaterThan(before);
  });
});

/** Value, gradient and product with (1, 1, 1) of Σ vᵢ xᵢ + Σ uᵢ xᵢ² are given; so are those of the loss. */
function checkQuadratic(
  loss: (x: NamedTensors) => tf.Scalar,
  v: readonly number[],
  u: readonly number[],
): void {
  for (const scale of [0.5, 1, 2, 3, 0.25]) {
    tf.tidy(() => {
      const x = [scale, 2 * scale, -scale];
      const point = { x: tf.tensor1d(x) };
      const { value, gradient } = valueAndGradient(loss, point);
      const H = hessian(loss, point);
      const product = H.apply({ x: tf.ones([3]) }).x!;
      H.dispose();
      const terms = x.map((x, i) => v[i]! * x + u[i]! * x * x);
      expect(value.dataSync()[0]).toBe(terms.reduce((a, b) => a + b));
      expect([...gradient.x!.dataSync()]).toEqual(x.map((x, i) => v[i]! + 2 * u[i]! * x));
      expect([...product.dataSync()]).toEqual(u.map((u) => 2 * u));
    });
  }
}

describe('a loss in which something changes', () => {
  beforeAll(() => useBackend('wasm'));

  test('as a variable that it assigns, has the derivatives of what was there at each use', () => {
    const variable = tf.variable(tf.tensor1d([1, 2, 3]));
    checkQuadratic(
      ({ x }) => {
        variable.assign(tf.tensor1d([1, 2, 3]));
        const linear = tf.sum(tf.mul(x!, variable));
        variable.assign(tf.tensor1d([4, 5, 6]));
        return tf.add(linear, tf.sum(tf.mul(tf.square(x!), variable))) as tf.Scalar;
      },
      [1, 2, 3],
      [4, 5, 6],
    );
    variable.dispose();
  });

  test('as a list that says which part is taken, has the derivatives of the part that was', () => {
    const parts = ({ x }: NamedTensors) => {
      const begin = [0, 0];
      const column = tf.reshape(x!, [3, 1]);
      const terms = [0, 1, 2].map((i) => {
        begin[0] = i;
        return tf.mul(i + 1, tf.sum(tf.square(tf.slice(column, begin, [1, 1]))));
      });
      return tf.addN(terms) as tf.Scalar;
    };
    checkQuadratic(parts, [0, 0, 0], [1, 2, 3]);
    checkQuadratic(compiled(parts), [0, 0, 0], [1, 2, 3]);
  });
});

test.skipIf(!programs.available)(
  'what programs compute in a map is not taken for a constant: a number is read',
  async () => {
    await useBackend('wasm');
    const scaled = compiledMap((x: tf.Tensor) => tf.mul(x, innerProduct({ x }, { x })));
    expect(() => scaled(tf.tensor1d([1, 2]))).toThrow(/reads the numbers/);
  },
);

describe.each(['logSoftmax', 'logSigmoid'])("a user's operation with the name of %s", (name) => {
  test('has the gradient that the user gave it, which a number may decide', async () => {
    await useBackend('wasm');
    let factor = 1;
    const own = tf.op({
      [`${name}_`]: (x: tf.Tensor) =>
        tf.customGrad((y, save) => {
          const k = factor;
          (save as tf.GradSaveFunc)([y as tf.Tensor]);
          const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(tf.mul(k, dy), saved[0]!);
          return { value: tf.sum(tf.square(y as tf.Tensor)), gradFunc };
        })(x),
    });
    for (factor = 1; factor < 6; factor++) {
      const x = tf.tensor1d([1, 2, 3]);
      const { value, gradient } = valueAndGradient(({ x }) => own(x!) as tf.Scalar, { x });
      expect(value.dataSync()[0]).toBe(14);
      expect([...gradient.x!.dataSync()]).toEqual([factor, 2 * factor, 3 * factor]);
      tf.dispose([x, value, gradient]);
    }
  });
});

test('the gradient of log-softmax of TensorFlow.js itself has a program', async () => {
  await useBackend('wasm');
  const refused = tracedCounts().refused;
  const found = [1, 2, 3].map((scale) =>
    tf.tidy(() => {
      const x = tf.tensor2d([[scale, 2, -1]]);
      return valueAndGradient(
        ({ x }) => tf.sum(tf.mul(tf.logSoftmax(x!), [1, 2, 3])) as tf.Scalar,
        { x },
      ).gradient.x!.dataSync();
    }),
  );
  for (const gradient of found) {
    expect([...gradient].reduce((a, b) => a + b)).toBeCloseTo(0, 5);
  }
  expect(tracedCounts().refused).toBe(refused);
});
