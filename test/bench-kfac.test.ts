import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { damped, drawClasses, factorsOf } from '../bench/descent/kfac';
import { gaussNewton } from '../lib/autodiff';
import { softmaxCrossEntropy, useBackend } from '../lib/backends';
import { mlp } from '../lib/models';
import { random } from '../lib/numbers';

beforeAll(async () => {
  await useBackend('cpu');
});

const numbers = (x: tf.Tensor) => [...x.dataSync()];
const network = { layers: 2, activate: (z: tf.Tensor2D) => tf.tanh(z) };
const model = mlp({ sizes: [3, 2, 3], activation: 'tanh' });

describe('K-FAC', () => {
  it('has the exact Fisher block of each layer for one example, in the mean over its labels', () => {
    const params = model.init(3);
    const x = tf.tensor2d([[0.7, -1.2, 0.4]]);
    const predict = (p: typeof params) => model.predict(p, x);
    const loss = (z: tf.Tensor) => softmaxCrossEntropy(tf.tensor2d([[0, 1, 0]]), z as tf.Tensor2D);
    // The Fisher matrix of a softmax is the Gauss–Newton matrix; for one example A does not depend on labels.
    const G = gaussNewton({ predict, loss }, params);
    const shares = numbers(tf.softmax(predict(params)));
    const each = shares.map((share, label) => {
      const y = tf.oneHot(tf.tensor1d([label], 'int32'), 3).toFloat() as tf.Tensor2D;
      return { share, factors: factorsOf(network, params, x, () => y, softmaxCrossEntropy) };
    });
    for (const l of [1, 2]) {
      const A = numbers(each[0]!.factors[l - 1]!.A);
      const S = each.reduce<number[]>(
        (sum, { share, factors }) =>
          numbers(factors[l - 1]!.S).map((value, i) => (sum[i] ?? 0) + share * value),
        [],
      );
      const [inputs, outputs] = params[`W${l}`]!.shape as [number, number];
      for (let i = 0; i < inputs; i++) {
        for (let o = 0; o < outputs; o++) {
          const e = Object.fromEntries(
            Object.entries(params).map(([name, value]) => [name, tf.zerosLike(value)]),
          );
          const unit = new Float32Array(inputs * outputs);
          unit[i * outputs + o] = 1;
          e[`W${l}`] = tf.tensor2d(unit, [inputs, outputs]);
          const column = numbers(G.apply(e)[`W${l}`]!);
          const expected = column.map((_, at) => {
            const [i2, o2] = [Math.floor(at / outputs), at % outputs];
            return A[i * (inputs + 1) + i2]! * S[o * outputs + o2]!;
          });
          column.forEach((value, at) => {
            expect(value).toBeCloseTo(expected[at]!, 5);
          });
        }
      }
    }
  });

  it('inverts damped factors', () => {
    const half = tf.tensor2d(Float32Array.from(random(1).normals(25)), [5, 5]);
    const M = tf.matMul(half, half, true) as tf.Tensor2D;
    const mean = numbers(tf.mul(M, tf.eye(5))).reduce((sum, value) => sum + value, 0) / 5;
    const { A, S } = damped(M, tf.mul(4, M) as tf.Tensor2D, 0.09);
    // π² = mean/(4 mean): π = ½, so c is 0.15 and 0.6.
    expect(mean).toBeGreaterThan(0);
    const eye = numbers(tf.eye(5));
    numbers(tf.matMul(A, tf.add(M, tf.mul(0.15, tf.eye(5))))).forEach((value, i) => {
      expect(value).toBeCloseTo(eye[i]!, 3);
    });
    numbers(tf.matMul(S, tf.add(tf.mul(4, M), tf.mul(0.6, tf.eye(5))))).forEach((value, i) => {
      expect(value).toBeCloseTo(eye[i]!, 3);
    });
  });

  it('draws labels as often as the softmax says', () => {
    const z = tf.tile(tf.tensor2d([[0, Math.log(3), Math.log(6)]]), [4000, 1]) as tf.Tensor2D;
    const shares = numbers(tf.mean(drawClasses(z, random(5)), 0));
    [0.1, 0.3, 0.6].forEach((share, i) => {
      expect(Math.abs(shares[i]! - share)).toBeLessThan(0.03);
    });
  });
});
