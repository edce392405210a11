import { NotFiniteError } from '../errors';
import {
  type GradientDerivative,
  linearizeInTurns,
  outerInTurns,
  pulledBack,
  pushed,
} from '../problems';
import { cg } from '../solvers';
import { type LinearOperator, normsOf, type Space } from '../spaces';
import { countDerivative, type Evaluation } from './evaluation';
import { smallestRitzValue } from './lanczos';
import { solveIn } from './solve-in';

/** How the error is estimated. */
export interface EstimateOptions {
  /** μ, where a lower bound of the Hessian's eigenvalues is known: for example the weakest penalty. */
  mu?: number;
  /** Lanczos steps spent on μ where it is not known. Default 20. */
  products?: number;
}

/** An estimate of `‖value − dg/dλ‖₂` after the fact, and what it is made of. */
export interface ErrorEstimate {
  /** The sum of the three parts; infinite where the inner Hessian is not positive definite. */
  bound: number;
  /** From the linear solve, and from Gauss–Newton where it replaces the Hessian. */
  solve: number;
  /** From a w that is not the inner solution. */
  stationarity: number;
  /** From the arithmetic. */
  rounding: number;
  constants: ErrorConstants;
}

/** The constants of the bound; all but a given μ are estimated, from below, so none is certain. */
export interface ErrorConstants {
  /** μ: given, or the smallest Ritz value of H after some Lanczos steps. */
  mu: number;
  /** `‖B‖₂`, by power iteration. */
  mixedNorm: number;
  /** Slope of `∂g/∂λ − Bᵀv` on the way to the inner solution, v held. */
  valueSlope: number;
  /** Slope of `∂g/∂w − Hv` there. */
  residualSlope: number;
  /** Slope of B there, along v. */
  mixedSlope: number;
  /** ρ, how far w may be from the inner solution. */
  distance: number;
}

const POWER_STEPS = 4;
const NEWTON_TOLERANCE = 0.1;
const ROUNDOFFS = 10;
/** A vector that is shorter cannot be brought to length 1 by one factor in float32. */
const SHORTEST = 1e-37;

/**
 * How far `∂g/∂λ − Bᵀv` at w is from the hypergradient at the inner solution w*.
 *
 * With `h(w) = ∂g/∂λ − Bᵀv`, `r(w) = ∂g/∂w − Hv` and v held, the difference is exactly
 * `h(w*) − h(w) − B*ᵀ H*⁻¹ r(w*)`. If `H ⪰ μ` between and `‖w* − w‖ ≤ ρ`, then
 * `error ≤ ρ ℓ_h + (‖B‖ + ρ ℓ_B)(‖r‖ + ρ ℓ_r)/μ`, with the Lipschitz constants of h, B and r.
 * These are measured as slopes between w and `w′ = w − s`, a Newton step by CG to a tenth; ρ is
 * the smaller of `‖∇f(w)‖/μ` and `‖s‖ + ‖∇f(w′)‖/μ`; μ comes from Lanczos steps from `∇f`, r and
 * `∂g/∂w`, `‖B‖` from 4 power steps. So it is an estimate of a bound, not a proof.
 *
 * Derived here; with `ℓ_r ≤ ℓ_x + ℓ_A‖v‖` and `ℓ_h ≤ ℓ_θ + ℓ_B‖v‖` it is the usual bound in the
 * constants of g, A and B ([Pedregosa 2016](https://arxiv.org/abs/1602.02355); [Grazzi et al.
 * 2020](https://arxiv.org/abs/2006.16218)), with fewer of them.
 */
export async function errorEstimate<V>(
  at: Evaluation<V>,
  { mu: givenMu, products = 20 }: EstimateOptions,
): Promise<ErrorEstimate> {
  const { space, v, outer, derivative, pulled } = at;
  const scope = new Scope(space);
  try {
    const r = scope.hold(() => space.subtract(outer.dw, pulled.w));
    const gradient = derivative.value;
    const [slope, residual, length, dw, dλ] = await norms(space, [
      gradient,
      r,
      v,
      outer.dw,
      outer.dλ,
    ]);
    const mixture = scope.hold(() =>
      mix(space, [
        [gradient, slope!],
        [r, residual!],
        [outer.dw, dw!],
      ]),
    );
    const noChange = scope.hold(() => space.zeros(at.λ));
    const H = hessianIn(space, derivative, noChange);
    // Without a gradient, a residual or an outer gradient there is nothing to be wrong about.
    const mu = givenMu ?? (await smallestRitzValue(space, H, mixture, products)) ?? 1;
    const mixedNorm = await normOfMixed(at, scope, length! > SHORTEST ? v : mixture);
    const { near, ...slopes } =
      mu > 0 && slope! > 0 ? await lookAhead(at, scope, H, r, products) : atSolution;
    const distance = Math.min(slope! / mu, near.step + near.slope / mu);
    const constants = { mu, mixedNorm, ...slopes, distance };
    if (!(mu > 0)) return { ...infinite, constants };

    const solve = (mixedNorm * residual!) / mu;
    const { valueSlope, residualSlope, mixedSlope } = slopes;
    const stationarity =
      distance *
      (valueSlope +
        ((mixedNorm + distance * mixedSlope) * residualSlope + mixedSlope * residual!) / mu);
    const rounding = ROUNDOFFS * space.epsilon * (dλ! + mixedNorm * (length! + dw! / mu));
    return { bound: solve + stationarity + rounding, solve, stationarity, rounding, constants };
  } finally {
    scope.end();
  }
}

