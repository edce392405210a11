import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { DisposedError, ShapeError } from '../errors';
import { type NamedTensors, tensors } from '../spaces';
import { type Curvature, markOutput, recordGradient } from '.';
import { direction, normal, numbers, oneHot, relativeError } from './testing';

const BATCH = 3;
type Kind = 'hessian' | 'gauss-newton';
const kinds: Kind[] = ['hessian', 'gauss-newton'];

interface Case {
  x: NamedTensors;
  loss(x: NamedTensors): tf.Scalar;
}

const dense = (sizes: number[]): NamedTensors =>
  Object.fromEntries(
    sizes.slice(1).flatMap((size, i) => [
      [`W${i + 1}`, normal([sizes[i]!, size], 10 + i, 0.5)],
      [`b${i + 1}`, normal([size], 20 + i)],
    ]),
  );

/** A network of dense layers 20-9-7-4 on three rows of data. */
function layers(activation: (z: tf.Tensor) => tf.Tensor, sizes = [20, 9, 7, 4]): Case {
  const data = normal([BATCH, sizes[0]!], 1);
  return {
    x: dense(sizes),
    loss: (x) => {
      let h: tf.Tensor = data;
      for (let i = 1; `W${i}` in x; i++) {
        if (i > 1) h = activation(h);
        h = tf.add(tf.matMul(h, x[`W${i}`]!), x[`b${i}`]!);
      }
      return softmaxCrossEntropy(oneHot(BATCH, sizes.at(-1)!), markOutput(h));
    },
  };
}

const sine = tf.customGrad((x, save) => {
  (save as tf.GradSaveFunc)([x as tf.Tensor]);
  return {
    value: tf.sin(x as tf.Tensor),
    gradFunc: (dy, [x]) => tf.mul(dy, tf.cos(x!)),
  };
});

/** The same with the products that layers use which have no activation. */
function fusedLayers(): Case {
  const { x } = layers(tf.tanh);
  const data = normal([BATCH, 20], 1) as tf.Tensor2D;
  const layer = (a: tf.Tensor, b: tf.Tensor, bias: tf.Tensor) =>
    tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias });
  return {
    x,
    loss: ({ W1, b1, W2, b2, W3, b3 }) => {
      const h = tf.tanh(layer(tf.tanh(layer(data, W1!, b1!)), W2!, b2!));
      return softmaxCrossEntropy(oneHot(BATCH, 4), markOutput(layer(h, W3!, b3!)));
    },
  };
}

const record = ({ x, loss }: Case, curvature: Kind, block = Object.keys(x)): Curvature =>
  recordGradient(() => loss(x), x, { curvature, block });

/** The parameters that have become fewer numbers. */
function reduced(C: Curvature, x: NamedTensors): string[] {
  const rows = C.rowSpace();
  if (rows === undefined) return [];
  return Object.keys(rows.gradient).filter((name) => rows.gradient[name]!.size < x[name]!.size);
}

const norm = (x: NamedTensors) => Math.sqrt(numbers(tensors.dot(x, x))[0]!);

/** Two inner products are the same, up to rounding of what they could be at most. */
const expectSame = (a: tf.Scalar, b: tf.Scalar, most: number) =>
  expect(Math.abs(numbers(a)[0]! - numbers(b)[0]!)).toBeLessThan(1e-6 * most);

const cases: Record<string, () => Case> = {
  relu: () => layers(tf.relu),
  tanh: () => layers(tf.tanh),
  // A custom gradient knows its derivative one way only.
  custom: () => layers(sine),
  fused: fusedLayers,
};

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(() => useBackend(backend, { threads: 1 }));

  it.each(Object.keys(cases).flatMap((name) => kinds.map((kind) => [name, kind] as const)))(
    'gradient, products and inner products of %s, %s, are the same in coordinates',
    (name, kind) => {
      const made = cases[name]!();
      const C = record(made, kind);
      const rows = C.rowSpace()!;
      expect(reduced(C, made.x)).toEqual(kind === 'hessian' ? ['W1'] : ['W1', 'W2', 'W3']);
      expect(relativeError(rows.expand(rows.gradient), C.gradient)).toBeLessThan(1e-6);

      const [σ, τ] = [direction(rows.gradient, 5), direction(rows.gradient, 50)];
      const [v, w] = [rows.expand(σ), rows.expand(τ)];
      expect(relativeError(rows.expand(rows.apply(σ)), C.apply(v))).toBeLessThan(2e-6);
      const { dot } = rows.space;
      expectSame(dot(σ, τ), tensors.dot(v, w), norm(v) * norm(w));
      expectSame(dot(σ, rows.apply(τ)), dot(rows.apply(σ), τ), norm(v) * norm(C.apply(w)));
      C.dispose();
    },
  );

  test('a block of a later layer has the rows of what goes into it', () => {
    const made = layers(tf.tanh);
    for (const kind of kinds) {
      const C = record(made, kind, ['W2', 'b3']);
      expect(reduced(C, made.x)).toEqual(['W2']);
      const rows = C.rowSpace()!;
      const σ = direction(rows.gradient, 5);
      const expected = C.apply(rows.expand(σ));
      expect(relativeError(rows.expand(rows.apply(σ)), expected)).toBeLessThan(2e-6);
      C.dispose();
    }
  });
});

