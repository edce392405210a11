import {
  bilevelLogistic,
  cg,
  classificationData,
  decreasingTolerance,
  dense,
  float64,
  hypergradient,
  implicit,
  type KnownBilevel,
  logarithmic,
} from './library';
import { printTable } from './table';

const STEPS = 120;
const GOALS = [1e-2, 1e-4, 1e-6];
const RATE = 40;

/**
 * Does it pay to be inexact? Logistic regression by the logarithm of one penalty, with inner problem
 * and linear system solved to 1e-9 in every outer step, or to tolerances that fall as .1 · .9ᵏ⁻¹;
 * both warm-started. The cost is counted in inner gradients and Hessian products.
 *
 * Peer: Pedregosa 2016, §4 (HOAG): the inexact way is faster at the same quality.
 */
export async function inexactTable(): Promise<void> {
  const data = classificationData({ train: 200, features: 20, condition: 10, seed: 6 });
  const problem = logarithmic(bilevelLogistic(data));
  const best = lowest(problem);
  const falling = decreasingTolerance();
  const rows = [];
  for (const [name, tolerance] of [
    ['exact (1e-9)', () => 1e-9],
    ['decreasing', falling],
  ] as const) {
    const path = await descend(problem, tolerance, best + Math.min(...GOALS));
    for (const goal of GOALS) {
      const reached = path.find(({ value }) => value - best < goal);
      rows.push({
        tolerance: name,
        'loss above the best': goal.toExponential(0),
        'outer steps': reached?.step ?? 'not reached',
        'gradients and products': reached?.cost ?? 'not reached',
      });
    }
  }
  printTable('Inexact hypergradients (logistic, one penalty)', 'Peer: inexact is faster.', rows);
}

async function descend(problem: KnownBilevel, tolerance: (k: number) => number, enough: number) {
  let w: Float64Array = new Float64Array(problem.weights);
  let λ: Float64Array = Float64Array.of(2);
  let start: Float64Array | undefined;
  let cost = 0;
  const path: { step: number; cost: number; value: number }[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const epsilon = tolerance(step);
    // 1/L with L ≤ ¼ Σ var + λ.
    const rate = 1 / (0.25 * trace(problem) + Math.exp(λ[0]!));
    for (let t = 0; t < 1e5; t++) {
      const gradient = problem.innerGradient(w, λ);
      cost++;
      if (Math.hypot(...gradient) <= epsilon) break;
      w = float64.axpy(-rate, gradient, w);
    }
    const how = implicit({
      solver: cg({ tolerance: Math.min(epsilon, 0.5), maxIterations: 200 }),
      estimate: false,
    });
    const { value, adjoint, stats } = await hypergradient(
      problem,
      w,
      λ,
      how,
      start === undefined ? {} : { start },
    );
    cost += stats.products;
    start = adjoint;
    λ = float64.axpy(-RATE, value, λ);
    const loss = problem.outer(settle(problem, w, λ), λ).value;
    path.push({ step, cost, value: loss });
    if (loss < enough) break;
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
