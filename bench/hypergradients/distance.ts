import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropies } from '../../lib/backends';
import {
  bilevelProblem,
  cg,
  type Digits,
  dense,
  type ExampleLosses,
  type Examples,
  hypergradient,
  implicit,
  implicitSGD,
  type LinearSolver,
  type LossProblem,
  markOutput,
  mlp,
  mnist,
  type NamedTensors,
  neumann,
  onBatches,
  oneHot,
  PALETTE,
  perWeightL2,
  subset,
} from './library';
import { keepResult } from './results';

const PRODUCTS = [1, 2, 6, 11, 21, 41, 81, 161, 321];

/**
 * How close is a cheap hypergradient of a network? Cosine and ℓ2 distance to the exact one by the number
 * of products, Neumann series against conjugate gradients, Hessian against Gauss–Newton.
 *
 * 100 + 100 digits of MNIST at 7 × 7 pixels, 5 hidden units (tanh), a penalty for each of 310 weights
 * from exp(−5), trained to rest; the exact one by Cholesky's factorization of the whole Hessian.
 *
 * Peer: [Lorraine et al. 2020](https://arxiv.org/abs/1911.02590), cosine and ℓ2 distance for 0, 1, 5
 * and 20 further terms and CG: more terms are closer, and 20 are close enough.
 */
export async function distanceTable(): Promise<void> {
  const digits = subset(mnist().train, 200, 3);
  const [inner, outer] = [small(digits, 0), small(digits, 100)];
  const model = mlp({ sizes: [49, 5, 10], activation: 'tanh' });
  const losses: ExampleLosses = (w, { x, y }) =>
    softmaxCrossEntropies(y, markOutput(model.predict(w, x))) as tf.Tensor1D;
  const kind = perWeightL2({ initial: -5 });
  const problem = onBatches(bilevelProblem(losses, kind), { inner, outer });
  const w = model.init(2);
  const λ = kind.initial(w);
  const solution = await settle(problem, w, λ);
  const exact = await hypergradient(problem, solution, λ, implicit({ solver: dense() }));
  const truth = numbers(exact.value);
  const newton = implicit({ solver: dense(), curvature: 'gauss-newton', estimate: false });
  const limit = apart(numbers((await hypergradient(problem, solution, λ, newton)).value), truth);

  const ways: [string, (products: number) => LinearSolver, 'hessian' | 'gauss-newton'][] = [
    ['Neumann, Hessian', (terms) => neumann({ terms }), 'hessian'],
    ['Neumann, Gauss–Newton', (terms) => neumann({ terms }), 'gauss-newton'],
    [
      'CG, Hessian',
      (maxIterations) => cg({ maxIterations, tolerance: 1e-7, best: 'energy' }),
      'hessian',
    ],
    [
      'CG, Gauss–Newton',
      (maxIterations) => cg({ maxIterations, tolerance: 1e-7, best: 'energy' }),
      'gauss-newton',
    ],
  ];
  const rows: Record<string, number>[] = [];
  for (const products of PRODUCTS) {
    const row: Record<string, number> = { products };
    for (const [name, solver, curvature] of ways) {
      const how = implicit({ solver: solver(products), curvature, estimate: false });
      const { cosine, distance } = apart(
        numbers((await hypergradient(problem, solution, λ, how)).value),
        truth,
      );
      row[`${name}: cos`] = cosine;
      row[`${name}: ℓ2`] = distance;
    }
    rows.push(row);
  }
  const last = rows[rows.length - 1]!;
  const colours = [PALETTE[0]!, PALETTE[5]!, PALETTE[1]!, PALETTE[4]!];
  await keepResult('distance', {
    title: 'Distance to the exact hypergradient of a network',
    note:
      `‖∇f‖ = ${exact.stats.innerGradientNorm.toExponential(1)} at w, μ ≈ ${exact.stats.error!.constants.mu.toExponential(1)}. Gauss–Newton solved exactly has the ` +
      `cosine ${limit.cosine.toFixed(3)} and the distance ${limit.distance.toFixed(3)}, and gets no nearer.`,
    rows,
    traces: ways.map(([name], i) => ({
      x: PRODUCTS,
      y: rows.map((row) => row[`${name}: ℓ2`]!),
      name,
      mode: 'lines+markers',
      line: { color: colours[i]!, ...(i % 2 === 1 && { dash: 'dot' }) },
    })),
    layout: {
      xaxis: { title: 'products with the matrix', type: 'log' },
      yaxis: { title: 'ℓ2 distance / length of the exact one', type: 'log' },
    },
    words:
      `By 321 products CG with the Hessian is ${last['CG, Hessian: ℓ2']!.toExponential(1)} of the length away from ` +
      `the exact hypergradient, the Neumann series ${last['Neumann, Hessian: ℓ2']!.toExponential(1)}; with Gauss–Newton ` +
      `both stop at about ${limit.distance.toFixed(2)}, cosine ${limit.cosine.toFixed(3)}.`,
  });
}

/** A solution to rounding, by damped Newton steps. */
async function settle(problem: LossProblem, start: NamedTensors, λ: NamedTensors) {
  const w = Object.fromEntries(
    Object.entries(start).map(([name, x]) => [name, tf.variable(x)]),
  ) as Record<string, tf.Variable>;
  const variables = Object.values(w);
  const f = () => problem.inner(w, λ, 1);
  const adam = tf.train.adam(0.01);
  for (let t = 0; t < 3000; t++) adam.minimize(f, false, variables);
  const newton = implicitSGD(1e3, { solver: cg({ maxIterations: 300, tolerance: 1e-6 }) });
  for (let t = 0; t < 20; t++) newton.minimize(f, false, variables);
  return w as NamedTensors;
}

/** Half of some digits, each 4 × 4 pixels as one. */
function small({ images, labels }: Digits, from: number): Examples {
  const rows = Array.from({ length: 100 }, (_, i) => {
    const row = new Float32Array(49);
    for (let pixel = 0; pixel < 784; pixel++) {
      const at = 7 * Math.floor(pixel / 112) + Math.floor((pixel % 28) / 4);
      row[at]! += images[784 * (from + i) + pixel]! / 16;
    }
    return [...row];
  });
  return {
    x: tf.tensor2d(rows),
    y: tf.tensor2d(oneHot(labels.slice(from, from + 100)), [100, 10]),
  };
}

const numbers = (x: NamedTensors) => Object.values(x).flatMap((value) => [...value.dataSync()]);

function apart(value: number[], truth: number[]): { cosine: number; distance: number } {
  const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const size = Math.sqrt(dot(truth, truth));
  const difference = value.map((x, i) => x - truth[i]!);
  return {
    cosine: dot(value, truth) / (size * Math.sqrt(dot(value, value))),
    distance: Math.sqrt(dot(difference, difference)) / size,
  };
}
