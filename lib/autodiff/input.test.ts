import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../backends';
import { DisposedError, InputError, NotFiniteError, ShapeError, UnsupportedError } from '../errors';
import type { NamedTensors } from '../spaces';
import {
  gaussNewton,
  hessian,
  hvp,
  linearize,
  markOutput,
  recordGradient,
  valueAndGradient,
} from '.';
import { linearModel, numbers } from './testing';

const square = ({ x }: NamedTensors) => tf.sum(tf.square(x!)) as tf.Scalar;
const x = () => ({ x: tf.tensor1d([1, 2, 3]) });

beforeAll(async () => {
  await useBackend('cpu');
});

test('a bare tensor is asked for a name', () => {
  const point = tf.tensor1d([1, 2]) as unknown as NamedTensors;
  for (const f of [hessian, valueAndGradient]) {
    expect(() => f(square, point)).toThrow(InputError);
    expect(() => f(square, point)).toThrow(/a single tensor.*\{ x: tensor \}/);
  }
});

test('a loss that is not a scalar is refused', () => {
  const vector = ({ x }: NamedTensors) => tf.square(x!) as unknown as tf.Scalar;
  for (const f of [hessian, valueAndGradient]) expect(() => f(vector, x())).toThrow(ShapeError);
  expect(() => hessian(() => 3 as unknown as tf.Scalar, x())).toThrow(ShapeError);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('a loss of %s is refused, and freed', (bad) => {
  const broken = (p: NamedTensors) => tf.mul(square(p), bad) as tf.Scalar;
  const point = x();
  const before = tf.memory().numTensors;
  expect(() => hessian(broken, point)).toThrow(NotFiniteError);
  expect(() => valueAndGradient(broken, point)).toThrow(NotFiniteError);
  expect(() => hvp(broken, point, point)).toThrow(NotFiniteError);
  const model = { predict: ({ x }: NamedTensors) => x!, loss: (x: tf.Tensor) => broken({ x }) };
  expect(() => gaussNewton(model, point)).toThrow(NotFiniteError);
  expect(tf.memory().numTensors).toBe(before);
});

test('directions with wrong names, shapes or types are refused', () => {
  const H = hessian(square, x());
  expect(() => H.apply({})).toThrow(InputError);
  expect(() => H.apply({ y: tf.ones([3]) })).toThrow(/Leave out 'y', which is unknown/);
  expect(() => H.apply({ x: tf.ones([4]) })).toThrow(ShapeError);
  expect(() => H.apply({ x: tf.ones([3], 'int32') })).toThrow(InputError);
  const gone = tf.ones([3]);
  gone.dispose();
  expect(() => H.apply({ x: gone })).toThrow(DisposedError);
  const J = linearize(({ x }) => tf.square(x!), x());
  expect(() => J.vjp(tf.ones([4]))).toThrow(ShapeError);
  expect(() => J.vjp('u' as unknown as tf.Tensor)).toThrow(InputError);
  H.dispose();
  J.dispose();
});

test('points that are empty, of integers, disposed or repeated are refused', () => {
  expect(() => hessian(square, {})).toThrow(InputError);
  expect(() => hessian(square, { x: tf.ones([3], 'int32') })).toThrow(InputError);
  const one = tf.ones([3]);
  expect(() => linearize(square, { x: one, y: one })).toThrow(InputError);
  one.dispose();
  expect(() => linearize(square, { x: one })).toThrow(DisposedError);
});

test('unknown blocks and a missing cut are refused', () => {
  const variables = x();
  const f = () => square(variables);
  expect(() => recordGradient(f, variables, { block: ['y'] })).toThrow(InputError);
  expect(() => recordGradient(f, variables, { block: [] })).toThrow(InputError);
  expect(() => recordGradient(f, variables, { curvature: 'gauss-newton' })).toThrow(/cut/);
});

test('what does not depend on a tensor has the derivative zero, not an exception', () => {
  const point = { ...x(), idle: tf.ones([2, 2]) };
  const H = hessian(square, point);
  expect(numbers(H.gradient.idle!)).toEqual([0, 0, 0, 0]);
  expect(numbers(H.apply(point))).toEqual([2, 4, 6, 0, 0, 0, 0]);
  const linear = hessian(({ x }) => tf.sum(x!), x());
  expect(numbers(linear.apply(x()))).toEqual([0, 0, 0]);
  const constant = hessian(() => tf.scalar(3), x());
  expect(numbers(constant.gradient)).toEqual([0, 0, 0]);
  const J = linearize(({ idle }) => ({ a: tf.ones([2]), b: idle! }), point);
  expect(numbers(J.jvp(point))).toEqual([0, 0, 1, 1, 1, 1]);
  expect(numbers(J.vjp({ a: tf.ones([2]), b: tf.ones([2, 2]) }))).toEqual([0, 0, 0, 1, 1, 1, 1]);
});

test('tensors that a function closes over are constants, even those of the point', () => {
  const point = x();
  const proximal = (p: NamedTensors) => square({ x: tf.sub(p.x!, point.x) });
  expect(numbers(hvp(proximal, point, point))).toEqual([2, 4, 6]);
});

test('a penalty on the weights counts in full next to the cut', () => {
  const { x, predict, loss } = linearModel(1);
  const penalized = (x: NamedTensors, z: tf.Tensor) =>
    tf.add(loss(z), tf.sum(tf.pow(x.W!, 4))) as tf.Scalar;
  const G = recordGradient(() => penalized(x, markOutput(predict(x))), x, {
    curvature: 'gauss-newton',
  });
  const H = hessian((x) => penalized(x, predict(x)), x);
  const v = { W: tf.ones([4, 2]), b: tf.ones([2]) };
  const [Gv, Hv] = [numbers(G.apply(v)), numbers(H.apply(v))];
  expect(Gv).toEqual(Hv.map((value) => expect.closeTo(value, 3)));
  expect(numbers(G.gradient)).toEqual(numbers(H.gradient).map((g) => expect.closeTo(g, 3)));
});

test('a path through complex numbers is refused, not taken for a constant', () => {
  const spectrum = ({ x }: NamedTensors) =>
    tf.sum(tf.real(tf.spectral.fft(tf.complex(x!, tf.zerosLike(x!))))) as tf.Scalar;
  expect(() => valueAndGradient(spectrum, x())).toThrow(UnsupportedError);
});
