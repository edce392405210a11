import * as tf from '@tensorflow/tfjs';
import { mnist, subset, toTensors } from 'implicit-lab-course';
import { compiled, valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { bilevel, hypergradient, implicit } from '../../lib/hypergradients';
import { chebyshev, gradientDescent } from '../../lib/methods';
import { gram, random } from '../../lib/numbers';
import { quadratic } from '../../lib/problems';
import { cg, neumann } from '../../lib/solvers';
import { mapTensors, type NamedTensors } from '../../lib/spaces';
import { unroll, unrolled } from '../../lib/unrolling';
import { equilibriumGradient } from './equilibrium';
import { type Giving, oneHot } from './given';
import { BATCHES, gradientAndProducts, type Network, ofModels } from './gradients';
import { implicitSteps } from './implicit-step';
import { inFloat64 } from './in-float64';
import { softmaxRegression } from './softmax';
import type { Given, Workload, Workloads } from './workload';

export const settings = {
  w1: { rate: 1, steps: 100, terms: 10, scale: 1 },
  w3: { scale: 0.5 },
  w4: { steps: 20 },
  w6: { rate: 0.5, count: 10 },
  w7: { rate: 0.2, steps: 100 },
  unroll: { steps: 100, mu: 0, L: 0 },
  ...BATCHES,
};

export const NAMES = ['W1', 'b1', 'W2', 'b2'];

/** The workloads, with data and weights that are the same for all systems. */
export async function workloads(): Promise<Workloads & { networks: Network[] }> {
  const data: Record<string, Given> = {};
  const draw = random(7);
  const give = (name: string, shape: number[], values: ArrayLike<number>) => {
    // Rounded to float32, so that both precisions see the same numbers.
    data[name] = { shape, values: Float32Array.from(values) };
  };
  const tensor = (name: string) =>
    tf.tensor(Float32Array.from(data[name]!.values), data[name]!.shape);
  const named = (prefix: string, names: readonly string[]): NamedTensors =>
    Object.fromEntries(names.map((name) => [name, tensor(`${prefix}_${name}`)]));
  const tensorsOf = (prefix: string) => named(prefix, NAMES);
  const giveTensors = (prefix: string, x: NamedTensors) => {
    for (const [name, value] of Object.entries(x)) {
      give(`${prefix}_${name}`, value.shape, value.dataSync());
    }
  };
  const giving: Giving = { draw, give, tensor, tensorsOf: named, giveTensors };

  giveLogistic(give, draw);
  const logistic = logisticProblem(tensor);
  const w1 = () => ({ w: tensor('w1_w') });
  const λ1 = { λ: tensor('w1_lam') };
  const solution = await inner(logistic, w1(), λ1, 2000);
  give('w1_solution', [20], solution);

  const { X, Y, Xv, Yv } = digits();
  for (const [name, x] of Object.entries({ X, Y, Xv, Yv })) {
    give(`w3_${name}`, x.shape, x.dataSync());
  }
  const network = mlpProblem({ X, Y, Xv, Yv });
  const start = weights(draw, [784, 64, 10], 0.1);
  giveTensors('w7', start);
  const λ3 = mapTensors(start, ({ shape }) => tf.fill(shape, -6));
  giveTensors('w3_lam', λ3);
  giveTensors('w3', await trained(network, start, λ3));
  const w3 = tensorsOf('w3');

  giveTensors('net', weights(draw, [784, 200, 10], 0.05));
  giveTensors('net_v', weights(draw, [784, 200, 10], 1));
  give('net_X', [512, 784], draw.normals(512 * 784));
  give('net_Y', [512, 10], oneHot(512, 10));
  const net = tensorsOf('net');
  const v = tensorsOf('net_v');
  const batchOf = (n: number) => ({
    x: tf.slice(tensor('net_X'), [0, 0], [n, 784]),
    y: tf.slice(tensor('net_Y'), [0, 0], [n, 10]),
  });
  const lossOf = (n: number) => {
    const { x, y } = batchOf(n);
    return compiled((w: NamedTensors) => softmaxCrossEntropy(y, mlp(w, x, tf.relu)));
  };

  const theory = giveQuadratic(data, draw);
  const softmax = softmaxRegression(giving);
  const balance = equilibriumGradient(giving, settings.w4.steps);
  const networks = [
    ...[128, 512].map((n) => ({ name: `MLP ${n}`, loss: lossOf(n), w: net, v })),
    ...ofModels(giving),
  ];
  const small = batchOf(128);
  const { rate, steps, terms, scale } = settings.w1;
  const list: Workload[] = [
    {
      name: 'W1 inner steps, Neumann 10',
      async run() {
        const how = implicit({
          solver: neumann({ terms, scale }),
          estimate: false,
          diagnose: false,
        });
        const [w0, λ] = [w1(), { λ: tf.clone(λ1.λ) }];
        const run = bilevel(logistic, {
          w: w0,
          λ,
          inner: { optimizer: gradientDescent(rate), steps },
          // One step of length 1, whose length is the hypergradient.
          outer: { optimizer: gradientDescent(1) },
          how,
          steps: 1,
        });
        for await (const _ of run);
        const value = { λ: tf.tidy(() => tf.sub(λ1.λ, run.λ.λ!)) };
        run.dispose();
        tf.dispose([w0, λ]);
        return value;
      },
    },
    alone('W1 CG 20', logistic, { w: tensor('w1_solution') }, λ1, { cg: 20 }),
    ...[1, 6, 21].map((terms) =>
      alone(`W3 Neumann ${terms}`, network, w3, λ3, { terms, scale: settings.w3.scale }),
    ),
    ...[5, 20].map((count) => alone(`W3 CG ${count}`, network, w3, λ3, { cg: count })),
    alone('W2 CG 10', softmax.problem, softmax.w, softmax.λ, { cg: 10 }),
    balance,
    reverse('W7 logistic', logistic, w1(), λ1, { rate, steps }),
    reverse('W7 MLP', network, tensorsOf('w7'), λ3, settings.w7),
    ...implicitSteps(
      net,
      { predict: (w) => mlp(w, small.x, tf.relu), labels: small.y },
      settings.w6,
    ),
    ...networks.flatMap(gradientAndProducts),
    {
      name: 'unroll float64',
      async run() {
        const { jacobians } = unroll(chebyshev(), theory, { steps: settings.unroll.steps });
        const directions = jacobians[0]!.map((_, j) => jacobians.slice(1).map((each) => each[j]!));
        return directions.flat();
      },
    },
    ...inFloat64(giving, data),
  ];
  return { list, data, settings, networks };
}

export type Problem = ReturnType<typeof logisticProblem>;

interface Linear {
  terms?: number;
  scale?: number;
  cg?: number;
}

export function alone(
  name: string,
  problem: Problem,
  w: NamedTensors,
  λ: NamedTensors,
  { terms, scale, cg: count }: Linear,
): Workload {
  const solver =
    count === undefined
      ? neumann({ terms: terms!, scale: scale! })
      : cg({ tolerance: 0, maxIterations: count, best: 'energy' });
  const how = implicit({ solver, estimate: false, diagnose: false });
  return {
    name,
    async run() {
      const { value, adjoint } = await hypergradient(problem, w, λ, how);
      tf.dispose(adjoint);
      return value;
    },
  };
}

export function reverse(
  name: string,
  problem: Problem,
  w: NamedTensors,
  λ: NamedTensors,
  { rate, steps }: { rate: number; steps: number },
): Workload {
  const how = unrolled({ method: gradientDescent(rate), steps });
  return {
    name,
    async run() {
      const { value, w: last, adjoint } = await hypergradient(problem, w, λ, how);
      tf.dispose([last, adjoint!]);
      return value;
    },
  };
}

/** The weights after many inner steps. */
async function inner(problem: Problem, w: NamedTensors, λ: NamedTensors, steps: number) {
  let x = w;
  for (let t = 0; t < steps; t++) {
    const before = x;
    x = tf.tidy(() => {
      const { gradient } = valueAndGradient((w) => problem.inner(w, λ), before);
      return mapTensors(before, (value, name) => tf.sub(value, gradient[name]!));
    });
    tf.dispose(before);
  }
  return Object.values(x)[0]!.dataSync();
}

/** The weights after some hundred steps of Adam. */
async function trained(problem: Problem, start: NamedTensors, λ: NamedTensors) {
  const variables = Object.fromEntries(NAMES.map((name) => [name, tf.variable(start[name]!)]));
  const optimizer = tf.train.adam(1e-2);
  for (let t = 0; t < 400; t++) optimizer.minimize(() => problem.inner(variables, λ));
  return variables;
}

type Give = (name: string, shape: number[], values: ArrayLike<number>) => void;
type Draw = ReturnType<typeof random>;

function giveLogistic(give: Give, draw: Draw): void {
  const [n, d] = [500, 20];
  const truth = draw.normals(d);
  for (const part of ['', 'v']) {
    const X = draw.normals(n * d);
    const noise = draw.normals(n);
    const y = Float64Array.from({ length: n }, (_, i) => {
      let sum = noise[i]!;
      for (let j = 0; j < d; j++) sum += X[i * d + j]! * truth[j]!;
      return Math.sign(sum);
    });
    give(`w1_X${part}`, [n, d], X);
    give(`w1_y${part}`, [n], y);
  }
  give('w1_w', [d], new Float64Array(d));
  give('w1_lam', [d], new Float64Array(d).fill(-3));
}

export function logisticProblem(tensor: (name: string) => tf.Tensor) {
  const [X, y, Xv, yv] = ['X', 'y', 'Xv', 'yv'].map((name) => tensor(`w1_${name}`)) as [
    tf.Tensor2D,
    tf.Tensor1D,
    tf.Tensor2D,
    tf.Tensor1D,
  ];
  const loss = (w: tf.Tensor, X: tf.Tensor2D, y: tf.Tensor1D) =>
    tf.mean(tf.softplus(tf.neg(tf.mul(y, tf.dot(X, w)))));
  return {
    inner: compiled(({ w }: NamedTensors, { λ }: NamedTensors) => {
      const penalty = tf.mul(0.5, tf.sum(tf.mul(tf.exp(λ!), tf.mul(w!, w!))));
      return tf.add(loss(w!, X, y), penalty) as tf.Scalar;
    }),
    outer: compiled(({ w }: NamedTensors, _: NamedTensors) => loss(w!, Xv, yv) as tf.Scalar),
  };
}

export const mlp = (w: NamedTensors, x: tf.Tensor, activation: (x: tf.Tensor) => tf.Tensor) =>
  tf.add(tf.matMul(activation(tf.add(tf.matMul(x, w.W1!), w.b1!)), w.W2!), w.b2!);

export function mlpProblem({ X, Y, Xv, Yv }: Record<'X' | 'Y' | 'Xv' | 'Yv', tf.Tensor>): Problem {
  return {
    inner: compiled((w, λ) => {
      const penalties = NAMES.map((name) => tf.sum(tf.mul(tf.exp(λ[name]!), tf.square(w[name]!))));
      const penalty = tf.mul(0.5, tf.addN(penalties));
      return tf.add(softmaxCrossEntropy(Y, mlp(w, X, tf.tanh)), penalty) as tf.Scalar;
    }),
    outer: compiled((w) => softmaxCrossEntropy(Yv, mlp(w, Xv, tf.tanh))),
  };
}

function digits() {
  const data = mnist();
  const [train, validation] = [subset(data.train, 200, 1), subset(data.test, 200, 2)];
  const { x: X, y: Y } = toTensors(train);
  const { x: Xv, y: Yv } = toTensors(validation);
  return { X, Y, Xv, Yv };
}

function weights(draw: Draw, [inputs, hidden, outputs]: number[], deviation: number): NamedTensors {
  const normal = (shape: number[]) => {
    const values = draw.normals(shape.reduce((a, b) => a * b, 1));
    return tf.tensor(
      Float32Array.from(values, (x) => deviation * x),
      shape,
    );
  };
  return {
    W1: normal([inputs!, hidden!]),
    b1: normal([hidden!]),
    W2: normal([hidden!, outputs!]),
    b2: normal([outputs!]),
  };
}

/** A quadratic of 100 unknowns and 10 parameters, on which its Hessian and b depend linearly. */
function giveQuadratic(data: Record<string, Given>, draw: Draw) {
  const [n, m, h] = [100, 300, 10];
  const square = (rows: number) => gram(Array.from({ length: rows }, () => draw.normals(n)));
  const base = square(m);
  for (let i = 0; i < n; i++) base[i]![i]! += 0.1;
  const dH = Array.from({ length: h }, () => square(m));
  const db = Array.from({ length: h }, () => draw.normals(n));
  const b = draw.normals(n);
  const theta = new Float64Array(h);
  const problem = quadratic({
    theta,
    hessian: () => base,
    linear: () => b,
    dHessian: () => dH,
    dLinear: () => db,
  });
  Object.assign(settings.unroll, problem.spectrum);
  const flat = (rows: readonly Float64Array[]) =>
    Float64Array.from(rows.flatMap((row) => [...row]));
  Object.assign(data, {
    unroll_H: { shape: [n, n], values: flat(base) },
    unroll_dH: { shape: [h, n, n], values: flat(dH.flat()) },
    unroll_b: { shape: [n], values: b },
    unroll_db: { shape: [h, n], values: flat(db) },
    unroll_theta: { shape: [h], values: theta },
    unroll_x0: { shape: [n], values: new Float64Array(n) },
  });
  return problem;
}
