import {
  defaultDevice,
  grad,
  init,
  type Array as JaxArray,
  numpy as jnp,
  jvp,
  lax,
  nn,
} from '@jax-js/jax';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { softmaxCrossEntropy, useBackend } from '../backends';
import type { NamedTensors } from '../spaces';
import { hessian } from '.';
import { normal, numbers, oneHot } from './testing';

/**
 * A whole model written twice: for this library, and for jax-js, which shares no line with it.
 *
 * In jax-js an array is used up by the operation it goes into; `.ref` is one more use.
 */
interface Twin {
  name: string;
  shapes: Record<string, number[]>;
  input: number[];
  classes: number;
  ours(p: NamedTensors, input: tf.Tensor): tf.Tensor;
  theirs(p: Record<string, JaxArray>, input: JaxArray): JaxArray;
}

const affine = { W: [4, 5], b: [5], V: [5, 3], c: [3] };

/** Two dense layers with an activation between them. */
const dense = (
  name: string,
  ours: (z: tf.Tensor) => tf.Tensor,
  theirs: (z: JaxArray) => JaxArray,
): Twin => ({
  name: `two layers, ${name}`,
  shapes: affine,
  input: [6, 4],
  classes: 3,
  ours: ({ W, b, V, c }, X) => tf.add(tf.matMul(ours(tf.add(tf.matMul(X, W!), b!)), V!), c!),
  theirs: ({ W, b, V, c }, X) => jnp.matmul(theirs(jnp.matmul(X, W!).add(b!)), V!).add(c!),
});

const twins: Twin[] = [
  {
    name: 'logistic regression',
    shapes: { W: [4, 3], b: [3] },
    input: [6, 4],
    classes: 3,
    ours: ({ W, b }, X) => tf.add(tf.matMul(X, W!), b!),
    theirs: ({ W, b }, X) => jnp.matmul(X, W!).add(b!),
  },
  dense('relu', tf.relu, nn.relu),
  dense('tanh', tf.tanh, jnp.tanh),
  dense('sigmoid', tf.sigmoid, nn.sigmoid),
  dense('softplus', tf.softplus, nn.softplus),
  dense('elu', tf.elu, (z) => nn.elu(z)),
  {
    name: 'a recurrent network over 7 steps',
    shapes: { U: [2, 4], W: [4, 4], V: [4, 3] },
    input: [5, 7, 2],
    classes: 3,
    ours({ U, W, V }, X) {
      let h: tf.Tensor = tf.zeros([5, 4]);
      for (const x of tf.unstack(X, 1)) h = tf.tanh(tf.add(tf.matMul(x, U!), tf.matMul(h, W!)));
      return tf.matMul(h, V!);
    },
    theirs({ U, W, V }, X) {
      let h = jnp.zeros([5, 4]);
      for (let t = 0; t < 7; t++) {
        const x = X.ref.slice([], t);
        h = jnp.tanh(jnp.matmul(x, U!.ref).add(jnp.matmul(h, W!.ref)));
      }
      return jnp.matmul(h, V!);
    },
  },
  {
    name: 'a gated recurrent network over 4 steps',
    shapes: { U: [2, 4], W: [4, 4], F: [4, 4], V: [4, 3] },
    input: [5, 4, 2],
    classes: 3,
    ours({ U, W, F, V }, X) {
      let h: tf.Tensor = tf.zeros([5, 4]);
      for (const x of tf.unstack(X, 1)) {
        const driven = tf.matMul(x, U!);
        const gate = tf.sigmoid(tf.add(driven, tf.matMul(h, F!)));
        const fresh = tf.tanh(tf.add(driven, tf.matMul(h, W!)));
        h = tf.add(h, tf.mul(gate, tf.sub(fresh, h)));
      }
      return tf.matMul(h, V!);
    },
    theirs({ U, W, F, V }, X) {
      let h = jnp.zeros([5, 4]);
      for (let t = 0; t < 4; t++) {
        const driven = jnp.matmul(X.ref.slice([], t), U!.ref);
        const gate = nn.sigmoid(driven.ref.add(jnp.matmul(h.ref, F!.ref)));
        const fresh = jnp.tanh(driven.add(jnp.matmul(h.ref, W!.ref)));
        h = h.ref.add(gate.mul(fresh.sub(h)));
      }
      return jnp.matmul(h, V!);
    },
  },
  {
    name: 'a convolution and a dense layer',
    shapes: { K: [3, 3, 2, 3], W: [48, 3] },
    input: [4, 6, 6, 2],
    classes: 3,
    ours({ K, W }, X) {
      const a = tf.tanh(tf.conv2d(X as tf.Tensor4D, K as tf.Tensor4D, 1, 'valid'));
      return tf.matMul(tf.reshape(a, [4, 48]), W!);
    },
    theirs({ K, W }, X) {
      const images = jnp.transpose(X, [0, 3, 1, 2]);
      const z = lax.conv(images, jnp.transpose(K!, [3, 2, 0, 1]), [1, 1], 'VALID');
      return jnp.matmul(jnp.transpose(jnp.tanh(z), [0, 2, 3, 1]).reshape([4, 48]), W!);
    },
  },
  {
    name: 'attention with a normalized layer',
    shapes: { Q: [4, 4], K: [4, 4], V: [4, 3] },
    input: [6, 4],
    classes: 3,
    ours({ Q, K, V }, X) {
      const scores = tf.matMul(tf.matMul(X, Q!), tf.matMul(X, K!), false, true);
      const mixed = tf.matMul(tf.softmax(scores), X);
      const centred = tf.sub(mixed, tf.mean(mixed, 1, true));
      const spread = tf.sqrt(tf.add(tf.mean(tf.square(centred), 1, true), 0.1));
      return tf.matMul(tf.div(centred, spread), V!);
    },
    theirs({ Q, K, V }, X) {
      const keys = jnp.transpose(jnp.matmul(X.ref, K!));
      const scores = jnp.matmul(jnp.matmul(X.ref, Q!), keys);
      const mixed = jnp.matmul(nn.softmax(scores, -1), X);
      const centred = mixed.ref.sub(jnp.mean(mixed, 1, { keepdims: true }));
      const square = centred.ref.mul(centred.ref);
      const spread = jnp.sqrt(jnp.mean(square, 1, { keepdims: true }).add(0.1));
      return jnp.matmul(centred.div(spread), V!);
    },
  },
];

