import type * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { get, set, v128 } from './assembly';
import { entrywise } from './entrywise';
import type { Heap } from './heap';

/** From here on tanh is 1 in float32. */
const ONE = 9.1;
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

// Instructions on two numbers of float64 at once.
const promote = [0xfd, 0x5f];
const demote = [0xfd, 0x5e];
const both = (value: number) => [
  ...[0x44, ...new Uint8Array(Float64Array.of(value).buffer)],
  ...[0xfd, 0x14],
];
const [plus, times, over, least, greatest] = [0xf0, 0xf2, 0xf3, 0xf4, 0xf5].map((operation) => [
  ...[0xfd, operation, 0x01],
]) as [number[], number[], number[], number[], number[]];

const [numerator, denominator] = lambert(TERMS);
const coefficients = [...numerator, ...denominator];

/** Σ cᵢ tⁱ, by Horner's rule. */
const polynomial = ([c, ...higher]: number[], t: number): number[] =>
  higher.length === 0
    ? get(c!)
    : [...polynomial(higher, t), ...get(t), ...times, ...get(c!), ...plus];

const tanh = entrywise({
  inputs: 1,
  lanes: 2,
  locals: [...coefficients, 'x', 't'].map(() => v128),
  prepare: (locals) => coefficients.flatMap((c, i) => [...both(c), ...set(locals[i]!)]),
  entries(load, locals) {
    const [p, q] = [locals.slice(0, numerator.length), locals.slice(numerator.length, -2)];
    const [x, t] = locals.slice(-2) as [number, number];
    return [
      ...[...load(0), ...promote, ...both(ONE), ...least, ...both(-ONE), ...greatest, ...set(x)],
      ...[...get(x), ...get(x), ...times, ...set(t)],
      ...[...get(x), ...polynomial(p, t), ...times, ...polynomial(q, t), ...over, ...demote],
    ];
  },
});

/**
 * The hyperbolic tangent as a ratio of polynomials.
 *
 * The stock kernel calls the C library for each number, which with a recurrent network's few hidden
 * units takes longer than its matrix products.
 */
export function repairTanh(): void {
  const stock = kernelFunction('Tanh', 'wasm');
  replaceKernel('Tanh', 'wasm', (call: Call<'x', object>): tf.TensorInfo => {
    const { x } = call.inputs;
    if (x.dtype !== 'float32') return stock(call as Call<string, never>) as tf.TensorInfo;
    return tanh(call.backend as Heap, [x], x.shape);
  });
}
