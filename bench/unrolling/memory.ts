import * as tf from '@tensorflow/tfjs';
import { hessian, linearize, valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy, useBackend } from '../../lib/backends';
import { random } from '../../lib/datasets';
import { cg } from '../../lib/solvers';
import { mapTensors, type NamedTensors, tensors } from '../../lib/spaces';
import {
  gradientDescent,
  type LossProblem,
  type UnrolledOptions,
  unrolled,
} from '../../lib/unrolling';
import { printTable } from './table';

const RATE = 0.5;

/** Time and peak bytes of every way of differentiating, by the number of inner steps. */
export async function memoryTable(counts: number[]): Promise<void> {
  const { name, threads } = await useBackend('wasm', { threads: 1 });
  const { problem, w, λ, weights } = regression();
  const ways: [string, (T: number) => Partial<UnrolledOptions>][] = [
    ['reverse', () => ({})],
    ['√T', () => ({ checkpoint: 'sqrt' })],
    ['binomial, s = 8', () => ({ checkpoint: { snapshots: 8 } })],
    ['truncated, K = 10', () => ({ truncate: 10 })],
    ['forward, h = 4', () => ({ mode: 'forward' })],
  ];
  const rows = [];
  for (const T of counts) {
    for (const [way, options] of ways) {
      const how = unrolled({ method: gradientDescent(RATE), steps: T, ...options(T) });
      const started = performance.now();
      const { value, w: last, adjoint, stats } = await how.differentiate(problem, w, λ);
      rows.push(row(T, way, started, stats.gradients, stats.products, stats.peakBytes!, value));
      tensors.free([value, last, adjoint]);
    }
    rows.push(await implicitRow(T, problem, w, λ));
  }
  printTable(
    `Cost by T: softmax regression, ${weights} weights, 64 samples, h = 4, ${name} with ${threads} thread`,
    'Bytes: the most that tensors had in use between operations. dE/dλ₁ of implicit is that of the solution: the others come to it as T grows.',
    rows,
  );
}

function row(
  T: number,
  way: string,
  started: number,
  gradients: number,
  products: number,
  peakBytes: number,
  value: NamedTensors,
) {
  return {
    T,
    way,
    gradients,
    products,
    ms: Math.round(performance.now() - started),
    KiB: Math.round(peakBytes / 1024),
    'dE/dλ₁': value.decay!.dataSync()[0]!,
  };
}

/** T steps, then one solve with the Hessian and one product with the mixed derivative. */
async function implicitRow(T: number, problem: LossProblem, w0: NamedTensors, λ: NamedTensors) {
  const started = performance.now();
  const before = tf.memory().numBytes;
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, tf.memory().numBytes - before);
  };
  const gradientAt = (w: NamedTensors, λ: NamedTensors) =>
    valueAndGradient((x) => problem.inner(x, λ, 1), w).gradient;

  let w = mapTensors(w0, (value) => value.clone());
  for (let t = 0; t < T; t++) {
    const last = w;
    w = tf.tidy(() => {
      const gradient = gradientAt(last, λ);
      return mapTensors(last, (value, name) => tf.sub(value, tf.mul(RATE, gradient[name]!)));
    });
    look();
    tf.dispose(last);
  }
  const H = hessian((x) => problem.inner(x, λ, 1), w);
  const watched = {
    apply(v: NamedTensors) {
      look();
      return H.apply(v);
    },
    dispose: () => H.dispose(),
  };
  const outer = valueAndGradient((x) => problem.outer(x, λ), w);
  const solution = await cg({ tolerance: 1e-4, maxIterations: 200 }).solve(watched, outer.gradient);
  look();
  H.dispose();
  const mixed = linearize((x) => gradientAt(w, x), λ);
  look();
  const value = tf.tidy(() => mapTensors(mixed.vjp(solution.value), (v) => tf.neg(v)));
  mixed.dispose();
  const result = row(T, 'implicit', started, T, solution.iterations + 1, peak, value);
  tf.dispose([w, outer.value, outer.gradient, solution.value, value]);
  return result;
}

/** Softmax regression on data of its own kind, with a weight decay for every class and one for b. */
function regression() {
  const noise = random(4);
  const normals = (shape: number[], scale: number) => {
    const values = noise.normals(shape.reduce((a, b) => a * b, 1)).map((value) => scale * value);
    return tf.tensor(Float32Array.from(values), shape);
  };
  const truth = normals([40, 3], 0.5) as tf.Tensor2D;
  const sample = () => {
    const X = normals([64, 40], 1) as tf.Tensor2D;
    const scores = tf.tidy(() => tf.add(tf.matMul(X, truth), normals([64, 3], 1)));
    return { X, Y: tf.oneHot(tf.argMax(scores, 1), 3).toFloat() };
  };
  const [train, test] = [sample(), sample()];
  const w: NamedTensors = { W: normals([40, 3], 1), b: tf.zeros([3]) };
  const misfit = (w: NamedTensors, { X, Y }: { X: tf.Tensor2D; Y: tf.Tensor }) =>
    softmaxCrossEntropy(Y, tf.add(tf.matMul(X, w.W as tf.Tensor2D), w.b!) as tf.Tensor2D);
  const problem: LossProblem = {
    inner: (w, λ) =>
      tf.tidy(() => {
        const decay = tf.sum(tf.mul(tf.exp(λ.decay!), tf.sum(tf.square(w.W!), 0)));
        const rest = tf.mul(tf.exp(λ.bias!), tf.sum(tf.square(w.b!)));
        return tf.addN([misfit(w, train), decay, rest]) as tf.Scalar;
      }),
    outer: (w) => tf.tidy(() => misfit(w, test) as tf.Scalar),
  };
  const weights = Object.values(w).reduce((sum, { size }) => sum + size, 0);
  const λ: NamedTensors = { decay: tf.fill([3], -4), bias: tf.scalar(-4) };
  return { problem, w, λ, weights };
}
