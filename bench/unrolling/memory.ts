import * as tf from '@tensorflow/tfjs';
import { useBackend } from '../../lib/backends';
import { gradientDescent } from '../../lib/methods';
import type { LossProblem } from '../../lib/problems';
import { cg } from '../../lib/solvers';
import { type NamedTensors, tensors } from '../../lib/spaces';
import { type UnrolledOptions, unrolled } from '../../lib/unrolling';
import { implicitly, RATE, regression } from './regression';
import { printTable } from './table';

/** Time and peak bytes of every way of differentiating, by the number of inner steps. */
export async function memoryTable(counts: number[]): Promise<void> {
  const { name, threads } = await useBackend('wasm', { threads: 1 });
  const { problem, w, λ, weights } = regression();
  const ways: [string, (T: number) => Partial<UnrolledOptions>][] = [
    ['reverse', () => ({})],
    ['√T', () => ({ checkpoint: 'sqrt' })],
    ['binomial, s = 8', () => ({ checkpoint: { snapshots: 8 } })],
    ['truncated, K = 10', () => ({ truncate: 10 })],
    ['forward, h = 4', () => ({ mode: 'forward' })],
  ];
  const rows = [];
  for (const T of counts) {
    for (const [way, options] of ways) {
      const how = unrolled({ method: gradientDescent(RATE), steps: T, ...options(T) });
      const started = performance.now();
      const { value, w: last, adjoint, stats } = await how.differentiate(problem, w, λ);
      rows.push(row(T, way, started, stats.gradients, stats.products, stats.peakBytes!, value));
      tensors.free([value, last, adjoint]);
    }
    rows.push(await implicitRow(T, problem, w, λ));
  }
  printTable(
    `Cost by T: softmax regression, ${weights} weights, 64 samples, h = 4, ${name} with ${threads} thread`,
    'Bytes: the most that tensors had in use between operations. dE/dλ₁ of implicit is that of the solution: the others come to it as T grows.',
    rows,
  );
}

function row(
  T: number,
  way: string,
  started: number,
  gradients: number,
  products: number,
  peakBytes: number,
  value: NamedTensors,
) {
  return {
    T,
    way,
    gradients,
    products,
    ms: Math.round(performance.now() - started),
    KiB: Math.round(peakBytes / 1024),
    'dE/dλ₁': value.decay!.dataSync()[0]!,
  };
}

/** T steps, then one solve with the Hessian and one product with the mixed derivative. */
async function implicitRow(T: number, problem: LossProblem, w0: NamedTensors, λ: NamedTensors) {
  const started = performance.now();
  const solver = cg({ tolerance: 1e-4, maxIterations: 200 });
  const { value, products, bytes } = await implicitly(T, solver, problem, w0, λ);
  const result = row(T, 'implicit', started, T, products, bytes, value);
  tf.dispose(value);
  return result;
}
