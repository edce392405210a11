import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { leaveOutWithoutPrograms } from '../../../test/needs';
import { useBackend } from '../../backends';
import { type Curvature, hessian } from '..';
import { normal, relativeError } from '../testing';
import { freePrograms, tracedCounts } from '.';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));

const X = () => normal([7, 3], 1);
const loss = ({ W, V }: tf.NamedTensorMap) =>
  tf.sum(tf.square(tf.matMul(tf.tanh(tf.matMul(X(), W!)), V!))) as tf.Scalar;
const shapes = { W: [3, 4], V: [4, 2] };
const vectors = (seed: number) =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => [name, normal(shape, seed + i)]),
  );

it('a product by a program can be differentiated with respect to its direction, and is there afterwards', () => {
  tf.engine().startScope();
  const [x, v, u] = [vectors(10), vectors(20), vectors(30)];
  const slopeBy = (H: Curvature) =>
    tf.grad((V) => {
      const product = H.apply({ ...v, V });
      const terms = Object.keys(x).map((name) => tf.sum(tf.mul(product[name]!, u[name]!)));
      return tf.addN(terms) as tf.Scalar;
    })(v.V!);
  for (let i = 0; i < 2; i++) hessian(loss, x).dispose();
  const { hits } = tracedCounts();
  const H = hessian(loss, x);
  expect(tracedCounts().hits).toBe(hits + 1);
  const wanted = H.apply(u).V!;
  for (let i = 0; i < 2; i++) expect(relativeError(slopeBy(H), wanted)).toBeLessThan(1e-5);
  expect(relativeError(H.apply(u).V!, wanted)).toBe(0);
  H.dispose();
  tf.engine().endScope();
  freePrograms();
});

it('leaves no tensor of what was recorded for it', () => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const [x, v] = [vectors(10), vectors(20)];
    for (let i = 0; i < 3; i++) {
      const H = hessian(loss, x);
      tf.grad((V) => tf.sum(H.apply({ ...v, V }).W!))(v.V!);
      H.dispose();
    }
  });
  freePrograms();
  expect(tf.memory().numTensors).toBe(before);
});
