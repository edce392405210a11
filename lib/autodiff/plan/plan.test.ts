import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../backends';
import type { NamedTensors } from '../../spaces';
import { gaussNewton, hessian, hvp, linearize } from '..';
import { graph } from '../graph';
import { byGradients } from '../rules/reverse';
import { record } from '../tape';
import { differenceError, direction, normal, relativeError } from '../testing';
import { compile } from '.';

interface Case {
  x: NamedTensors;
  f(x: NamedTensors): tf.Tensor;
}

const [batch, features, hidden, steps] = [3, 2, 4, 5];
const inputs = () => Array.from({ length: steps }, (_, t) => normal([batch, features], 70 + t));
const weight = (seed: number, ...shape: number[]) => normal(shape, seed, 0.5);

/** A gated cell, unrolled: several matrices are used at each step, and two states handed on. */
const gated: Case = {
  x: {
    U: weight(1, features, 4 * hidden),
    W: weight(2, hidden, 4 * hidden),
    b: weight(3, 4 * hidden),
  },
  f({ U, W, b }) {
    let [h, c]: tf.Tensor[] = [tf.zeros([batch, hidden]), tf.zeros([batch, hidden])];
    for (const input of inputs()) {
      const z = tf.add(tf.add(tf.matMul(input, U!), tf.matMul(h!, W!)), b!);
      const [i, f, g, o] = tf.split(z, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      c = tf.add(tf.mul(tf.sigmoid(f), c!), tf.mul(tf.sigmoid(i), tf.tanh(g)));
      h = tf.mul(tf.sigmoid(o), tf.tanh(c));
    }
    return h!;
  },
};

/** A recurrence whose inputs are multiplied beforehand and split: `use` determines how they are used. */
function projected(
  use: (inputs: tf.Tensor[], W: tf.Tensor, h: tf.Tensor) => tf.Tensor,
): (x: NamedTensors) => tf.Tensor {
  return ({ U, W }) => {
    const driven = tf.matMul(tf.concat(inputs(), 0), U!);
    return use(tf.split(driven, steps, 0), W!, tf.ones([batch, hidden]));
  };
}

const recurrent = { U: weight(4, features, hidden), W: weight(5, hidden, hidden) };

const cases: [string, Case][] = [
  [
    'a recurrence whose inputs are split',
    {
      x: recurrent,
      f: projected((inputs, W, h) =>
        inputs.reduce((h, input) => tf.tanh(tf.add(input, tf.matMul(h, W))), h),
      ),
    },
  ],
  [
    'inputs that are split and used twice',
    {
      x: recurrent,
      f: projected((inputs, W, h) =>
        inputs.reduce(
          (h, input) => tf.tanh(tf.add(tf.mul(input, input), tf.add(input, tf.matMul(h, W)))),
          h,
        ),
      ),
    },
  ],
  [
    'inputs that are split, in reverse order, some with no product',
    {
      x: recurrent,
      f: projected((inputs, W, h) =>
        inputs
          .slice(1)
          .reverse()
          .reduce((h, input, t) => tf.tanh(t === 1 ? input : tf.add(input, tf.matMul(h, W))), h),
      ),
    },
  ],
  [
    'a matrix that is known after the inputs are split',
    {
      x: recurrent,
      f: ({ U, W }) => {
        const driven = tf.split(tf.matMul(tf.concat(inputs(), 0), U!), steps, 0);
        const late = tf.exp(W!);
        return driven.reduce(
          (h, input) => tf.tanh(tf.add(input, tf.matMul(h, late))),
          tf.ones([batch, hidden]) as tf.Tensor,
        );
      },
    },
  ],
  [
    'two states by one matrix in each step',
    {
      x: recurrent,
      f: projected((inputs, W, h) =>
        inputs.reduce((h, input) => {
          const both = tf.add(tf.matMul(h, W), tf.matMul(tf.sin(h), W));
          return tf.tanh(tf.add(input, both));
        }, h),
      ),
    },
  ],
  [
    'two sequences by one matrix',
    {
      x: recurrent,
      f: ({ U, W }) => {
        const run = (h: tf.Tensor, input: tf.Tensor) => tf.tanh(tf.add(input, tf.matMul(h, W!)));
        const [there, back] = [inputs(), inputs().reverse()].map((sequence) =>
          tf
            .split(tf.matMul(tf.concat(sequence, 0), U!), steps, 0)
            .reduce<tf.Tensor>(run, tf.ones([batch, hidden])),
        );
        return tf.add(there!, back!);
      },
    },
  ],
  ['a gated cell', gated],
  [
    'a weight used three times, once transposed',
    {
      x: { W: weight(6, hidden, hidden) },
      f({ W }) {
        const a = tf.tanh(tf.matMul(normal([batch, hidden], 80), W!));
        const b = tf.sin(tf.matMul(a, W!, false, true));
        return tf.add(tf.matMul(b, W!), tf.matMul(a, W!));
      },
    },
  ],
  [
    'a weight on the left, and sums of its products with signs',
    {
      x: { W: weight(7, hidden, hidden), y: weight(8, hidden, batch) },
      f({ W, y }) {
        const first = tf.matMul(W!, y!);
        const second = tf.matMul(W!, tf.tanh(y!), true);
        return tf.sub(tf.sub(first, second), tf.neg(tf.matMul(W!, tf.cos(first))));
      },
    },
  ],
  [
    'batches of different size by one weight',
    {
      x: { W: weight(9, features, hidden) },
      f: ({ W }) =>
        tf.concat(
          [1, 4, 2].map((rows) => tf.tanh(tf.matMul(normal([rows, features], 80 + rows), W!))),
          0,
        ),
    },
  ],
  [
    'a chain of functions, a square, and a difference of one and the same',
    {
      x: { a: weight(10, batch, hidden) },
      f({ a }) {
        const b = tf.neg(tf.exp(tf.sin(tf.mul(a!, a!))));
        return tf.sub(tf.mul(b, tf.sub(1, a!)), tf.add(b, tf.mul(b, b)));
      },
    },
  ],
];

const lossOf =
  ({ f }: Case) =>
  (x: NamedTensors) =>
    tf.mean(tf.square(tf.sub(f(x), 0.3))) as tf.Scalar;

/** The Hessian product as TensorFlow.js alone would compute it. */
function hessianTwice(loss: (x: NamedTensors) => tf.Scalar, x: NamedTensors, v: NamedTensors) {
  const names = Object.keys(x);
  const whole = (...values: tf.Tensor[]) =>
    loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])));
  const along = (...values: tf.Tensor[]) =>
    tf.addN(
      tf
        .grads(whole)(values)
        .map((g, i) => tf.sum(tf.mul(g, v[names[i]!]!))),
    ) as tf.Scalar;
  return tf.grads(along)(Object.values(x));
}

