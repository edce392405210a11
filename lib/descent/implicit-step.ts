import type * as tf from '@tensorflow/tfjs';
import type { LinearSolver, SolveReport } from '../solvers';
import { type LinearOperator, type NamedTensors, tensors } from '../spaces';

/** The direction of a step, and what it took to find it. */
export interface Direction {
  /** s of the step −δ s; belongs to the caller. */
  value: NamedTensors;
  /** Products with the curvature. */
  products: number;
  report(): Promise<SolveReport>;
  dispose(): void;
}

/** `I + δH`: the matrix of an implicit step. It does not own H. */
export function proximalOperator(
  H: LinearOperator<NamedTensors>,
  delta: number,
): LinearOperator<NamedTensors> & { products: number } {
  return {
    products: 0,
    apply(v) {
      this.products += 1;
      return tensors.tidy(() => tensors.axpy(tensors.scalars.of(delta), H.apply(v), v));
    },
    dispose() {},
  };
}

/**
 * The linearised implicit step: `s = (I + δH)⁻¹ g`, so that `x⁺ = x − δ s`.
 *
 * It is backward Euler for the gradient flow with `∇F(x⁺)` replaced by `g + H (x⁺ − x)`. Where the
 * very first direction shows curvature of H below −1/δ, the solver has nothing to offer (its report
 * then says `negative-curvature` after 0 iterations); the rank-one step of {@link rankOneDirection}
 * stands in.
 */
export function linearisedDirection(
  H: LinearOperator<NamedTensors>,
  g: NamedTensors,
  delta: number,
  solver: LinearSolver,
): Direction {
  const A = proximalOperator(H, delta);
  const { value, ...deferred } = solver.solveDeferred(A, g);
  const s = tensors.scalars;
  const safe = tensors.tidy(() => {
    const stood = s.less(s.of(0), tensors.dot(value, value));
    return tensors.select(stood, value, rankOne(g, delta));
  });
  tensors.free(value);
  return { value: safe, products: A.products, ...deferred };
}

/**
 * The implicit step for the curvature `g gᵀ`, in closed form: `s = g / (1 + δ‖g‖²)`.
 *
 * It costs no product and never exceeds `√δ / 2` in length, but it is gradient descent with a
 * shortened step: for δ > 2/L it circles the minimum instead of reaching it.
 *
 * Source: Sherman & Morrison 1950 on `(I + δ g gᵀ)⁻¹ g`.
 */
export function rankOneDirection(g: NamedTensors, delta: number): Direction {
  return {
    value: tensors.tidy(() => rankOne(g, delta)),
    products: 0,
    report: async () => ({ iterations: 0, residualNorm: 0, status: 'converged' }),
    dispose() {},
  };
}

function rankOne(g: NamedTensors, delta: number): NamedTensors {
  const s = tensors.scalars;
  const shrink: tf.Scalar = s.divide(
    s.of(1),
    s.add(s.of(1), s.multiply(s.of(delta), tensors.dot(g, g))),
  );
  return tensors.scale(shrink, g);
}
