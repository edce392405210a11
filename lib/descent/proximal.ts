import * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import { InputError, NotFiniteError } from '../errors';
import { checkMethods, checkOptionNames, checkRecord, phrase } from '../options';
import { checkedSolution, type LinearSolver, type SolverStatus } from '../solvers';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
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
  /**
   * `‖x⁺ − x + δ∇F(x⁺)‖` over `δ‖∇F(x⁺)‖` that counts as solved. Default 1e-5, or the tolerance of
   * the solver where that is smaller, but at least 1e-6: float32 rounds each gradient by about 1e-7.
   */
  tolerance?: number;
  /** Largest number of Newton steps. Default 50. */
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
/** Within this relative error a computed Φ does not show whether it fell. */
const BLUR = 10 * tensors.epsilon;
/** A correction within this share of an entry is lost in what its rounding does to the residual. */
const ROUNDING = 8 * tensors.epsilon;

/**
 * The exact implicit step: `x⁺` with `x⁺ = x − δ∇F(x⁺)`, the minimiser of the proximal objective
 * `Φ(y) = F(y) + ‖y − x‖² / 2δ`.
 *
 * Newton's method: `(I + δH(y)) d = y − x + δ∇F(y)`, then `y ← y − t d` with t halved until Φ falls
 * by enough; where rounding hides whether it fell, the residual has to halve. But for that rounding
 * Φ never rises, so `F(x⁺) ≤ F(x) − ‖x⁺ − x‖² / 2δ` for every F and δ. Unlike the linearised step it
 * is stable for every convex F.
 *
 * `converged`: `‖x⁺ − x + δ∇F(x⁺)‖ ≤ tolerance · δ‖∇F(x⁺)‖`, so that the two sides of the equation
 * agree, whatever the units of x, F and δ; or the next Newton correction, solved for, changes no entry
 * by more than 8 units of rounding (1e-6 of itself), and float32 weights can hold nothing better. For
 * convex F the error of the step is no larger than the residual, since `I + δH` shortens nothing.
 * `max-iterations`: neither; the Newton steps are used up, or rounding keeps Φ from falling further.
 *
 * @throws NotFiniteError if F or its gradient at x is not finite; InputError for options out of range.
 * @see Rockafellar, [Monotone operators and the proximal point
 *   algorithm](https://doi.org/10.1137/0314056), 1976; Nocedal & Wright, [Numerical
 *   Optimization](https://doi.org/10.1007/978-0-387-40065-5), 2nd ed., §7.1 (Newton–CG).
 */