const toJax = (x: tf.Tensor) => jnp.array(x.arraySync() as number[]);
const toNumbers = (x: JaxArray): number[] => [...(x.dataSync() as Float32Array)];

beforeAll(async () => {
  await init('wasm');
  defaultDevice('wasm');
});

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend, { threads: 1 });
  });

  test.each(twins)(
    'jax-js agrees on loss, gradient and Hessian product: $name',
    ({ shapes, input, classes, ours, theirs }) => {
      const names = Object.keys(shapes);
      const point = Object.fromEntries(names.map((n, i) => [n, normal(shapes[n]!, 10 + i, 0.7)]));
      const v = Object.fromEntries(names.map((n, i) => [n, normal(shapes[n]!, 20 + i)]));
      const X = normal(input, 30);
      const Y = oneHot(input[0]!, classes);
      const H = hessian((p) => softmaxCrossEntropy(Y, ours(p, X)), point);

      const [XX, YY] = [toJax(X), toJax(Y)];
      const loss = (p: Record<string, JaxArray>) => {
        const logits = theirs(p, XX.ref);
        const rows = jnp.sum(nn.logSoftmax(logits, -1).mul(YY.ref), -1);
        return jnp.mean(rows).mul(-1);
      };
      const jaxed = (x: NamedTensors) =>
        Object.fromEntries(names.map((name) => [name, toJax(x[name]!)]));
      const [value, gradient, product] = [
        loss(jaxed(point)),
        ...jvp(grad(loss), [jaxed(point)], [jaxed(v)]),
      ] as [JaxArray, Record<string, JaxArray>, Record<string, JaxArray>];

      const close = (mine: number[], other: number[]) => {
        const size = Math.max(...other.map(Math.abs));
        mine.forEach((x, i) => {
          expect(Math.abs(x - other[i]!)).toBeLessThan(1e-4 * size);
        });
      };
      close(numbers(H.value), toNumbers(value));
      const Hv = H.apply(v);
      for (const name of names) {
        close(numbers(H.gradient[name]!), toNumbers(gradient[name]!));
        close(numbers(Hv[name]!), toNumbers(product[name]!));
      }
      H.dispose();
    },
  );
});
