import * as tf from '@tensorflow/tfjs';
import { useBackend } from '../../lib/backends';
import { random } from '../../lib/datasets';
import { type NamedTensors, tensors } from '../../lib/spaces';
import {
  adam,
  gradientDescent,
  heavyBall,
  type LossProblem,
  type Method,
  unrolled,
} from '../../lib/unrolling';
import { printTable } from './table';

const counts = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const LAST = 2000;

/** Does the burn-in appear beyond quadratics? The unrolled hypergradient of a network, by T. */
export async function networkTable(): Promise<void> {
  await useBackend('wasm', { threads: 1 });
  const list: [string, Method][] = [
    ['GD .5', gradientDescent(0.5)],
    ['momentum', heavyBall({ step: 0.1, momentum: 0.9 })],
    ['Adam .01, ε .001', adam(0.01, { epsilon: 1e-3 })],
  ];
  for (const scale of [0.3, 1.5]) {
    const { problem, w, λ } = network(scale);
    const rows = [];
    for (const [name, method] of list) {
      const final = await derivative(problem, w, λ, method, LAST);
      const errors = [];
      for (const T of counts) {
        const value = await derivative(problem, w, λ, method, T);
        errors.push([`T = ${T}`, Math.abs(value / final - 1)] as const);
      }
      rows.push({ method: name, ...Object.fromEntries(errors), final });
    }
    printTable(
      `A tanh network (4-6-1, weight decay e⁻⁴, first weights of size ${scale}): error of dE/dλ`,
      `Relative to the method's own value after ${LAST} steps. Without any steps the error is 1: above 1, unrolling is worse than nothing.`,
      rows,
    );
  }
}

async function derivative(
  problem: LossProblem,
  w: NamedTensors,
  λ: NamedTensors,
  method: Method,
  steps: number,
): Promise<number> {
  const how = unrolled({ method, steps, mode: 'forward' });
  const { value, w: last } = await how.differentiate(problem, w, λ);
  const [number] = await value.decay!.data();
  tensors.free([value, last]);
  return number!;
}

function network(scale: number) {
  const noise = random(9);
  const normals = (shape: number[], size: number) => {
    const count = shape.reduce((a, b) => a * b, 1);
    return tf.tensor(
      Float32Array.from(noise.normals(count), (value) => size * value),
      shape,
    );
  };
  const sample = () => {
    const X = normals([40, 4], 1) as tf.Tensor2D;
    const y = tf.tidy(() => tf.add(tf.sin(tf.sum(X, 1, true)), tf.mul(0.1, normals([40, 1], 1))));
    return { X, y };
  };
  const [train, test] = [sample(), sample()];
  const misfit = (w: NamedTensors, { X, y }: ReturnType<typeof sample>) => {
    const hidden = tf.tanh(tf.add(tf.matMul(X, w.W1 as tf.Tensor2D), w.b1!)) as tf.Tensor2D;
    return tf.mean(tf.square(tf.sub(tf.matMul(hidden, w.W2 as tf.Tensor2D), y)));
  };
  const problem: LossProblem = {
    inner: (w, λ) =>
      tf.tidy(() => {
        const squares = tf.addN(Object.values(w).map((value) => tf.sum(tf.square(value))));
        return tf.add(misfit(w, train), tf.mul(tf.exp(λ.decay!), squares)) as tf.Scalar;
      }),
    outer: (w) => tf.tidy(() => misfit(w, test) as tf.Scalar),
  };
  const w = { W1: normals([4, 6], scale), b1: normals([6], scale), W2: normals([6, 1], scale) };
  return { problem, w, λ: { decay: tf.scalar(-4) } };
}
