import * as tf from '@tensorflow/tfjs';
import * as il from '..';
import { given, problem } from './values';

const numbers = Float64Array.of(1, 2);
const identity = { apply: (v: Float64Array) => v.slice(), dispose() {} };
const data = () => il.regressionData({ train: 4, features: 2, seed: 1 });
const quadratic = () => ({
  theta: Float64Array.of(1),
  hessian: ([θ]: Float64Array) => [Float64Array.of(1 + θ!, 0), Float64Array.of(0, 2)],
  linear: () => Float64Array.of(1, 1),
  dHessian: () => [[Float64Array.of(1, 0), Float64Array.of(0, 0)]],
});
const run = (w: tf.Tensor, l: tf.Tensor) => ({
  ...{ w: { w }, λ: { l }, how: il.implicit({ estimate: false }), steps: 1 },
  inner: { optimizer: il.gradientDescent(0.1), steps: 1 },
  outer: { optimizer: il.gradientDescent(0.1) },
});
const square = ({ w }: il.NamedTensors) => tf.sum(tf.square(given(w))) as tf.Scalar;
const line = () => il.tanhNetwork({ sizes: [1, 2, 1] });
const isOne = ({ value }: il.Jet) => ({ residual: value - 1, slopes: { value: 1 } });
const decay = (y: Float64Array) => y.map((v) => -v);

/**
 * Right arguments of functions, to be spoiled in one place: what is wrong deep inside is found by these.
 *
 * They are given two live vectors of two numbers; what else they make of tensors, the fuzz frees.
 */
