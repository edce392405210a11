import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { compiled, hessian, valueAndGradient } from '../../autodiff';
import type { NamedTensors } from '../../spaces';
import { useBackend } from '..';

const list = (x: tf.Tensor) => [...x.dataSync()];

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  test('the derivative of |x| is 0 at 0: on an L1 penalty nothing moves from there', async () => {
    await useBackend(backend);
    const penalty = ({ w }: NamedTensors) => tf.sum(tf.abs(w!)) as tf.Scalar;
    tf.tidy(() => {
      const w = tf.tensor1d([0, -0, 3, -1e-30, -2]);
      const expected = [0, 0, 1, -1, -1];
      expect(list(tf.grad((x) => tf.sum(tf.abs(x)))(w)).map((s) => s + 0)).toEqual(expected);
      for (let i = 0; i < 3; i++) {
        expect(list(valueAndGradient(penalty, { w }).gradient.w!).map((s) => s + 0)).toEqual(
          expected,
        );
        const H = hessian(({ w }) => tf.square(penalty({ w: w! })), { w });
        expect(list(H.apply({ w: tf.ones([5]) }).w!).map((s) => s + 0)).toEqual(
          expected.map((s) => -2 * s + 0),
        );
        H.dispose();
      }
    });
  });

  /** The gradient and H·1 of a loss at x: of a compiled one, so that programs have come to it on wasm. */
  const derivativesOf = (f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor) => {
    const loss = compiled(({ x }: NamedTensors) => tf.sum(f(x!)) as tf.Scalar);
    const gradients = Array.from({ length: 3 }, () =>
      list(valueAndGradient(loss, { x }).gradient.x!),
    );
    const products = [
      (x: tf.Tensor) => {
        const H = hessian(loss, { x });
        const product = list(H.apply({ x: tf.onesLike(x) }).x!);
        H.dispose();
        return product;
      },
      (x: tf.Tensor) => list(tf.grad((y) => tf.sum(tf.grad((z) => tf.sum(f(z)))(y)))(x)),
    ].map((product) => product(x));
    gradients.push(list(tf.grad((z) => tf.sum(f(z)))(x)));
    return { gradients, products };
  };
  const expectAll = (lists: number[][], expected: number[]) => {
    for (const numbers of lists) {
      numbers.forEach((x, i) => {
        expect(Math.abs(x - expected[i]!)).toBeLessThanOrEqual(1e-5 * Math.abs(expected[i]!));
      });
    }
  };

  test('powers with whole exponents have derivatives at 0', async () => {
    await useBackend(backend);
    tf.tidy(() => {
      const x = tf.tensor1d([0, -0, 2, -2]);
      const cases: [number, number[], number[]][] = [
        [0, [0, 0, 0, 0], [0, 0, 0, 0]],
        [1, [1, 1, 1, 1], [0, 0, 0, 0]],
        [2, [0, 0, 4, -4], [2, 2, 2, 2]],
        [3, [0, 0, 12, 12], [0, 0, 12, -12]],
      ];
      for (const [exponent, slopes, curvatures] of cases) {
        const { gradients, products } = derivativesOf((x) => tf.pow(x, exponent), x);
        expectAll(gradients, slopes);
        expectAll(products, curvatures);
      }
      // The basis 1, x, x², x³ of a polynomial.
      const basis = derivativesOf((x) => tf.pow(x, tf.tensor1d([0, 1, 2, 3])), tf.scalar(0));
      expectAll(basis.gradients, [1]);
      expectAll(basis.products, [2]);
    });
  });

  test('the derivative of a power for its exponent has derivatives for a base of 0', async () => {
    await useBackend(backend);
    tf.tidy(() => {
      const [x, p] = [tf.tensor1d([0, 2]), tf.tensor1d([2, 3])];
      const slope = (x: tf.Tensor) => tf.grad((p) => tf.sum(tf.pow(x, p)))(p);
      expectAll([list(slope(x))], [0, 8 * Math.LN2]);
      // ∂/∂x of xᵖ log x is xᵖ⁻¹ (1 + p log x).
      expectAll([list(tf.grad((x) => tf.sum(slope(x)))(x))], [0, 4 * (1 + 3 * Math.LN2)]);
    });
  });

  test('selu has a second derivative where exp(x) is infinite', async () => {
    await useBackend(backend);
    tf.tidy(() => {
      const { SELU_SCALE, SELU_SCALEALPHA } = tf.backend_util;
      const below = SELU_SCALEALPHA * Math.exp(-1);
      const { gradients, products } = derivativesOf(tf.selu, tf.tensor1d([100, 1e30, 1, -1]));
      expectAll(gradients, [SELU_SCALE, SELU_SCALE, SELU_SCALE, below]);
      expectAll(products, [0, 0, 0, below]);
    });
  });

  test('quotients have derivatives at denominators whose squares float32 cannot hold', async () => {
    await useBackend(backend);
    tf.tidy(() => {
      for (const size of [1e25, 1, 1e-25]) {
        const x = tf.tensor1d([size, size]);
        // The first of the shares x / Σx: ∂ = [x₂, −x₁] / (Σx)².
        const share = (x: tf.Tensor) => tf.mul(tf.div(x, tf.sum(x)), tf.tensor1d([1, 0]));
        const { gradients } = derivativesOf(share, x);
        expectAll(gradients, [0.25 / size, -0.25 / size]);
        const quotient = tf.grads((a, b) => tf.sum(tf.div(a!, b!)))([
          tf.tensor2d([[size], [2 * size]]),
          tf.tensor1d([size, 2 * size]),
        ]);
        expectAll([list(quotient[0]!)], [1.5 / size, 1.5 / size]);
        expectAll([list(quotient[1]!)], [-3 / size, -0.75 / size]);
      }
    });
  });

  test('the loss of Huber has the curvature 1 where an error is 0', async () => {
    await useBackend(backend);
    tf.tidy(() => {
      const labels = tf.tensor1d([1, 0, 0, 0]);
      const at = tf.tensor1d([1, 0.5, 3, -3]);
      const { gradients, products } = derivativesOf((p) => tf.losses.huberLoss(labels, p), at);
      expectAll(gradients, [0, 0.125, 0.25, -0.25]);
      expectAll(products, [0.25, 0.25, 0, 0]);
      expectAll([list(tf.losses.huberLoss(labels, at))], [(0.125 + 2.5 + 2.5) / 4]);
      const wide = tf.losses.huberLoss(labels, at, undefined, 10, tf.Reduction.NONE);
      expectAll([list(wide)], [0, 0.125, 4.5, 4.5]);
    });
  });

  test('losses whose weights are all 0 are 0; others are means as before', async () => {
    await useBackend(backend);
    tf.tidy(() => {
      const { losses } = tf;
      const [y, p] = [tf.tensor1d([1, 0, 1]), tf.tensor1d([0.5, 0.25, 0.8])];
      const { MEAN, SUM_BY_NONZERO_WEIGHTS } = tf.Reduction;
      const cases: [string, (w: tf.Tensor, how: tf.Reduction) => tf.Tensor][] = [
        ['absolute', (w, how) => losses.absoluteDifference(y, p, w, how)],
        ['hinge', (w, how) => losses.hingeLoss(y, p, w, how)],
        ['Huber', (w, how) => losses.huberLoss(y, p, w, undefined, how)],
        ['log', (w, how) => losses.logLoss(y, p, w, undefined, how)],
        ['squares', (w, how) => losses.meanSquaredError(y, p, w, how)],
        ['sigmoid', (w, how) => losses.sigmoidCrossEntropy(y, p, w, undefined, how)],
        ['given', (w, how) => losses.computeWeightedLoss(p, w, how)],
      ];
      for (const [name, loss] of cases) {
        const each = list(loss(tf.ones([3]), tf.Reduction.NONE));
        const sum = each[0]! + 3 * each[2]!;
        for (const how of [MEAN, SUM_BY_NONZERO_WEIGHTS]) {
          expect(list(loss(tf.zeros([3]), how)), name).toEqual([0]);
          expectAll([list(loss(tf.tensor1d([1, 0, 3]), how))], [sum / (how === MEAN ? 4 : 2)]);
          expectAll(
            [list(loss(tf.scalar(2), how))],
            [(each.reduce((s, l) => s + l) * (how === MEAN ? 1 : 2)) / 3],
          );
        }
      }
      const slope = tf.grad((p) => losses.meanSquaredError(y, p, tf.zeros([3])))(p);
      expect(list(slope).map((s) => s + 0)).toEqual([0, 0, 0]);
    });
  });
});
