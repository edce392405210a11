import { UnsupportedError } from '../../errors';
import { cholesky, columnProducts, crossProducts, type SquareMatrix } from '../../numbers';
import { checkedSolution, type LinearSolver } from '../../solvers';
import { float64, type LinearOperator } from '../../spaces';
import type { Linearized } from './problem';

/** `u ↦ −(JᵀJ + I/δ)⁻¹ Jᵀu`, and how many products with JᵀJ that took. */
export type Descend = (u: Float64Array) => { step: Float64Array; products: number };

/** The same at any rate δ; undefined where the system cannot be solved at this rate. */
export type DescendAt = (delta: number) => Descend | undefined;

/**
 * Linearised implicit steps for `½‖r‖²` with Gauss–Newton curvature: `(I + δ JᵀJ) s = Jᵀr`,
 * `w⁺ − w = −δ s`. What does not depend on δ is computed once.
 */
export function implicitSteps(at: Linearized, solver: LinearSolver | undefined): DescendAt {
  return solver === undefined ? directly(at) : byProducts(at, solver);
}

/**
 * By the smaller of the two Gram matrices: `JᵀJ + I/δ`, or, with fewer residuals than parameters,
 * `Jᵀ (JJᵀ + I/δ)⁻¹ r`. Then one correction with J itself, whose condition number is not squared.
 *
 * @see Björck, [Numerical Methods for Least Squares
 *   Problems](https://doi.org/10.1137/1.9781611971484), 1996.
 */
function directly(at: Linearized): DescendAt {
  const { rows, gradient, residuals } = at;
  if (rows === undefined) {
    throw new UnsupportedError({
      given: 'a Jacobian that is known by its products alone',
      expected: 'the rows of the Jacobian, for a direct solve',
      remedy: 'Pass { solver: cg({ maxIterations: 50 }) }, or return the rows from linearize.',
    });
  }
  const tall = residuals.length >= gradient.length;
  const gram = tall ? columnProducts(rows) : crossProducts(rows);
  return (delta) => {
    const tau = 1 / delta;
    const solve = cholesky(plus(gram, tau), Number.EPSILON);
    if (solve === undefined) return undefined;
    if (!tall) {
      return (u) => {
        const y = solve(u);
        const left = float64.subtract(u, float64.axpy(tau, y, at.apply(at.transpose(y))));
        const step = at.transpose(float64.axpy(1, solve(left), y));
        return { step: float64.scale(-1, step), products: 1.5 };
      };
    }
    return (u) => {
      const d = float64.scale(-1, solve(at.transpose(u)));
      const left = at.transpose(float64.axpy(1, u, at.apply(d)));
      return { step: float64.subtract(d, solve(float64.axpy(tau, d, left))), products: 1.5 };
    };
  };
}

function byProducts(at: Linearized, solver: LinearSolver): DescendAt {
  return (delta) => (u) => {
    let products = 0.5;
    const A: LinearOperator<Float64Array> = {
      apply(v) {
        products += 1;
        return float64.axpy(delta, at.transpose(at.apply(v)), v);
      },
      floor: 0.9,
      lowRank: {
        diagonal: 1,
        jvp: (v) => at.apply(v),
        vjp: (y: Float64Array) => at.transpose(y),
        middle: (y: Float64Array) => float64.scale(delta, y),
        outputs: at.residuals,
      },
      dispose() {},
    };
    const b = at.transpose(u);
    const found = checkedSolution(solver, solver.solveSync(A, b), float64, b);
    const { value, iterations } = found;
    return { step: float64.scale(-delta, iterations > 0 ? value : b), products };
  };
}

function plus({ size, entries }: SquareMatrix, tau: number): SquareMatrix {
  const sum = entries.slice();
  for (let i = 0; i < size; i++) sum[i * (size + 1)]! += tau;
  return { size, entries: sum };
}