export const recipes: Record<string, (w: tf.Tensor1D, l: tf.Tensor1D) => unknown[]> = {
  adam: () => [0.1, { beta1: 0.9, beta2: 0.99, epsilon: 1e-7 }],
  argmin: () => [
    (θ: tf.Tensor) => θ.clone(),
    (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, θ),
    { solver: il.cg(), onFailure: 'return' },
  ],
  argminAsync: () => [
    (θ: tf.Tensor) => θ.clone(),
    (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, θ),
    { solver: il.cg(), onFailure: 'return' },
  ],
  attach: (w) => [w, (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, θ), { solver: il.cg() }],
  augmentation: () => [{ transform: (x: tf.Tensor) => x, initial: () => ({ a: tf.scalar(1) }) }],
  backwardEuler: () => [decay, numbers, { to: 1, step: 0.25, maxSteps: 99 }],
  backwardEulerAsync: () => [decay, numbers, { to: 1, step: 0.25, maxSteps: 99 }],
  ball: () => [{ radius: 1 }],
  biasedRegularization: () => [{ strength: 1 }],
  bilevel: (w, l) => [problem, run(w, l)],
  bilevelLogistic: () => [
    il.classificationData({ train: 6, features: 2, seed: 1 }),
    { penalty: 'shared' },
  ],
  bilevelProblem: () => [(w: il.NamedTensors) => w.w, il.perWeightL2()],
  bilevelQuadratic: () => [{ eigenvalues: [1, 2], hyperparameters: 2, outerPenalty: 1, seed: 1 }],
  bilevelRidge: () => [data(), { penalty: 'shared' }],
  box: () => [{ lower: 0, upper: 1 }],
  burnIn: () => [il.gradientDescent(0.5), { mu: 0.5, L: 1 }, { jacobian: 1, gradient: 1 }],
  cg: () => [{ tolerance: 1e-3, maxIterations: 3, damping: 0.1, best: 'energy' }],
  cgNormal: () => [{ tolerance: 1e-3, maxIterations: 3 }],
  chooseDifferentiation: () => [
    { parameters: 3, hyperparameters: 2, steps: 4, converged: true, stronglyConvex: true },
  ],
  classificationData: () => [{ train: 4, features: 2, seed: 1 }],
  cnn: () => [{ filters: [2, 2], classes: 3 }],
  collocation: () => [line(), [{ points: [Float64Array.of(1)], equation: isOne, weight: 2 }]],
  costModel: () => [{ parameters: 3, hyperparameters: 2, steps: 4 }, { solverSteps: 3 }],
  decreasingTolerance: () => [{ first: 0.1, factor: 0.5 }],
  dense: () => [{ tolerance: 1e-3, damping: 0.1 }],
  distillation: () => [{ targets: [[1, 0]], shape: [2] }],
  eigenvalues: () => [identity, { largest: 1 }],
  equilibrium: () => [{ features: 3, hidden: 2, classes: 2, contraction: 0.5, steps: 2 }],
  fixedPoint: () => [{ maxIterations: 3 }],
  forwardEuler: () => [decay, numbers, { to: 1, step: 0.25, maxSteps: 99 }],
  forwardEulerAsync: () => [decay, numbers, { to: 1, step: 0.25, maxSteps: 99 }],
  gmres: () => [{ tolerance: 1e-3, maxIterations: 3, restart: 2 }],
  gradientDescent: () => [{ step: 0.1 }],
  heavyBall: () => [{ step: 0.1, momentum: 0.5 }],
  hessian: (w) => [square, { w }],
  hvp: (w, l) => [square, { w }, { w: l }],
  hypergradient: (w, l) => [
    problem,
    { w },
    { l },
    il.implicit({ estimate: false }),
    { start: { w: l } },
  ],
  implicit: () => [
    {
      solver: il.cg(),
      curvature: 'hessian',
      estimate: { mu: 1, products: 2 },
      onFailure: 'return',
    },
  ],
  implicitAdam: () => [0.1, { beta1: 0.9, beta2: 0.99, curvature: 'hessian' }],
  implicitGLM: () => [{ family: 'poisson', rate: () => 0.1 }],
  implicitSGD: () => [0.1, { curvature: 'hessian', solver: il.cg(), others: 'frozen' }],
  kkt: () => [{ objective: (x: tf.Tensor) => tf.sum(x), equality: (x: tf.Tensor) => x }],
  levenbergMarquardt: () => [
    il.collocation(line(), [{ points: [Float64Array.of(1)], equation: isOne }]),
    line().init(1),
    { initial: 1, solver: il.cg(), acceleration: 0.5, tolerance: 1e-6, maxIterations: 2 },
  ],
  linearize: (w) => [({ w }: il.NamedTensors) => tf.square(given(w)), { w }],
  logarithmic: () => [il.bilevelRidge(data())],
  logisticRegression: () => [
    { X: [numbers, Float64Array.of(0, 1)], y: Float64Array.of(0, 1), lambda: 0.1 },
  ],
  minres: () => [{ tolerance: 1e-3, maxIterations: 3 }],
  mlp: () => [{ sizes: [3, 2], activation: 'tanh' }],
  nesterov: () => [{ step: 0.1, momentum: 0.5 }],
  neumann: () => [{ terms: 3, scale: 0.5 }],
  onBatches: () => [problem, { inner: 1, outer: 2 }],
  perWeightL2: () => [{ initial: -4, names: ['w'] }],
  predictJacobianErrors: () => [il.gradientDescent(0.3), il.quadratic(quadratic()), 2],
  projectedStationarity: () => [(x: tf.Tensor) => tf.sum(x), il.box(), { step: 1 }],
  quadratic: () => [quadratic()],
  radau: () => [
    decay,
    numbers,
    { to: 1, relative: 1e-3, absolute: 1e-6, step: 0.1, maxStep: 0.5, stops: [0.5], maxSteps: 99 },
  ],
  radauAsync: () => [
    decay,
    numbers,
    { to: 1, relative: 1e-3, absolute: 1e-6, step: 0.1, maxStep: 0.5, stops: [0.5], maxSteps: 99 },
  ],
  recordGradient: (w) => [() => square({ w }), { w }, { curvature: 'hessian', block: ['w'] }],
  regressionData: () => [{ train: 4, features: 2, seed: 1, noise: 1 }],
  residualPolynomial: () => [il.gradientDescent(0.5), { mu: 0.5, L: 1 }, 3],
  ridgeRegression: () => [{ X: [numbers, Float64Array.of(0, 1)], y: numbers, lambda: 0.1 }],
  rnn: () => [{ features: 2, steps: 2, hidden: 2, classes: 2 }],
  sampleWeights: () => [{ count: 3 }],
  schedule: () => [0, 5, { snapshots: 2 }],
  simplex: () => [{ total: 1 }],
  sobolev: () => [{ alpha: 0.5, eta: 1 }],
  stepControl: () => [{ first: 1, grow: 1.1, shrink: 0.5 }],
  tanhNetwork: () => [{ sizes: [2, 3, 1] }],
  unroll: () => [
    il.gradientDescent(0.3),
    il.quadratic(quadratic()),
    { steps: 2, mode: 'forward', from: 0 },
  ],
  unrolled: () => [{ method: il.gradientDescent(0.1), steps: 3, mode: 'reverse', truncate: 2 }],
  valueAndGradient: (w) => [square, { w }],
  woodbury: () => [{ tolerance: 1e-3 }],
};
