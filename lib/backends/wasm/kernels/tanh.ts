import type * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { floats, type Heap } from './heap';

/** From here on tanh is 1 in float32. */
const ONE = 9.02;
/** Terms of the fraction with which it is right to 4e-9 up to there. */
const TERMS = 14;

/**
 * Numerator and denominator of Lambert's continued fraction, cut off, by powers of t = x²:
 *
 *     tanh x = x · 1 / (1 + t / (3 + t / (5 + …)))
 */
function lambert(terms: number): [numerator: number[], denominator: number[]] {
  let [p, q] = [[2 * terms - 1], [1]];
  for (let k = terms - 1; k >= 1; k--) {
    const sum = new Array<number>(Math.max(p.length, q.length + 1)).fill(0);
    p.forEach((c, i) => {
      sum[i]! += (2 * k - 1) * c;
    });
    q.forEach((c, i) => {
      sum[i + 1]! += c;
    });
    [p, q] = [sum, p];
  }
  return [q, p];
}

/**
 * The hyperbolic tangent as a ratio of polynomials.
 *
 * The stock kernel calls the C library for each number, which with a recurrent network's few hidden
 * units takes as long as its matrix products.
 */
export function repairTanh(): void {
  const stock = kernelFunction('Tanh', 'wasm');
  const [[p0, p1, p2, p3, p4, p5, p6], [q0, q1, q2, q3, q4, q5, q6, q7]] = lambert(TERMS) as [
    [number, number, number, number, number, number, number],
    [number, number, number, number, number, number, number, number],
  ];
  replaceKernel('Tanh', 'wasm', (call: Call<'x', object>): tf.TensorInfo => {
    const { x } = call.inputs;
    if (x.dtype !== 'float32') return stock(call as Call<string, never>) as tf.TensorInfo;
    const heap = call.backend as Heap;
    const out = heap.makeOutput(x.shape, 'float32');
    const [from, to] = [floats(heap, x), floats(heap, out)];
    for (let i = 0; i < to.length; i++) {
      const value = from[i]!;
      if (value > ONE || value < -ONE) {
        to[i] = value > 0 ? 1 : -1;
        continue;
      }
      const t = value * value;
      const p = p0 + t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * (p5 + t * p6)))));
      const q = q0 + t * (q1 + t * (q2 + t * (q3 + t * (q4 + t * (q5 + t * (q6 + t * q7))))));
      to[i] = (value * p) / q;
    }
    return out;
  });
}
