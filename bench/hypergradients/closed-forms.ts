import {
  bilevelLogistic,
  bilevelRidge,
  cg,
  classificationData,
  float64,
  hypergradient,
  implicit,
  type KnownBilevel,
  logarithmic,
  PALETTE,
  regressionData,
} from './library';
import { keepResult } from './results';

/**
 * Is the hypergradient the closed form, to 1e-8 in float64, and does the error estimate bound what is
 * left? Ridge and logistic regression, one penalty, one for each weight, and by their logarithms, at
 * the inner solution by CG of 1e-13; then with CG broken off and w moved away from the solution.
 *
 * Peer: JAXopt and hypertorch test to about 1e-4 against closed forms; neither estimates its error.
 */
export async function closedFormTable(): Promise<void> {
  const numbers = regressionData({ train: 100, features: 20, condition: 10, seed: 1 });
  const labels = classificationData({ train: 200, features: 20, condition: 10, seed: 2 });
  const problems: [string, KnownBilevel][] = [
    ['ridge, one penalty', bilevelRidge(numbers, { penalty: 'shared' })],
    ['ridge, 20 penalties', bilevelRidge(numbers)],
    ['ridge, 20 logarithms', logarithmic(bilevelRidge(numbers))],
    ['logistic, one penalty', bilevelLogistic(labels)],
    ['logistic, 20 penalties', bilevelLogistic(labels, { penalty: 'per-weight' })],
    ['logistic, 20 logarithms', logarithmic(bilevelLogistic(labels, { penalty: 'per-weight' }))],
  ];
  const rows = [];
  const clouds: Cloud[] = [];
  for (const [name, problem] of problems) {
    const λ = new Float64Array(problem.hyperparameters).fill(0.1);
    const truth = problem.hypergradient(λ);
    const solution = problem.solution(λ);
    const exact = await hypergradient(
      problem,
      solution,
      λ,
      implicit({ solver: cg({ tolerance: 1e-13 }) }),
    );
    const size = Math.hypot(...truth);
    const cloud = await inexact(problem, λ, name);
    const ratios = cloud.error.map((error, i) => cloud.bound[i]! / error).sort((a, b) => a - b);
    rows.push({
      problem: name,
      'relative error': distance(exact.value, truth) / size,
      'bound / error: least': ratios[0]!,
      median: ratios[Math.floor(ratios.length / 2)]!,
      largest: ratios[ratios.length - 1]!,
    });
    clouds.push(cloud);
  }
  const all = clouds.flatMap(({ error, bound }) => bound.map((b, i) => b / error[i]!));
  const close = all.filter((ratio) => ratio < 20).length;
  const everything = clouds.flatMap(({ error }) => error);
  const ends = [Math.min(...everything), Math.max(...everything)];
  await keepResult('closed-forms', {
    title: 'The error, and what the estimate says of it',
    note:
      'At the inner solution the hypergradient is the closed form to rounding. Of 48 inexact ones each (w ' +
      'off by 1e-6 … 1e-2, CG to 1e-6 … 1e-1) the estimate bounds the error: the least ratio is above 1.',
    rows,
    traces: [
      ...clouds.map(({ name, error, bound }, i) => ({
        x: error,
        y: bound,
        name,
        mode: 'markers',
        marker: { color: PALETTE[i]!, size: 5 },
      })),
      {
        x: ends,
        y: ends,
        name: 'error = estimate',
        mode: 'lines',
        line: { color: PALETTE[6]!, dash: 'dot' },
      },
    ],
    layout: {
      height: 520,
      xaxis: { title: 'true error', type: 'log' },
      yaxis: { title: 'estimated bound', type: 'log' },
    },
    words:
      `Estimated bound over true error of ${all.length} inexact hypergradients: the least ratio is ` +
      `${Math.min(...all).toFixed(2)}, so every point lies above the diagonal; ${close} are below 20.`,
  });
}

interface Cloud {
  name: string;
  error: number[];
  bound: number[];
}

async function inexact(problem: KnownBilevel, λ: Float64Array, name: string): Promise<Cloud> {
  const truth = problem.hypergradient(λ);
  const solution = problem.solution(λ);
  const cloud: Cloud = { name, error: [], bound: [] };
  for (const off of [0, 1e-6, 1e-4, 1e-2]) {
    for (const tolerance of [1e-6, 1e-4, 1e-2, 1e-1]) {
      for (const phase of [1, 2, 3]) {
        const w = solution.map((x, i) => x + off * Math.sin(phase * (i + 1)));
        const how = implicit({ solver: cg({ tolerance }) });
        const { value, stats } = await hypergradient(problem, w, λ, how);
        const error = distance(value, truth);
        // Below it is rounding that is compared.
        if (error < 1e-14) continue;
        cloud.error.push(error);
        cloud.bound.push(stats.error!.bound);
      }
    }
  }
  return cloud;
}

const distance = (a: Float64Array, b: Float64Array) => Math.hypot(...float64.subtract(a, b));