const infinite = {
  bound: Number.POSITIVE_INFINITY,
  solve: Number.POSITIVE_INFINITY,
  stationarity: Number.POSITIVE_INFINITY,
  rounding: Number.POSITIVE_INFINITY,
};

/** What is seen from a point closer to the inner solution. */
interface Outlook {
  valueSlope: number;
  residualSlope: number;
  mixedSlope: number;
  /** How far that point is from w, and the norm of the inner gradient there. */
  near: { step: number; slope: number };
}

const atSolution: Outlook = {
  valueSlope: 0,
  residualSlope: 0,
  mixedSlope: 0,
  near: { step: 0, slope: 0 },
};

/** The Hessian by the derivative of the gradient. */
function hessianIn<V>(
  space: Space<V, unknown>,
  { jvp, inPieces }: GradientDerivative<V>,
  noChange: V,
): LinearOperator<V> & { space: Space<V, unknown> } {
  return {
    apply: (x) => jvp(x, noChange),
    ...(inPieces && { applyInPieces: (x: V) => inPieces.jvp(x, noChange) }),
    space,
    dispose() {},
  };
}

/** Slopes of h, r and B between w and a point near the inner solution. */
async function lookAhead<V>(
  { space, form, count, w, v, outer, derivative, pulled }: Evaluation<V>,
  scope: Scope<V>,
  H: LinearOperator<V> & { space: Space<V, unknown> },
  r: V,
  products: number,
): Promise<Outlook> {
  const newton = cg({ tolerance: NEWTON_TOLERANCE, maxIterations: products });
  const step = scope.add((await solveIn(newton, H, derivative.value)).value);
  const [stepLength, wLength, vLength] = await norms(space, [step, w, v]);
  const direction = stepLength! > 0 ? step : derivative.value;
  const directionLength = stepLength! > 0 ? stepLength! : (await norms(space, [direction]))[0]!;
  // Not so short that the differences are rounding.
  const distance = Math.max(stepLength!, Math.sqrt(space.epsilon) * (1 + wLength!));
  const there = scope.hold(() =>
    space.axpy(space.scalars.of(-distance / directionLength), direction, w),
  );
  try {
    const outerThere = scope.add(await outerInTurns(space, form, there));
    const derivativeThere = countDerivative(await linearizeInTurns(form, there, 1), count);
    try {
      const pulledThere = scope.add(await pulledBack(space, derivativeThere, v));
      const changes = scope.hold(() => {
        const mixed = space.subtract(pulledThere.λ, pulled.λ);
        return [
          space.subtract(space.subtract(outerThere.dλ, outer.dλ), mixed),
          space.subtract(space.subtract(outerThere.dw, pulledThere.w), r),
          mixed,
        ];
      });
      const [value, residual, mixed, slope] = await norms(space, [
        ...changes,
        derivativeThere.value,
      ]);
      return {
        valueSlope: value! / distance,
        residualSlope: residual! / distance,
        mixedSlope: vLength! > 0 ? mixed! / distance / vLength! : 0,
        near: { step: distance, slope: slope! },
      };
    } finally {
      derivativeThere.dispose();
    }
  } catch (error) {
    if (!(error instanceof NotFiniteError)) throw error;
    const none = Number.POSITIVE_INFINITY;
    const near = { step: none, slope: none };
    return { valueSlope: none, residualSlope: none, mixedSlope: none, near };
  }
}

/** `‖B‖₂`, from below, by power iteration on `BBᵀ` from `start`. */
async function normOfMixed<V>(
  { space, derivative, w }: Evaluation<V>,
  scope: Scope<V>,
  start: V,
): Promise<number> {
  const still = scope.hold(() => space.zeros(w));
  let u = start;
  let [length] = await norms(space, [u]);
  let norm = 0;
  for (let i = 0; i < POWER_STEPS && length! > 0; i++) {
    // Of length 1: products with a small or a large B have its square.
    const unit = scope.hold(() => space.scale(space.scalars.of(1 / length!), u));
    const along = scope.add(await pulledBack(space, derivative, unit)).λ;
    const [size] = await norms(space, [along]);
    norm = Math.max(norm, size!);
    if (!(size! > 0)) break;
    const direction = scope.hold(() => space.scale(space.scalars.of(1 / size!), along));
    u = scope.add(await pushed(space, derivative, still, direction));
    [length] = await norms(space, [u]);
    norm = Math.max(norm, length!);
  }
  return norm;
}

/** The sum of vectors, each brought to length 1; those of length 0 are left out. */
function mix<V>(space: Space<V, unknown>, vectors: [V, number][]): V {
  return vectors
    .filter(([, length]) => length > 0)
    .reduce(
      (sum, [x, length]) => space.axpy(space.scalars.of(1 / length), x, sum),
      space.zeros(vectors[0]![0]),
    );
}

const norms = normsOf;

/** Vectors that live until the end of a computation with waits in it. */
class Scope<V> {
  readonly #space: Space<V, unknown>;
  readonly #held: unknown[] = [];

  constructor(space: Space<V, unknown>) {
    this.#space = space;
  }

  /** Keeps what `make` returns, and frees the rest of what it made. */
  hold<T>(make: () => T): T {
    return this.add(this.#space.tidy(make));
  }

  add<T>(x: T): T {
    this.#held.push(this.#space.keep(x));
    return x;
  }

  end(): void {
    this.#space.free(this.#held);
  }
}
