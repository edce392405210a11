import {
  bilevelLogistic,
  float64,
  hypergradient,
  implicit,
  type LinearData,
  neumann,
  random,
} from './library';
import { printTable } from './table';

const STEPS = 300;

/**
 * Logistic regression with a penalty for each of 20 weights: 500 + 500 samples whose labels are
 * the signs of a noisy linear model. 100 steps of gradient descent (.1) an outer step, 20 terms
 * of the Neumann series, outer momentum .99 with rate 1, penalties kept above 1e-8: the peer's
 * settings. Peer: anh-tong/hyper-opt, validation loss .576 at first, about .12 in the end.
 */
export async function logisticTable(): Promise<void> {
  const problem = bilevelLogistic(signs(7), { penalty: 'per-weight' });
  const how = implicit({ solver: neumann({ terms: 20, scale: 0.1 }), estimate: false });
  let w: Float64Array = random(8).normals(problem.weights);
  let λ: Float64Array = new Float64Array(problem.hyperparameters).fill(1);
  let velocity: Float64Array = new Float64Array(problem.hyperparameters);
  let start: Float64Array | undefined;
  const rows = [];
  for (let k = 0; k <= STEPS; k++) {
    for (let t = 0; t < 100; t++) w = float64.axpy(-0.1, problem.innerGradient(w, λ), w);
    const { value, adjoint, stats } = await hypergradient(
      problem,
      w,
      λ,
      how,
      start === undefined ? {} : { start },
    );
    if ([0, 10, 20, 50, 100, 200, 300].includes(k)) {
      rows.push({
        'outer step': k,
        'validation loss': problem.outer(w, λ).value,
        peer: k === 0 ? '.576' : k === STEPS ? '≈ .12' : '',
        'mean penalty': λ.reduce((sum, penalty) => sum + penalty / λ.length, 0),
        '‖∇f‖': stats.innerGradientNorm,
      });
    }
    start = adjoint;
    velocity = float64.axpy(0.99, velocity, value);
    λ = float64.axpy(-1, velocity, λ).map((penalty) => Math.max(penalty, 1e-8));
  }
  printTable(
    'Penalties of logistic regression (n = 500 + 500, d = 20)',
    'The data are almost separable, so the penalties go; with momentum .99 they come back and go again.',
    rows,
  );
}

function signs(seed: number): LinearData {
  const stream = random(seed);
  const weights = stream.normals(20);
  const samples = () => {
    const X = Array.from({ length: 500 }, () => stream.normals(20));
    const label = (x: Float64Array) =>
      float64.dot(x, weights) + 0.1 * stream.normal() > 0 ? 1 : 0;
    return { X, y: Float64Array.from(X, label) };
  };
  return { train: samples(), validation: samples(), weights };
}