describe.each([
  { name: 'cpu', start: () => useBackend('cpu') },
  { name: 'wasm', start: () => useBackend('wasm', { threads: 1 }) },
  { name: 'wasm without BLAS', start: () => useBackend('wasm', { threads: 1, blas: false }) },
])('on $name', ({ start }) => {
  beforeAll(start);

  test.each(cases)('%s: the plan does what the operations’ gradients do', (_, { x, f }) => {
    const leaves = Object.values(x);
    const { result, tape } = record((tape) => {
      const y = f(x);
      return graph(tape.nodes, leaves, [y]);
    });
    const [planned, plain] = [compile(result, tape), byGradients(result, tape)];
    const tangents = Object.values(direction(x, 30));
    const cotangents = [normal(result.targets[0]!.shape, 40)];
    const check = (a: tf.Tensor[], b: tf.Tensor[]) =>
      expect(relativeError(a, b)).toBeLessThan(1e-5);
    check(planned.pushDense(tangents), plain.pushDense(tangents));
    check(planned.pullDense(cotangents), plain.pullDense(cotangents));
    tape.dispose();
  });

  test.each(cases)('%s: Hessian products are those of tf.grads, twice', (_, model) => {
    const { x } = model;
    const v = direction(x, 50);
    const H = hessian(lossOf(model), x);
    expect(relativeError(H.apply(v), hessianTwice(lossOf(model), x, v))).toBeLessThan(1e-4);
    H.dispose();
  });

  test.each(cases)('%s: products leave nothing, and dispose frees what was stacked', (_, model) => {
    const { x, f } = model;
    const v = direction(x, 60);
    const before = tf.memory();
    const H = hessian(lossOf(model), x);
    const G = gaussNewton({ predict: f, loss: (z) => tf.mean(tf.square(z)) }, x);
    const J = linearize(f, x);
    const multiply = () => {
      const u = J.jvp(v);
      tf.dispose([H.apply(v), G.apply(v), u, J.vjp(u)]);
    };
    multiply();
    const { numTensors, numDataBuffers, numBytes } = tf.memory();
    for (let i = 0; i < 100; i++) multiply();
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers, numBytes });
    for (const owner of [H, G, J]) owner.dispose();
    expect(tf.memory()).toEqual(before);
  });

  test('an outer gradient passes through the products of a recurrence', () => {
    const [, model] = cases[0]!;
    const { x } = model;
    const [v, w] = [direction(x, 51), direction(x, 52)];
    const along = (W: tf.Tensor) => {
      const product = hvp(lossOf(model), { ...x, W }, v);
      return tf.addN(Object.keys(product).map((name) => tf.sum(tf.mul(product[name]!, w[name]!))));
    };
    const slope = tf.sum(tf.mul(tf.grad(along)(x.W!), v.W!));
    const error = differenceError(slope, ({ W }) => along(W!), { W: x.W! }, { W: v.W! });
    expect(error).toBeLessThan(3e-3);
  });
});
