import {
  bilevelLogistic,
  cg,
  classificationData,
  float64,
  hypergradient,
  implicit,
  type LinearSolver,
  neumann,
  PALETTE,
} from './library';
import { keepResult } from './results';

const PRODUCTS = [1, 2, 4, 6, 8, 11, 16, 21];

/**
 * How close is a cheap hypergradient? Angle and distance to the exact one by the number of products,
 * Neumann series against conjugate gradients, with what the error estimate says.
 *
 * Peer: [Lorraine et al. 2020](https://arxiv.org/abs/1911.02590) (cosine and ℓ2 distance for 0, 1, 5, 20 terms and CG).
 */
export async function solverTable(): Promise<void> {
  const data = classificationData({ train: 500, features: 20, condition: 100, seed: 5 });
  const problem = bilevelLogistic(data, { penalty: 'per-weight' });
  const λ = new Float64Array(problem.hyperparameters).fill(1e-3);
  const w = problem.solution(λ);
  const truth = problem.hypergradient(λ);
  const rows: Record<string, number>[] = [];
  for (const products of PRODUCTS) {
    const row: Record<string, number> = { products };
    const solvers: [string, LinearSolver][] = [
      ['Neumann', neumann({ terms: products })],
      ['CG', cg({ maxIterations: products, tolerance: 1e-14, best: 'energy' })],
    ];
    for (const [name, solver] of solvers) {
      const { value, stats } = await hypergradient(problem, w, λ, implicit({ solver }));
      const [size, length] = [Math.hypot(...truth), Math.hypot(...value)];
      const distance = Math.hypot(...float64.subtract(value, truth));
      row[`${name}: 1 − cos`] = Math.max(0, 1 - float64.dot(value, truth) / (size * length));
      row[`${name}: distance`] = distance / size;
      row[`${name}: estimate`] = stats.error!.bound / size;
    }
    rows.push(row);
  }
  const last = rows[rows.length - 1]!;
  const line = (column: string, color: string, dash: string) => ({
    x: PRODUCTS,
    y: rows.map((row) => Math.max(row[column]!, 1e-15)),
    name: column,
    mode: 'lines+markers',
    line: { color, dash },
  });
  await keepResult('solvers', {
    title: 'Distance to the exact hypergradient, logistic regression',
    note: '20 penalties, in float64, relative to its length. The estimate stays above the distance for both.',
    rows,
    traces: [
      line('Neumann: distance', PALETTE[0]!, 'solid'),
      line('Neumann: estimate', PALETTE[0]!, 'dot'),
      line('CG: distance', PALETTE[1]!, 'solid'),
      line('CG: estimate', PALETTE[1]!, 'dot'),
    ],
    layout: {
      xaxis: { title: 'products with the Hessian' },
      yaxis: { title: 'distance / length', type: 'log' },
    },
    words:
      `After 21 products CG is ${last['CG: distance']!.toExponential(1)} of the length away from the closed ` +
      `form, the Neumann series ${last['Neumann: distance']!.toExponential(1)}; dotted, the estimates, all above.`,
  });
}
