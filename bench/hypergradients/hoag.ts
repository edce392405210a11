import {
  bilevel,
  bilevelLogistic,
  cg,
  classificationData,
  decreasingTolerance,
  dense,
  float64,
  gradientDescent,
  implicit,
  type KnownBilevel,
  logarithmic,
  PALETTE,
  stepControl,
} from './library';
import { keepResult } from './results';

const STEPS = 80;
const GOALS = [1e-2, 1e-4, 1e-6];

/**
 * Does it pay to be inexact? Logistic regression by the logarithm of one penalty, with inner problem
 * and linear system solved to 1e-10 in every outer step, or to tolerances that fall as .01 · .9ᵏ⁻¹ or
 * .01 / k²; both warm-started, with HOAG's step control. The cost is counted in inner gradients and
 * Hessian products.
 *
 * Peer: [Pedregosa 2016](https://arxiv.org/abs/1602.02355) (HOAG): the inexact way is faster at the same quality.
 */
export async function inexactTable(): Promise<void> {
  const data = classificationData({ train: 200, features: 20, condition: 10, seed: 6 });
  const problem = logarithmic(bilevelLogistic(data));
  const best = lowest(problem);
  const ways: [string, (k: number) => number][] = [
    ['exact (1e-10)', () => 1e-10],
    ['.01 · .9ᵏ⁻¹', decreasingTolerance({ first: 0.01 })],
    ['.01 / k²', (k) => 0.01 / k ** 2],
  ];
  const rows = [];
  const traces = [];
  const costs: number[] = [];
  for (const [i, [name, tolerance]] of ways.entries()) {
    const path = await descend(problem, tolerance, best);
    // The losses of inexact steps may fall below for a while by chance; what counts is that they stay.
    const reached = (goal: number) => {
      const last = path.map(({ above }) => above >= goal).lastIndexOf(true);
      return path[last + 1]?.cost;
    };
    costs.push(reached(1e-4) ?? Number.NaN);
    rows.push({
      tolerance: name,
      ...Object.fromEntries(
        GOALS.map((goal) => [`below ${goal.toExponential(0)}`, reached(goal) ?? 'not reached']),
      ),
    });
    traces.push({
      x: path.map(({ cost }) => cost / 1000),
      y: path.map(({ above }) => Math.max(above, 1e-12)),
      name,
      mode: 'lines',
      line: { color: PALETTE[i]! },
    });
  }
  await keepResult('inexact', {
    title: 'Inexact hypergradients reach the best penalty earlier',
    note: 'Gradients and products after which the validation loss stays so near to the best. Peer: inexact is faster.',
    rows,
    traces,
    layout: {
      xaxis: { title: 'inner gradients and Hessian products, in thousands', type: 'log' },
      yaxis: { title: 'validation loss above the best', type: 'log' },
    },
    words:
      `To stay within 1e-4 of the best validation loss the exact way needs ${costs[0]} gradients and ` +
      `products, the tolerances .01 · .9ᵏ⁻¹ ${costs[1]} and .01/k² ${costs[2]}.`,
  });
}

async function descend(problem: KnownBilevel, tolerance: (k: number) => number, best: number) {
  const first = 0;
  // 1/L with L ≤ ¼ Σ var + λ, and λ not above its first value by much.
  const rate = 1 / (0.25 * trace(problem) + 2 * Math.exp(first));
  const run = bilevel(problem, {
    w: new Float64Array(problem.weights),
    λ: Float64Array.of(first),
    inner: { optimizer: gradientDescent(rate), steps: 1e5 },
    outer: { optimizer: stepControl() },
    how: implicit({ solver: cg({ maxIterations: 200 }), estimate: false }),
    tolerance,
    steps: STEPS,
  });
  let cost = 0;
  const path: { cost: number; above: number }[] = [];
  for await (const { innerSteps, products } of run) {
    // One gradient more says that the tolerance is met.
    cost += innerSteps + 1 + products;
    const λ = run.λ;
    const above = problem.outer(settle(problem, run.w, λ), λ).value - best;
    path.push({ cost, above });
  }
  return path;
}

/** Variances of the features fall from 1 to .1; their sum bounds the largest eigenvalue of XᵀX/n. */
const trace = ({ weights }: KnownBilevel) =>
  Array.from({ length: weights }, (_, j) => 10 ** (-j / (weights - 1))).reduce(
    (sum, variance) => sum + variance,
    0,
  );

/** The inner solution near w, by Newton's steps. */
function settle(problem: KnownBilevel, w: Float64Array, λ: Float64Array): Float64Array {
  const newton = dense({ tolerance: 1e-10 });
  let x = w;
  for (let i = 0; i < 10; i++) {
    const { value } = newton.solveSync(problem.innerHessian(x, λ), problem.innerGradient(x, λ));
    x = float64.subtract(x, value);
  }
  return x;
}

/** The least outer loss over log λ, by golden section. */
function lowest(problem: KnownBilevel): number {
  let w: Float64Array = new Float64Array(problem.weights);
  const at = (x: number) => {
    const λ = Float64Array.of(x);
    w = settle(problem, w, λ);
    return problem.outer(w, λ).value;
  };
  let [low, high] = [-8, 2];
  const ratio = (Math.sqrt(5) - 1) / 2;
  while (high - low > 1e-6) {
    const [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
    if (at(a) < at(b)) high = b;
    else low = a;
  }
  return at((low + high) / 2);
}