export async function proximalStep(
  problem: ProximalProblem,
  x: NamedTensors,
  delta: number,
  options: ProximalOptions,
): Promise<ProximalStep> {
  checkArguments(problem, x, options);
  const { solver, maxIterations = 50, tolerance = toleranceFor(options.solver) } = options;
  checkProximal(delta, { tolerance, maxIterations });
  const s = tensors.scalars;
  const hold = <T>(make: () => T): T => tensors.keep(tensors.tidy(make));
  /** Φ from F(y) and ‖y − x‖; in double precision, where nothing that squares hold is lost. */
  const phiOf = (F: number, distance: number) => ({
    value: F + penalty(distance, delta),
    blur: BLUR * (Math.abs(F) + penalty(distance, delta)),
  });

  let y = hold(() => tensors.clone(x));
  /** Where a whole step began for which Φ did not show whether it goes down. */
  let before: { y: NamedTensors; residualNorm: number } | undefined;
  let iterations = 0;
  let products = 0;
  let firstLoss = Number.NaN;
  try {
    for (;;) {
      const C = problem.curvatureAt(y);
      checkMethods(C, 'the curvature of proximalStep', ['apply', 'dispose']);
      let direction: NamedTensors | undefined;
      let at: { r: NamedTensors; facts: tf.Scalar[] } | undefined;
      try {
        at = hold(() => {
          const moved = tensors.subtract(y, x);
          const pull = tensors.scale(s.of(delta), pick(C.gradient, Object.keys(y)));
          const r = tensors.axpy(s.of(1), pull, moved);
          return { r, facts: [C.value, tensors.norm(moved), tensors.norm(pull), tensors.norm(r)] };
        });
        const [F, distance, pullNorm, residualNorm] = (await tensors.read(at.facts)) as Facts;
        if (iterations === 0) {
          if (!Number.isFinite(F + pullNorm)) throw notFinite(F, pullNorm);
          firstLoss = F;
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
        if (residualNorm <= tolerance * pullNorm) return done('converged');
        if (iterations >= maxIterations) return done('max-iterations');

        const newton = await newtonDirection(C, at.r, residualNorm);
        direction = newton.direction;
        const { slope, isRounding } = await inspect(at.r, direction);
        if (newton.isSolved && isRounding) return done('converged');
        const next = await search(direction, slope, { F, distance });
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

  /** `(I + δH)⁻¹ r`, or r where the solver has nothing to offer; solved for `r / ‖r‖`, of any unit. */
  async function newtonDirection(C: Curvature, r: NamedTensors, norm: number) {
    const A = proximalOperator(C, delta);
    const unit = hold(() => mapTensors(r, (value) => tf.div(value, norm)));
    try {
      const solution = checkedSolution(solver, await solver.solve(A, unit), tensors, unit);
      products += A.products;
      const used = solution.iterations > 0 ? solution.value : unit;
      const direction = hold(() => tensors.scale(s.of(norm), used));
      tensors.free(solution.value);
      return { direction, isSolved: solution.status === 'converged' };
    } finally {
      tensors.free(unit);
    }
  }

  /** The first of y − d, y − d/2, … whose Φ is low enough, or may be; or nothing. */
  async function search(d: NamedTensors, slope: number, at: { F: number; distance: number }) {
    const phi = phiOf(at.F, at.distance);
    for (let k = 0, t = 1; k < HALVINGS; k++, t /= 2) {
      const candidate = hold(() => tensors.axpy(s.of(-t), d, y));
      let accepted = false;
      let facts: tf.Scalar[] | undefined;
      try {
        facts = hold(() => {
          const distance = tensors.norm(tensors.subtract(candidate, x));
          return [problem.loss(candidate), distance];
        });
        const reached = phiOf(...((await tensors.read(facts)) as [number, number]));
        const certain =
          reached.value < phi.value && reached.value <= phi.value - SUFFICIENT * t * slope;
        const unclear = Math.abs(reached.value - phi.value) <= Math.max(phi.blur, reached.blur);
        accepted = certain || (t === 1 && unclear);
        if (accepted) return { y: candidate, certain };
      } finally {
        tensors.free(facts);
        if (!accepted) tensors.free(candidate);
      }
    }
    return undefined;
  }

  /**
   * `rᵀd / δ`, what Φ falls by at first, from unit vectors, whose squares do not vanish; and whether
   * d changes no entry of y by more than rounding does.
   */
  async function inspect(r: NamedTensors, d: NamedTensors) {
    const facts = hold(() => {
      const [rNorm, dNorm] = [tensors.norm(r), tensors.norm(d)];
      const part = (v: NamedTensors, norm: tf.Scalar) =>
        mapTensors(v, (value) => tf.divNoNan(value, norm));
      const beyond = Object.keys(d).map((name) => {
        const size = tf.maximum(tf.abs(y[name]!), tf.abs(x[name]!));
        const visible = tf.greater(tf.abs(d[name]!), tf.mul(ROUNDING, size));
        return tf.sum(tf.cast(visible, 'float32'));
      });
      return [rNorm, dNorm, tensors.dot(part(r, rNorm), part(d, dNorm)), tf.addN(beyond)];
    }) as tf.Scalar[];
    const read = (await tensors.read(facts)) as [number, number, number, number];
    tensors.free(facts);
    const [rNorm, dNorm, cosine, beyond] = read;
    return { slope: (rNorm / delta) * dNorm * cosine, isRounding: beyond === 0 };
  }
}

/** F(y), `‖y − x‖`, `δ‖∇F(y)‖` and the norm of their sum. */
type Facts = [number, number, number, number];

/** `‖y − x‖² / 2δ`; for δ = 0 y is x. */
const penalty = (distance: number, delta: number) =>
  distance === 0 ? 0 : ((distance / delta) * distance) / 2;

const LOOSEST = 1e-5;
const TIGHTEST = 1e-6;

function toleranceFor(solver: LinearSolver): number {
  const own = 'tolerance' in solver ? Number(solver.tolerance) : LOOSEST;
  return Math.max(TIGHTEST, Math.min(LOOSEST, Number.isFinite(own) ? own : LOOSEST));
}

/** @throws InputError for arguments of another kind. */
function checkArguments(problem: ProximalProblem, x: NamedTensors, options: ProximalOptions): void {
  checkMethods(problem, 'the problem of proximalStep', ['loss', 'curvatureAt']);
  checkOptionNames('proximalStep', options, ['solver', 'tolerance', 'maxIterations']);
  checkMethods(options.solver, 'the solver of proximalStep', ['solve']);
  checkRecord(x, 'the point of proximalStep', 'a record of named tensors');
  const wrong = Object.values(x).find((value) => !(value instanceof tf.Tensor));
  if (wrong === undefined && Object.keys(x).length > 0) return;
  throw new InputError({
    given: `${wrong === undefined ? 'nothing' : phrase(wrong)} in the point of proximalStep`,
    expected: 'a record of named tensors',
    remedy: 'Pass a record such as { W, b }.',
  });
}

/** @throws InputError for a number out of range. */
export function checkProximal(
  delta: number,
  { tolerance = LOOSEST, maxIterations = 1 }: Pick<ProximalOptions, 'tolerance' | 'maxIterations'>,
): void {
  const wrong = !(Number.isFinite(delta) && delta >= 0)
    ? `a step size of ${String(delta)}`
    : !(Number.isFinite(tolerance) && tolerance > 0 && tolerance < 1)
      ? `a tolerance of ${String(tolerance)}`
      : !(Number.isInteger(maxIterations) && maxIterations > 0)
        ? `maxIterations: ${String(maxIterations)}`
        : undefined;
  if (wrong === undefined) return;
  throw new InputError({
    given: `${wrong} for an exact step`,
    expected:
      'a finite δ of at least 0, a tolerance between 0 and 1, a positive whole number of steps',
    remedy: 'The tolerance is relative to the step: 1e-5 is about what float32 allows.',
  });
}

function notFinite(loss: number, norm: number) {
  return new NotFiniteError({
    given: `a loss of ${loss} whose gradient, times δ, has the norm ${norm}`,
    expected: 'finite numbers at the point the step starts from',
    remedy: 'Look for a logarithm of 0 or an overflow in the loss; the weights are unchanged.',
  });
}
