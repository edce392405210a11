import * as tf from '@tensorflow/tfjs';
import {
  type CurvatureKind,
  type Factors,
  type FlatProducts,
  innerProduct,
  type RowSpace,
} from '../autodiff';
import type { Pausing } from '../event-loop';
import {
  type LinearSolver,
  type LowRankParts,
  type SolveReport,
  supportsInnerProduct,
} from '../solvers';
import { type LinearOperator, type NamedTensors, tensors } from '../spaces';
import { type Asking, solutionOf } from './asking';

/** The direction of a step, and what finding it took. */
export interface Direction {
  /** s of the step −δ s; belongs to the caller. */
  value: NamedTensors;
  /** Products with the curvature. */
  products: number;
  report(): Promise<SolveReport>;
  dispose(): void;
}

export type CurvatureProducts = LinearOperator<NamedTensors> & {
  kind?: CurvatureKind;
  factors?: Factors;
  flat?: FlatProducts;
};

/**
 * `I + δH`: the matrix of an implicit step, its products counted. It does not own H.
 *
 * @param floor see {@link LinearOperator}
 */
export function proximalOperator(
  H: CurvatureProducts,
  delta: number,
  floor?: number,
): LinearOperator<NamedTensors> & { products: number } {
  const add = (v: NamedTensors, Hv: NamedTensors) => {
    const sum = tensors.axpy(tensors.scalars.of(delta), Hv, v);
    // Before the next vector of the size of all parameters is made.
    tensors.free(Hv, v);
    return sum;
  };
  const operator = {
    products: 0,
    apply(v: NamedTensors) {
      operator.products += 1;
      return tensors.tidy(() => add(v, H.apply(v)));
    },
    ...(H.applyInPieces && {
      *applyInPieces(v: NamedTensors): Pausing<NamedTensors> {
        operator.products += 1;
        const Hv = yield* H.applyInPieces!(v);
        return tensors.keep(tensors.tidy(() => add(v, Hv)));
      },
    }),
    ...(floor !== undefined && { floor }),
    ...(H.space && { space: H.space }),
    dispose() {},
  };
  const { factors } = H;
  if (factors === undefined) return operator;
  const { jvp, vjp, middle } = factors;
  const parts: LowRankParts<NamedTensors, NamedTensors> = {
    diagonal: 1,
    jvp,
    vjp(u) {
      operator.products += 1;
      return vjp(u);
    },
    middle: (u) => tensors.tidy(() => tensors.scale(tensors.scalars.of(delta), middle(u))),
    get outputs() {
      return factors.outputs;
    },
  };
  return Object.assign(operator, { lowRank: parts });
}

/**
 * What the curvature of `I + δH` is at least where the loss is convex, 1, less a margin for rounding.
 *
 * Between it and 0 the linear system still has a solution, but one that goes up: along a direction
 * with `1 + δλ = .1` ten times as far as the gradient step, where the loss bends down.
 */
const FLOOR = 0.9;

/**
 * The linearised implicit step: `s = (I + δH)⁻¹ g`, so that `x⁺ = x − δ s`.
 *
 * It is backward Euler for the gradient flow with `∇F(x⁺)` replaced by `g + H (x⁺ − x)`. Where the
 * very first direction shows curvature of H below −1/δ, the solver has nothing to offer (its report
 * is then `negative-curvature` after 0 iterations); the rank-one step of {@link rankOneDirection}
 * replaces it.
 */
export function* linearisedDirection(
  H: CurvatureProducts,
  g: NamedTensors,
  delta: number,
  solver: LinearSolver,
): Asking<Direction> {
  const floor = H.kind === 'hessian' ? FLOOR : undefined;
  // Scalars of one kind, whatever the inner product.
  const squared = () => ((H.space as typeof tensors | undefined) ?? tensors).dot(g, g);
  const substitute = () => rankOne(g, delta, squared());
  const flat = supportsInnerProduct(solver) && tensors.readableNow() ? H.flat : undefined;
  if (flat !== undefined) {
    const A = flat.system({ delta, ...(floor !== undefined && { floor }) });
    try {
      const { value, ...deferred } = yield* solutionOf({ solver, b: g, flat, A });
      return { value: unlessZero(value, substitute), products: A.products, ...deferred };
    } finally {
      A.dispose();
    }
  }
  const A = proximalOperator(H, delta, floor);
  const { value, ...deferred } = yield* solutionOf({ solver, A, b: g });
  return { value: unlessZero(value, substitute), products: A.products, ...deferred };
}

