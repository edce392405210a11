import { useBackend } from '../../lib/backends';
import { gradientDescent } from '../../lib/methods';
import { cg, type LinearSolver, neumann } from '../../lib/solvers';
import { type NamedTensors, tensors } from '../../lib/spaces';
import { unrolled } from '../../lib/unrolling';
import { implicitly, RATE, regression } from './regression';
import { printTable } from './table';

/**
 * Unrolled against implicit, at equal counts: k steps forward and k back, against k steps forward and k steps of a
 * linear solve. What it costs, and how good the hypergradient is.
 */
export async function bargainTable(counts: number[]): Promise<void> {
  const { name, threads } = await useBackend('wasm', { threads: 1 });
  const { problem, w, λ } = regression();
  const solved = cg({ tolerance: 1e-6, maxIterations: 200 });
  const { value: truth } = await implicitly(3000, solved, problem, w, λ);
  const error = (value: NamedTensors) => {
    const [a, b] = [flat(value), flat(truth)];
    return Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...b);
  };

  const rows = [];
  for (const k of counts) {
    const began = performance.now();
    const how = unrolled({ method: gradientDescent(RATE), steps: k });
    const result = await how.differentiate(problem, w, λ);
    const total = performance.now() - began;
    const ways: [string, LinearSolver][] = [
      ['k of gradient descent on it', neumann({ terms: k, scale: RATE })],
      ['at most k of CG', cg({ tolerance: 1e-5, maxIterations: k })],
    ];
    const implicits = [];
    for (const [way, solver] of ways) {
      const { value, products, bytes, stepsMs, solveMs } = await implicitly(
        k,
        solver,
        problem,
        w,
        λ,
      );
      implicits.push(row(k, way, products, stepsMs, solveMs, bytes, error(value)));
      tensors.free(value);
    }
    const steps = implicits[0]!['k steps (ms)'];
    const { stats, value, w: last, adjoint } = result;
    rows.push(
      row(k, 'k back', stats.products, steps, total - steps, stats.peakBytes!, error(value)),
      ...implicits,
    );
    tensors.free([value, last, adjoint]);
  }
  tensors.free(truth);
  printTable(
    `k steps forward and k back, or k steps and a linear solve: softmax regression, ${name} with ${threads} thread`,
    'The second half: products, time and the most bytes in use. What recording adds to the steps is counted with the way back. Error: of dE/dλ, relative to the solution.',
    rows,
  );
}

function row(
  k: number,
  half: string,
  products: number,
  stepsMs: number,
  halfMs: number,
  bytes: number,
  error: number,
) {
  return {
    k,
    'second half': half,
    products,
    'k steps (ms)': Math.round(stepsMs),
    'second half (ms)': Math.round(halfMs),
    KiB: Math.round(bytes / 1024),
    error,
  };
}

const flat = (x: NamedTensors) => Object.values(x).flatMap((value) => [...value.dataSync()]);
