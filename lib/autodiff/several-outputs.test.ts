import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { mapTensors, type NamedTensors } from '../spaces';
import { functional, gaussNewton, hessian, linearize, valueAndGradient } from '.';
import { relativeError } from './testing';

beforeAll(() => useBackend('cpu'));

/** Two heads on one layer, of different sizes. */
function twoHeads() {
  const input = tf.input({ shape: [3] });
  const dense = (units: number, seed: number, activation?: 'tanh') =>
    tf.layers.dense({
      units,
      kernelInitializer: tf.initializers.glorotNormal({ seed }),
      ...(activation && { activation }),
    });
  const body = dense(4, 1, 'tanh').apply(input) as tf.SymbolicTensor;
  const outputs = [dense(2, 2), dense(1, 3)].map((head) => head.apply(body) as tf.SymbolicTensor);
  return tf.model({ inputs: input, outputs });
}

const { params, applyAll } = functional(twoHeads());
const x = tf.randomNormal([5, 3], 0, 1, 'float32', 4);
const predict = (w: NamedTensors) => applyAll(w, x);
/** Both outputs are coupled, so that the blocks between them count. */
const loss = ([z, s]: tf.Tensor[]): tf.Scalar =>
  tf.mean(tf.add(tf.exp(tf.mul(0.5, z!)), tf.square(tf.add(s!, z!))));
const direction = mapTensors(params, (w, name) =>
  tf.randomNormal(w.shape, 0, 1, 'float32', name.length),
);
const moved = (t: number) =>
  mapTensors(params, (w, name) => tf.add(w, tf.mul(t, direction[name]!)));
const difference = (f: (t: number) => NamedTensors, h: number): NamedTensors => {
  const [ahead, behind] = [f(h), f(-h)];
  return mapTensors(ahead, (y, name) => tf.div(tf.sub(y, behind[name]!), 2 * h));
};

it('the Hessian of a loss of several outputs agrees with a difference of gradients', () => {
  const composite = (w: NamedTensors) => loss(predict(w));
  const H = hessian(composite, params);
  const expected = difference((t) => valueAndGradient(composite, moved(t)).gradient, 1e-2);
  expect(relativeError(H.apply(direction), expected)).toBeLessThan(2e-3);
  H.dispose();
});

it('Gauss–Newton of several outputs is Jᵀ S J, with S across the outputs', () => {
  const G = gaussNewton({ predict, loss }, params);
  const list = (w: NamedTensors) => Object.fromEntries(predict(w).map((z, i) => [`z${i}`, z]));
  const J = linearize(list, params);
  const Jv = difference((t) => list(moved(t)), 1e-2);
  const at = list(params);
  const slopeAt = (t: number) =>
    valueAndGradient(
      (z) => loss(Object.values(z)),
      mapTensors(at, (z, name) => tf.add(z, tf.mul(t, Jv[name]!))),
    ).gradient;
  expect(relativeError(G.apply(direction), J.vjp(difference(slopeAt, 1e-2)))).toBeLessThan(2e-3);
  J.dispose();
  G.dispose();
});