/**
 * The same step in the row space of a batch: the solver works on fewer numbers, and g is there.
 *
 * @param factor what g is multiplied by, where it is clipped
 */
export function* directionInRowSpace(
  rows: RowSpace,
  delta: number,
  solver: LinearSolver,
  factor?: tf.Scalar,
): Asking<Direction> {
  const g = factor === undefined ? rows.gradient : tensors.scale(factor, rows.gradient);
  try {
    const { value: coordinates, ...solved } = yield* linearisedDirection(rows, g, delta, solver);
    const value = rows.expand(coordinates);
    tensors.free(coordinates);
    return { ...solved, value };
  } finally {
    tensors.free(factor && g);
  }
}

/** The vector, or the substitute for one that is zero. */
function unlessZero(value: NamedTensors, substitute: () => NamedTensors): NamedTensors {
  const s = tensors.scalars;
  // Quickly, unless all squares vanish.
  if (tensors.readableNow() && innerProduct(value, value) > 0) return value;
  const safe = tensors.tidy(() => {
    const stands = s.less(s.of(0), largestOf(value));
    if (tensors.readableNow()) {
      return tensors.readSync([stands])[0] === 1 ? value : substitute();
    }
    return tensors.select(stands, value, substitute());
  });
  tensors.free(value, safe);
  return safe;
}

/** The largest absolute value, since squares of small numbers vanish. */
function largestOf(x: NamedTensors): tf.Scalar {
  const parts = Object.values(x).filter(({ size }) => size > 0);
  if (parts.length === 0) return tf.scalar(0);
  return tf.max(tf.stack(parts.map((value) => tf.tidy(() => tf.max(tf.abs(value))))));
}

/**
 * The implicit step for the curvature `g gᵀ`, in closed form: `s = g / (1 + δ‖g‖²)`, or, for another
 * right-hand side, `s = (I + δ g gᵀ)⁻¹ b = b − δ g (gᵀb) / (1 + δ‖g‖²)`.
 *
 * It costs no product. For b = g the step δs is no longer than `√δ / 2`, but
 * it is gradient descent with a shortened step: for δ > 2/L it circles the minimum instead of
 * reaching it.
 *
 * @see Sherman & Morrison, [Adjustment of an inverse matrix corresponding to a change in one
 *   element of a given matrix](https://doi.org/10.1214/aoms/1177729893), 1950.
 */
export function rankOneDirection(g: NamedTensors, delta: number, b = g): Direction {
  return {
    value: tensors.tidy(() =>
      b === g ? rankOne(g, delta, tensors.dot(g, g)) : rankOneSolve(g, delta, b),
    ),
    products: 0,
    report: async () => ({ iterations: 0, residualNorm: 0, status: 'converged' }),
    dispose() {},
  };
}

function rankOne(g: NamedTensors, delta: number, squared: tf.Scalar): NamedTensors {
  return tensors.scale(tensors.scalars.divide(tensors.scalars.of(1), grown(squared, delta)), g);
}

function rankOneSolve(g: NamedTensors, delta: number, b: NamedTensors): NamedTensors {
  const s = tensors.scalars;
  const growth = grown(tensors.dot(g, g), delta);
  const along = s.divide(s.multiply(s.of(-delta), tensors.dot(g, b)), growth);
  return tensors.axpy(along, g, b);
}

/** `1 + δ‖g‖²`. */
function grown(squared: tf.Scalar, delta: number): tf.Scalar {
  const s = tensors.scalars;
  return s.add(s.of(1), s.multiply(s.of(delta), squared));
}
