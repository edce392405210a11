import * as tf from '@tensorflow/tfjs';
import { hessian, linearize, valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { random } from '../../lib/numbers';
import type { LossProblem } from '../../lib/problems';
import type { LinearSolver } from '../../lib/solvers';
import { mapTensors, type NamedTensors } from '../../lib/spaces';

/** The step of gradient descent on the inner problem. */
export const RATE = 0.5;

/** Softmax regression on data of its own kind, with a weight decay for every class and one for b. */
export function regression() {
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

/** T steps of gradient descent, then a solve with the Hessian and a product with the mixed derivative. */
export async function implicitly(
  T: number,
  solver: LinearSolver,
  problem: LossProblem,
  w0: NamedTensors,
  λ: NamedTensors,
) {
  const began = performance.now();
  const before = tf.memory().numBytes;
  let bytes = 0;
  const look = () => {
    bytes = Math.max(bytes, tf.memory().numBytes - before);
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
  const stepped = performance.now();
  const H = hessian((x) => problem.inner(x, λ, 1), w);
  const watched = {
    apply(v: NamedTensors) {
      look();
      return H.apply(v);
    },
    dispose: () => H.dispose(),
  };
  const outer = valueAndGradient((x) => problem.outer(x, λ), w);
  const solution = await solver.solve(watched, outer.gradient);
  look();
  H.dispose();
  const mixed = linearize((x) => gradientAt(w, x), λ);
  look();
  const value = tf.tidy(() => mapTensors(mixed.vjp(solution.value), (v) => tf.neg(v)));
  mixed.dispose();
  tf.dispose([w, outer.value, outer.gradient, solution.value]);
  return {
    value,
    products: solution.iterations + 1,
    bytes,
    stepsMs: stepped - began,
    solveMs: performance.now() - stepped,
  };
}
