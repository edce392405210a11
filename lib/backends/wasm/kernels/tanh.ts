import type * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import type { FunctionBody, Local } from '../assembler';
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

const [numerator, denominator] = lambert(TERMS);

/** Σ cᵢ tⁱ, by Horner's rule. */
function polynomial(f: FunctionBody, [c, ...higher]: readonly Local[], t: Local): void {
  if (higher.length === 0) {
    f.get(c!);
    return;
  }
  polynomial(f, higher, t);
  f.get(t).do('f64x2.mul').get(c!).do('f64x2.add');
}

const tanh = entrywise({
  inputs: 1,
  lanes: 2,
  write(f) {
    const p = f.localsOf('v128', numerator.length);
    const q = f.localsOf('v128', denominator.length);
    const [x, t] = f.locals('v128', 'v128');
    const all = [...p, ...q];
    [...numerator, ...denominator].forEach((c, i) => {
      f.f64x2(c).set(all[i]!);
    });
    return (load) => {
      load(0);
      // Each is one instruction and passes a NaN in its first operand on; `min` and `max` take eight.
      f.do('f64x2.promote_low_f32x4').f64x2(ONE).do('f64x2.pmin').f64x2(-ONE).do('f64x2.pmax');
      f.set(x).get(x, x).do('f64x2.mul').set(t).get(x);
      polynomial(f, p, t);
      f.do('f64x2.mul');
      polynomial(f, q, t);
      f.do('f64x2.div', 'f32x4.demote_f64x2_zero');
    };
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
    if (x.dtype !== 'float32') return stock(call) as tf.TensorInfo;
    return tanh(call.backend as Heap, [x], x.shape);
  });
}
