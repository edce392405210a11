import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../backends';
import { DisposedError } from '../errors';
import type { NamedTensors } from '../spaces';
import {
  gaussNewton,
  hvp,
  type Linearization,
  linearize,
  recordGradient,
  valueAndGradient,
} from '.';
import { differenceError, direction, mlp, numbers, relativeError } from './testing';

/** A cubic of one vector: every derivative is known. */
const cubic = ({ x }: NamedTensors) => tf.sum(tf.pow(x!, 3)) as tf.Scalar;
const at = [1, -2, 3];
const close = (values: number[]) => values.map((value) => expect.closeTo(value, 3));

beforeAll(async () => {
  await useBackend('cpu');
});

describe('inside tf.grad', () => {
  test('a gradient can be differentiated: ∂/∂x Σ (3x²) = 6x', () => {
    const slope = tf.grad((x) => tf.sum(valueAndGradient(cubic, { x }).gradient.x!));
    expect(numbers(slope(tf.tensor1d(at)))).toEqual(close(at.map((x) => 6 * x)));
  });

  test('a Hessian product can be differentiated, by x and by v', () => {
    const v = tf.tensor1d([1, 2, 3]);
    const product = (x: tf.Tensor, v: tf.Tensor) => tf.sum(hvp(cubic, { x }, { x: v }).x!);
    const [byX, byV] = tf.grads(product)([tf.tensor1d(at), v]);
    expect(numbers(byX!)).toEqual(close([6, 12, 18]));
    expect(numbers(byV!)).toEqual(close(at.map((x) => 6 * x)));
  });

  test('third derivatives of a network are the slopes of its Hessian products', () => {
    const { x, predict, loss } = mlp(tf.tanh, 3);
    const [v, w] = [direction(x, 4), direction(x, 5)];
    const along = (W1: tf.Tensor) => {
      const product = hvp((x) => loss(predict(x)), { ...x, W1 }, v);
      return tf.addN(Object.keys(product).map((name) => tf.sum(tf.mul(product[name]!, w[name]!))));
    };
    const slope = tf.sum(tf.mul(tf.grad(along)(x.W1!), v.W1!));
    const error = differenceError(slope, ({ W1 }) => along(W1!), { W1: x.W1! }, { W1: v.W1! });
    expect(error).toBeLessThan(3e-3);
  });

  test('a Jacobian recorded outside is a constant linear map', () => {
    const J = linearize(({ x }) => tf.square(x!), { x: tf.tensor1d(at) });
    const byV = tf.grad((v) => tf.sum(J.jvp({ x: v })))(tf.ones([3]));
    expect(numbers(byV)).toEqual(close(at.map((x) => 2 * x)));
    const u = J.jvp({ x: tf.ones([3]) });
    expect(numbers(u)).toEqual(close(at.map((x) => 2 * x)));
    J.dispose();
  });

  test('a linearization recorded inside ends with the gradient', () => {
    let J: Linearization<tf.Tensor> | undefined;
    tf.grad((x) => {
      J = linearize(({ x }) => tf.square(x!), { x });
      return tf.sum(J.value);
    })(tf.tensor1d(at));
    expect(() => J!.jvp({ x: tf.ones([3]) })).toThrow(DisposedError);
    J!.dispose();
  });

  test('a function that throws, and is caught, leaves nothing', () => {
    const x = tf.tensor1d(at);
    const broken = (p: NamedTensors): tf.Scalar => {
      if (cubic(p).rank === 0) throw new Error('broken');
      return cubic(p);
    };
    const before = tf.memory().numTensors;
    const slope = tf.grad((x) => {
      expect(() => hvp(broken, { x }, { x })).toThrow('broken');
      return cubic({ x });
    })(x);
    expect(numbers(slope)).toEqual(close(at.map((x) => 3 * x * x)));
    slope.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('nothing is left', () => {
    const x = tf.tensor1d(at);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 5; i++) tf.grad((x) => tf.sum(hvp(cubic, { x }, { x }).x!))(x).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('inside a tf.customGrad', () => {
  /** x ↦ its gradient under the cubic, with the Hessian as the derivative; both computed inside. */
  const gradientOf = tf.customGrad((x, save) => {
    const point = x as tf.Tensor;
    (save as unknown as (saved: tf.Tensor[]) => void)([point]);
    return {
      value: valueAndGradient(cubic, { x: point }).gradient.x!,
      gradFunc: (u, [x]) => hvp(cubic, { x: x! }, { x: u }).x!,
    };
  });

  test('its forward and its backward function may use derivatives of their own', () => {
    const x = tf.tensor1d(at);
    expect(numbers(gradientOf(x))).toEqual(close(at.map((x) => 3 * x * x)));
    const slope = tf.grad((x) => tf.sum(gradientOf(x)))(x);
    expect(numbers(slope)).toEqual(close(at.map((x) => 6 * x)));
  });

  test('the outer gradient goes on with its own tape', () => {
    const f = (x: tf.Tensor) => tf.sum(tf.mul(gradientOf(tf.square(x)), x));
    // 3 x⁴ · x
    const slope = tf.grad(f)(tf.tensor1d(at));
    expect(numbers(slope)).toEqual(close(at.map((x) => 15 * x ** 4)));
  });
});

describe('inside another recording', () => {
  test('a function may take a gradient of its own', () => {
    const J = linearize((p) => valueAndGradient(cubic, p).gradient.x!, { x: tf.tensor1d(at) });
    expect(numbers(J.jvp({ x: tf.ones([3]) }))).toEqual(close(at.map((x) => 6 * x)));
    J.dispose();
  });

  test('a Hessian of a function of Hessian products is right', () => {
    const v = { x: tf.tensor1d([1, 2, 3]) };
    // vᵀ ∇²f v = Σ 6 x v², so ½ (vᵀ∇²f v)² has the Hessian 36 v² (v²)ᵀ.
    const outer = (p: NamedTensors) =>
      tf.mul(0.5, tf.square(tf.sum(tf.mul(hvp(cubic, p, v).x!, v.x)))) as tf.Scalar;
    const product = hvp(outer, { x: tf.tensor1d(at) }, { x: tf.tensor1d([1, 0, 0]) });
    expect(numbers(product)).toEqual(close([1, 4, 9].map((square) => 36 * square)));
  });

  test('Gauss–Newton inside a recorded loss cuts where it was told to', () => {
    const G = (p: NamedTensors) =>
      gaussNewton({ predict: ({ x }) => tf.square(x!), loss: (z) => tf.sum(tf.square(z)) }, p);
    const outer = (p: NamedTensors) => tf.sum(G(p).apply({ x: tf.ones([3]) }).x!) as tf.Scalar;
    // Jᵀ H J = 2 (2x)², whose sum has the gradient 16 x.
    const { gradient } = valueAndGradient(outer, { x: tf.tensor1d(at) });
    expect(numbers(gradient)).toEqual(close(at.map((x) => 16 * x)));
  });
});

test('an optimizer may record inside a tidy, over variables, with one evaluation', () => {
  const { x, predict, loss } = mlp(tf.relu, 6);
  const variables = Object.fromEntries(
    Object.entries(x).map(([name, value]) => [name, tf.variable(value)]),
  );
  const v = direction(x, 7);
  let evaluations = 0;
  const products = tf.tidy(() => {
    const C = recordGradient(
      () => {
        evaluations++;
        return loss(predict(variables));
      },
      variables,
      { block: ['b1', 'W2'] },
    );
    const product = C.apply({ b1: v.b1!, W2: v.W2! });
    C.apply({ b1: v.b1!, W2: v.W2! });
    const gradient = Object.fromEntries(
      Object.entries(C.gradient).map(([name, value]) => [name, value.clone()]),
    );
    C.dispose();
    return { product, gradient };
  });
  expect(evaluations).toBe(1);
  expect(Object.keys(products.gradient)).toEqual(['W1', 'b1', 'W2', 'b2']);
  expect(Object.keys(products.product)).toEqual(['b1', 'W2']);
  const zeros = { W1: tf.zeros([5, 4]), b2: tf.zeros([3]) };
  const { b1, W2 } = hvp((x) => loss(predict(x)), x, { ...v, ...zeros });
  expect(relativeError(products.product, { b1: b1!, W2: W2! })).toBeLessThan(1e-5);
});
