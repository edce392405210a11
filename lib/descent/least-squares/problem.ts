import { NotFiniteError, ShapeError } from '../../errors';
import { type Matrix, multiply, multiplyTransposed } from '../../numbers';
import { checkFloat64, checkMethods, checkRecord } from '../../options';

/** `J v` and `Jᵀ u` of the n × p Jacobian of the residuals. */
export interface JacobianProducts {
  /** `J v`, n numbers. */
  apply(v: Float64Array): Float64Array;
  /** `Jᵀ u`, p numbers. */
  transpose(u: Float64Array): Float64Array;
}

/** Residuals at a point and their Jacobian there, by its n rows of p numbers or by its products. */
export interface LinearizedResiduals {
  residuals: Float64Array;
  jacobian: Matrix | JacobianProducts;
}

/**
 * `f(w) = ½ ‖r(w)‖²` in double precision: p parameters, n residuals.
 *
 * Its functions are given copies, and what they return is copied: they may change the one in place, and
 * write into the same arrays again.
 */
export interface LeastSquaresProblem {
  /** r(w), n numbers. */
  residuals(w: Float64Array): Float64Array;
  /** r(w) and its Jacobian. */
  linearize(w: Float64Array): LinearizedResiduals;
}

/** What steps need of a linearization: J by its rows where they are known, and by its products. */
export interface Linearized extends JacobianProducts {
  readonly residuals: Float64Array;
  readonly rows?: Matrix;
  /** `½ ‖r‖²`. */
  readonly value: number;
  /** `Jᵀ r`. */
  readonly gradient: Float64Array;
}

/** @throws ShapeError for rows of another length; NotFiniteError for a NaN or an infinity. */
export function linearizeAt(problem: LeastSquaresProblem, w: Float64Array): Linearized {
  const given = problem.linearize(w.slice());
  checkRecord(given, 'what linearize returned', '{ residuals, jacobian }');
  checkFloat64(given.residuals, 'the residuals');
  const residuals = given.residuals.slice();
  const jacobian = isRows(given.jacobian)
    ? copiedRows(given.jacobian, residuals.length, w.length)
    : given.jacobian;
  const products = productsOf(jacobian);
  const value = halfSquare(residuals);
  const gradient = products.transpose(residuals);
  if (gradient.length !== w.length) throw wrongLength(gradient.length, w.length);
  if (!Number.isFinite(value) || !gradient.every(Number.isFinite)) {
    throw new NotFiniteError({
      given: `½‖r‖² = ${value}${Number.isFinite(value) ? ', and a gradient that is not finite' : ''}`,
      expected: 'finite residuals and a finite Jacobian where a step begins',
      remedy: 'Look for a logarithm of 0 or an overflow in the residuals.',
    });
  }
  return {
    residuals,
    value,
    gradient,
    apply: products.apply,
    transpose: products.transpose,
    ...(isRows(jacobian) && { rows: jacobian }),
  };
}

/**
 * The residuals at w, which may be not finite.
 *
 * @throws InputError or ShapeError unless they are as many numbers as where the step began.
 */
export function residualsAt(
  problem: LeastSquaresProblem,
  w: Float64Array,
  { residuals: { length } }: Linearized,
): Float64Array {
  const residuals = problem.residuals(w.slice());
  checkFloat64(residuals, 'what residuals returned');
  if (residuals.length === length) return residuals.slice();
  throw new ShapeError({
    given: `${residuals.length} residuals`,
    expected: `${length} residuals, as many as linearize returned`,
    remedy: 'Both functions compute the same residuals.',
  });
}

/** `½ ‖r‖²`. */
export function halfSquare(r: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < r.length; i++) sum += r[i]! * r[i]!;
  return sum / 2;
}

function productsOf(jacobian: LinearizedResiduals['jacobian']): JacobianProducts {
  if (isRows(jacobian)) {
    return {
      apply: (v) => multiply(jacobian, v),
      transpose: (u) => multiplyTransposed(jacobian, u),
    };
  }
  checkMethods(jacobian, 'the Jacobian', ['apply', 'transpose']);
  const copied = (product: Float64Array, what: string) => {
    checkFloat64(product, what);
    return product.slice();
  };
  return {
    apply: (v) => copied(jacobian.apply(v.slice()), 'a product with the Jacobian'),
    transpose: (u) =>
      copied(jacobian.transpose(u.slice()), 'a product with the transposed Jacobian'),
  };
}

/** The rows as they are now. @throws InputError or ShapeError unless they are n rows of p numbers. */
function copiedRows(jacobian: Matrix, n: number, p: number): Matrix {
  if (jacobian.length !== n) {
    throw new ShapeError({
      given: `a Jacobian of ${jacobian.length} rows and ${n} residuals`,
      expected: 'a row for each residual',
      remedy: 'Row i has the derivatives of residual i with respect to all parameters.',
    });
  }
  return jacobian.map((row) => {
    checkFloat64(row, 'a row of the Jacobian');
    if (row.length !== p) throw wrongLength(row.length, p);
    return row.slice();
  });
}

const isRows = (jacobian: LinearizedResiduals['jacobian']): jacobian is Matrix =>
  Array.isArray(jacobian);

const wrongLength = (given: number, p: number) =>
  new ShapeError({
    given: `${given} derivatives of a residual`,
    expected: `${p} derivatives, one with respect to each parameter`,
    remedy: 'The Jacobian has a row for each residual and a column for each parameter.',
  });
