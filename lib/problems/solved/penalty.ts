import { InputError } from '../../errors';
import { phrase } from '../../options';
import { float64 } from '../../spaces';
import type { MixedDerivative } from '../derivatives';
import { requirePenalties } from './known-bilevel';

/** Whether one λ serves all weights, or each has its own. */
export type Penalty = 'shared' | 'per-weight';

/** `½ Σ λⱼ wⱼ²` with its derivatives. */
export interface SquaredPenalty {
  /** The number of hyperparameters. */
  count: number;
  /** λⱼ for each weight. @throws ShapeError, NotFiniteError or InputError for a bad λ */
  each(λ: Float64Array): Float64Array;
  value(w: Float64Array, λ: Float64Array): number;
  /** `∂²/∂w∂λ`: diag w, or the column w where λ is shared. */
  mixed(w: Float64Array): MixedDerivative;
}

/** The squared penalty of that many weights. */
export function squaredPenalty(weights: number, penalty: Penalty): SquaredPenalty {
  if (penalty !== 'shared' && penalty !== 'per-weight') {
    throw new InputError({
      given: `penalty: ${phrase(penalty)}`,
      expected: "'shared' or 'per-weight'",
      remedy: 'Write it exactly like that.',
    });
  }
  const shared = penalty === 'shared';
  const count = shared ? 1 : weights;
  const each = (λ: Float64Array) => {
    requirePenalties(λ, count);
    return shared ? new Float64Array(weights).fill(λ[0]!) : λ;
  };
  return {
    count,
    each,
    value: (w, λ) => each(λ).reduce((sum, λj, j) => sum + (λj * w[j]! ** 2) / 2, 0),
    mixed(w) {
      const at = w.slice();
      return shared
        ? {
            jvp: (v) => float64.scale(v[0]!, at),
            vjp: (u) => Float64Array.of(float64.dot(at, u)),
          }
        : { jvp: (v) => times(at, v), vjp: (u) => times(at, u) };
    },
  };
}

/** The products of entries. */
export function times(x: Float64Array, y: Float64Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < out.length; i++) out[i] = x[i]! * y[i]!;
  return out;
}
