import type * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import { NotFiniteError } from '../errors';
import type { LinearSolver, SolverStatus } from '../solvers';
import { type NamedTensors, tensors } from '../spaces';
import { proximalOperator } from './implicit-step';
import { pick } from './variables';

/** A loss F that can be evaluated anywhere, with and without its derivatives. */
export interface ProximalProblem {
  /** F(y); belongs to the caller. */
  loss(y: NamedTensors): tf.Scalar;
  /** F, its gradient and its curvature at y; disposed by the caller. */
  curvatureAt(y: NamedTensors): Curvature;
}

export interface ProximalOptions {
  /** Solves for each Newton step. */
  solver: LinearSolver;
  /** `‖x⁺ − x + δ∇F(x⁺)‖` over `‖δ∇F(x)‖` that counts as solved. Default 1e-3. */
  tolerance?: number;
  /** Largest number of Newton steps. Default 20. */
  maxIterations?: number;
}

/** The result of an exact implicit step. */
export interface ProximalStep {
  /** x⁺; belongs to the caller. */
  value: NamedTensors;
  /** F(x) before the step. */
  loss: number;
  /** Newton steps. */
  iterations: number;
  /** Products with the curvature. */
  products: number;
  /** `‖x⁺ − x + δ∇F(x⁺)‖`. */
  residualNorm: number;
  status: SolverStatus;
}

/** The share of the predicted decrease that a step must achieve (Armijo's rule). */
const SUFFICIENT = 1e-4;
const HALVINGS = 30;
/** Within this share of itself a computed Φ does not tell whether it fell. */
const BLUR = 10 * tensors.epsilon;

/**
 * The exact implicit step: `x⁺` with `x⁺ = x − δ∇F(x⁺)`, the minimiser of the proximal objective
 * `Φ(y) = F(y) + ‖y − x‖² / 2δ`.
 *
 * Newton's method: `(I + δH(y)) d = y − x + δ∇F(y)`, then `y ← y − t d` with t halved until Φ falls
 * by enough; where rounding hides whether it fell, the residual has to halve. But for that rounding
 * Φ never rises, so `F(x⁺) ≤ F(x) − ‖x⁺ − x‖² / 2δ` for every F and δ. Unlike the linearised step it
 * is stable for every convex F.
 *
 * The status is `max-iterations` also where rounding keeps Φ from falling further.
 *
 * @throws NotFiniteError if F or its gradient at x is not finite.
 * @see Rockafellar 1976; Nocedal & Wright, Numerical Optimization, §7.1 (Newton–CG).
 */
export async function proximalStep(
  problem: ProximalProblem,
  x: NamedTensors,
  delta: number,
  { solver, tolerance = 1e-3, maxIterations = 20 }: ProximalOptions,
): Promise<ProximalStep> {
  const s = tensors.scalars;
  const hold = <T>(make: () => T): T => tensors.keep(tensors.tidy(make));
  const phiOf = (F: tf.Scalar, distance: tf.Scalar) =>
    s.add(F, s.multiply(s.of(0.5 / delta), distance));

  let y = hold(() => tensors.clone(x));
  /** Where a whole step began of which Φ did not tell whether it is one down. */
  let before: { y: NamedTensors; residualNorm: number } | undefined;
  let iterations = 0;
  let products = 0;
  let goal = 0;
  let firstLoss = Number.NaN;
  try {
    for (;;) {
      const C = problem.curvatureAt(y);
      let direction: NamedTensors | undefined;
      let at: { r: NamedTensors; facts: tf.Scalar[] } | undefined;
      try {
        at = hold(() => {
          const moved = tensors.subtract(y, x);
          const r = tensors.axpy(s.of(delta), pick(C.gradient, Object.keys(y)), moved);
          const phi = phiOf(C.value, tensors.dot(moved, moved));
          return { r, facts: [phi, tensors.dot(r, r)] };
        });
        const [phi, rSquared] = (await tensors.read(at.facts)) as [number, number];
        const residualNorm = Math.sqrt(rSquared);
        if (iterations === 0) {
          if (!Number.isFinite(phi + residualNorm)) throw notFinite(phi, residualNorm);
          goal = tolerance * residualNorm;
          firstLoss = phi;
        }
        const done = (status: SolverStatus, end = { y, residualNorm }): ProximalStep => {
          tensors.free([y, before], end.y);
          [y, before] = [{}, undefined];
          const { y: value, ...rest } = end;
          return { value, loss: firstLoss, iterations, products, ...rest, status };
        };
        // Written so that a NaN does not pass.
        if (before && !(residualNorm <= before.residualNorm / 2)) {
          return done('max-iterations', before);
        }
        if (residualNorm <= goal) return done('converged');
        if (iterations >= maxIterations) return done('max-iterations');

        const A = proximalOperator(C, delta);
        const solution = await solver.solve(A, at.r);
        products += A.products;
        direction = solution.iterations > 0 ? solution.value : tensors.keep(tensors.clone(at.r));
        if (direction !== solution.value) tensors.free(solution.value);

        const next = await search(at.r, direction, phi);
        if (next === undefined) return done('max-iterations');
        if (before) tensors.free(before.y);
        before = next.certain ? undefined : { y, residualNorm };
        if (next.certain) tensors.free(y);
        y = next.y;
        iterations += 1;
      } finally {
        C.dispose();
        tensors.free([at, direction]);
      }
    }
  } finally {
    tensors.free([y, before]);
  }

  /** The first of y − d, y − d/2, … whose Φ is low enough, or may be; or nothing. */
  async function search(r: NamedTensors, d: NamedTensors, phi: number) {
    const slopeScalar = hold(() => tensors.dot(r, d));
    const slope = (await tensors.read([slopeScalar]))[0]! / delta;
    tensors.free(slopeScalar);
    for (let k = 0, t = 1; k < HALVINGS; k++, t /= 2) {
      const candidate = hold(() => tensors.axpy(s.of(-t), d, y));
      let accepted = false;
      try {
        const value = hold(() => {
          const moved = tensors.subtract(candidate, x);
          return phiOf(problem.loss(candidate), tensors.dot(moved, moved));
        });
        const reached = (await tensors.read([value]))[0]!;
        tensors.free(value);
        const certain = reached < phi && reached <= phi - SUFFICIENT * t * slope;
        accepted = certain || (t === 1 && Math.abs(reached - phi) <= BLUR * Math.abs(phi));
        if (accepted) return { y: candidate, certain };
      } finally {
        if (!accepted) tensors.free(candidate);
      }
    }
    return undefined;
  }
}

function notFinite(loss: number, norm: number) {
  return new NotFiniteError({
    given: `a loss of ${loss} whose gradient, times δ, has the norm ${norm}`,
    expected: 'finite numbers at the point the step starts from',
    remedy: 'Look for a logarithm of 0 or an overflow in the loss; the weights are unchanged.',
  });
}
