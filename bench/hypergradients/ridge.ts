import {
  bilevelRidge,
  cg,
  float64,
  gradientDescent,
  hypergradient,
  implicit,
  type KnownBilevel,
  neumann,
  PALETTE,
  regressionData,
  unrolled,
} from './library';
import { keepResult } from './results';

const PEER: Record<number, [number, number, number]> = {
  10: [0.154, 0.098, 0.04],
  20: [0.031, 0.016, 0.0073],
  40: [2e-3, 5e-4, 3e-4],
};
const SEEDS = [1, 2, 3, 4, 5];
const NAMES = ['unrolled', 'fixed point', 'CG'];
/** The penalty that gives gradient descent the contraction, about .84, that the peer's figures show. */
const PENALTY = 0.2;

/**
 * Relative error of the hypergradient after k inner steps and k linear iterations: unrolled, fixed
 * point, conjugate gradients. Ridge with 100 + 100 samples and 50 features, a mean over 5 seeds.
 *
 * Peer: [Grazzi et al. 2020](https://arxiv.org/abs/2006.16218) (their data are not published; the
 * contraction is matched, not the data).
 */
export async function ridgeTable(): Promise<void> {
  const steps = [2, 5, 10, 15, 20, 25, 30, 35, 40];
  const errors: number[][] = [];
  for (const k of steps) errors.push(await meanErrors(k));
  const at = (k: number) => errors[steps.indexOf(k)]!;
  const colours = [PALETTE[0]!, PALETTE[1]!, PALETTE[2]!];
  await keepResult('ridge', {
    title: 'Relative error of the hypergradient of ridge regression',
    note:
      'n = 100, d = 50, mean of 5 seeds. Unrolled > fixed point > CG at every k, as the peer has it; ' +
      'the implicit ones owe what is left to the inner steps.',
    rows: Object.entries(PEER).map(([k, [walked, fixed, conjugate]]) => {
      const [a, b, c] = at(Number(k)) as [number, number, number];
      return {
        k: Number(k),
        unrolled: a,
        'peer ': walked,
        'fixed point': b,
        'peer  ': fixed,
        CG: c,
        'peer   ': conjugate,
      };
    }),
    traces: NAMES.flatMap((name, i) => [
      {
        x: steps,
        y: errors.map((error) => error[i]!),
        name,
        mode: 'lines',
        line: { color: colours[i]! },
      },
      {
        x: Object.keys(PEER).map(Number),
        y: Object.values(PEER).map((peer) => peer[i]!),
        name: `${name}, Grazzi et al.`,
        mode: 'markers',
        marker: { color: colours[i]!, size: 10, symbol: 'circle-open' },
      },
    ]),
    layout: {
      xaxis: { title: 'k, inner steps and linear iterations' },
      yaxis: { title: 'relative error', type: 'log' },
    },
    words:
      `Relative errors fall geometrically with k. At k = 40: unrolled ${at(40)[0]!.toExponential(1)}, fixed point ` +
      `${at(40)[1]!.toExponential(1)}, CG ${at(40)[2]!.toExponential(1)}; published 2e-3, 5e-4, 3e-4.`,
  });
}

async function meanErrors(k: number): Promise<number[]> {
  const errors = [0, 0, 0];
  for (const seed of SEEDS) {
    const problem = bilevelRidge(regressionData({ train: 100, features: 50, seed }), {
      penalty: 'shared',
    });
    const found = await relativeErrors(problem, k);
    found.forEach((error, i) => {
      errors[i]! += error / SEEDS.length;
    });
  }
  return errors;
}

async function relativeErrors(problem: KnownBilevel, k: number): Promise<number[]> {
  const λ = Float64Array.of(PENALTY);
  const w0 = new Float64Array(problem.weights);
  // Eigenvalues of XᵀX/n for n = 2d lie near [(1 − √½)², (1 + √½)²].
  const step = 2 / ((1 - Math.SQRT1_2) ** 2 + (1 + Math.SQRT1_2) ** 2 + 2 * PENALTY);
  const truth = problem.hypergradient(λ);
  const walk = unrolled({ method: gradientDescent(step), steps: k });
  const { value, w } = await hypergradient(problem, w0, λ, walk);
  const values = [value];
  for (const solver of [
    neumann({ terms: k, scale: step }),
    cg({ maxIterations: k, tolerance: 1e-14 }),
  ]) {
    values.push((await hypergradient(problem, w, λ, implicit({ solver, estimate: false }))).value);
  }
  const size = Math.hypot(...truth);
  return values.map((value) => Math.hypot(...float64.subtract(value, truth)) / size);
}