describe('where a parameter is not met in the rows alone', () => {
  beforeAll(() => useBackend('cpu'));
  const data = normal([BATCH, 20], 1);
  const W = normal([20, 4], 2);
  const target = oneHot(BATCH, 4);
  const one = (loss: (W: tf.Tensor) => tf.Scalar): Case => ({
    x: { W },
    loss: ({ W }) => loss(W!),
  });
  const entropy = (z: tf.Tensor) => softmaxCrossEntropy(target, markOutput(z));
  const penalty = (W: tf.Tensor) => tf.mul(0.1, tf.sum(tf.square(W))) as tf.Scalar;

  const refused: Record<string, Case> = {
    'it has a penalty': one((W) => tf.add(entropy(tf.matMul(data, W)), penalty(W))),
    'its gradient has a constant too': one((W) =>
      tf.add(entropy(tf.matMul(data, W)), tf.mul(0.1, tf.sum(W))),
    ),
    'two products share it': one((W) =>
      entropy(tf.add(tf.matMul(data, W), tf.matMul(tf.square(data), W))),
    ),
    'it is squared first': one((W) => entropy(tf.matMul(data, tf.square(W)))),
    'it is transposed': {
      x: { W: normal([4, 20], 2) },
      loss: ({ W }) => entropy(tf.matMul(data, W!, false, true)),
    },
    'it is on the left': {
      x: { W: normal([4, 20], 2) },
      loss: ({ W }) => entropy(tf.transpose(tf.matMul(W!, data, false, true))),
    },
    'a batch of matrices has each its own rows': {
      x: { W: normal([2, 20, 4], 2) },
      loss: ({ W }) => {
        const z = tf.matMul(tf.stack([data, tf.square(data)]), W!);
        return entropy(tf.sum(z, 0));
      },
    },
    'the rows are not fewer': layers(tf.tanh, [4, 4, 4]),
  };
  it.each(Object.keys(refused).flatMap((name) => kinds.map((kind) => [name, kind] as const)))(
    'as when %s (%s), there is no row space',
    (name, kind) => {
      const C = record(refused[name]!, kind);
      expect(C.rowSpace()).toBeUndefined();
      C.dispose();
    },
  );
});

describe('what a row space holds', () => {
  beforeAll(() => useBackend('cpu'));

  test('goes with the curvature, and products leave nothing', () => {
    const made = layers(tf.tanh);
    for (const kind of kinds) {
      const before = tf.memory().numTensors;
      const C = record(made, kind);
      const rows = C.rowSpace()!;
      const multiply = () => tf.dispose([rows.apply(rows.gradient), rows.expand(rows.gradient)]);
      multiply();
      const held = tf.memory().numTensors;
      for (let i = 0; i < 20; i++) multiply();
      expect(tf.memory().numTensors).toBe(held);
      expect(C.rowSpace()).toBe(rows);
      C.dispose();
      expect(tf.memory().numTensors).toBe(before);
      expect(() => rows.apply(rows.gradient)).toThrow(DisposedError);
      expect(() => C.rowSpace()).toThrow(DisposedError);
    }
  });

  test('vectors of the parameters are refused as coordinates', () => {
    const made = layers(tf.tanh);
    const C = record(made, 'hessian');
    expect(() => C.rowSpace()!.apply(made.x)).toThrow(ShapeError);
    C.dispose();
  });

  test('inside an outer gradient it is a part of what is differentiated', () => {
    const made = layers(tf.tanh);
    // The derivative by s of ‖∇F(s x)‖², twice over: in coordinates, and as it is.
    const squared = (inRows: boolean) => (s: tf.Tensor) => {
      const x = Object.fromEntries(
        Object.entries(made.x).map(([name, value]) => [name, tf.mul(s, value)]),
      );
      const C = record({ ...made, x }, 'hessian');
      const rows = C.rowSpace()!;
      return inRows
        ? rows.space.dot(rows.gradient, rows.gradient)
        : tensors.dot(C.gradient, C.gradient);
    };
    const at = tf.scalar(0.7);
    const [a, b] = [true, false].map((inRows) => tf.grad(squared(inRows))(at));
    expect(Math.abs(numbers(b!)[0]!)).toBeGreaterThan(1e-3);
    expect(relativeError(a!, b!)).toBeLessThan(1e-5);
  });
});
