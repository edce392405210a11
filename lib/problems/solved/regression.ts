import { NotFiniteError, ShapeError } from '../../errors';
import { requireSpectrum, type Spectrum } from '../../methods';
import {
  diagonal,
  eigen,
  gram,
  type Matrix,
  matrix,
  multiply,
  multiplyTransposed,
  requireLabels,
  sigmoid,
} from '../../numbers';
import { checkFloat64, checkNoMore, checkOptionNames, checkPositive } from '../../options';
import { float64 } from '../../spaces';
import type { SolvedProblem } from '../derivatives';
import {
  checkColumns,
  checkStart,
  type QuadraticProblem,
  quadratic,
  spectralApply,
} from './quadratic';

/** n samples, by rows, their targets, and a weight for the regulariser. */
export interface RegressionOptions {
  /** The inputs, n rows of p features. */
  X: Matrix;
  /** The n targets; for `logisticRegression`, labels 0 and 1. */
  y: Float64Array;
  /** λ > 0. */
  lambda: number;
  /** The first weights; zero by default. */
  start?: Float64Array;
  /** Default: the bounds that hold for all weights. */
  spectrum?: Spectrum;
}

/**
 * Ridge regression `‖Xw − y‖²/(2n) + λ‖w‖²/2` with λ as its parameter, as a quadratic problem.
 *
 * `H = XᵀX/n + λI`, `dw* = −H⁻¹w* dλ`.
 *
 * The data are copied.
 *
 * @throws ShapeError for data or a start that do not fit; InputError for a λ that is not positive or a
 *   spectrum without `0 < μ ≤ L`; NotFiniteError for a NaN.
 */
export function ridgeRegression(options: RegressionOptions): QuadraticProblem {
  checkNoMore('ridgeRegression', arguments, 1);
  checkData('ridgeRegression', options);
  const { X, y, lambda, ...rest } = options;
  const covariance = gram(X);
  const correlation = multiplyTransposed(X, y).map((value) => value / X.length);
  const identity = diagonal(new Float64Array(correlation.length).fill(1));
  return quadratic({
    ...rest,
    theta: Float64Array.of(lambda),
    hessian: ([λ]) => covariance.map((row, i) => float64.axpy(λ!, identity[i]!, row)),
    linear: () => correlation,
    dHessian: () => [identity],
  });
}

/**
 * Logistic regression `Σ log(1 + exp(−sᵢxᵢᵀw))/n + λ‖w‖²/2`, `sᵢ = 2yᵢ − 1`, with λ as its parameter.
 *
 * `H = XᵀSX/n + λI` with `S = diag p(1 − p)`, and `dw* = −H⁻¹w* dλ`. Not a quadratic: H changes along
 * the way, and with it what the residual polynomials predict. The solution is found by Newton's
 * method to rounding.
 *
 * The data are copied.
 *
 * @throws ShapeError for data or a start that do not fit; InputError for a λ that is not positive, labels
 *   other than 0 and 1, or a spectrum without `0 < μ ≤ L`; NotFiniteError for a NaN.
 */
export function logisticRegression(options: RegressionOptions): SolvedProblem {
  checkNoMore('logisticRegression', arguments, 1);
  checkData('logisticRegression', options);
  const { lambda, start, spectrum } = options;
  // Copies: the solution is that of the data as they are now.
  const [X, y] = [options.X.map(float64.clone), options.y.slice()];
  requireLabels(y);
  const p = X[0]!.length;
  if (spectrum !== undefined) requireSpectrum(spectrum, 'logisticRegression');
  if (start !== undefined) checkStart(start, new Float64Array(p));
  const theta = Float64Array.of(lambda);
  const identity = diagonal(new Float64Array(p).fill(1));

  const innerGradient = (w: Float64Array, [λ]: Float64Array) => {
    const slope = multiply(X, w).map((z, i) => (sigmoid(z) - y[i]!) / X.length);
    return float64.axpy(λ!, w, multiplyTransposed(X, slope));
  };
  const innerHessian = (w: Float64Array, [λ]: Float64Array) => {
    const curvature = multiply(X, w).map((z) => (sigmoid(z) * sigmoid(-z)) / X.length);
    return {
      apply(v: Float64Array) {
        const Xv = multiply(X, v);
        return float64.axpy(
          λ!,
          v,
          multiplyTransposed(
            X,
            Xv.map((z, i) => z * curvature[i]!),
          ),
        );
      },
      dispose() {},
    };
  };
  const solve = (w: Float64Array, b: Float64Array) => {
    const H = innerHessian(w, theta);
    const columns = identity.map((unit) => H.apply(unit));
    const symmetric = matrix(p, (i, j) => (columns[i]![j]! + columns[j]![i]!) / 2);
    return spectralApply(eigen(symmetric), (value) => 1 / value, b);
  };

  const x = newton(new Float64Array(p), (w) => innerGradient(w, theta), solve);
  const largest = eigen(gram(X)).values[p - 1]!;
  return {
    theta,
    start: { x: start?.slice() ?? new Float64Array(p), jacobian: [new Float64Array(p)] },
    solution: { x, jacobian: [solve(x, x).map((value) => -value)] },
    spectrum: spectrum ?? { mu: lambda, L: lambda + largest / 4 },
    innerGradient,
    innerHessian,
    innerMixed: (w) => ({
      jvp: ([dλ]) => w.map((value) => value * dλ!),
      vjp: (u) => Float64Array.of(float64.dot(w, u)),
    }),
  };
}

/** @throws NotFiniteError for a number of the data that is not finite. */
function requireFinite(numbers: Float64Array, owner: string): void {
  const wrong = numbers.find((value) => !Number.isFinite(value));
  if (wrong === undefined) return;
  throw new NotFiniteError({
    given: `${wrong} in the data of ${owner}`,
    expected: 'finite numbers',
    remedy: 'Leave the row out, or fill in the missing values.',
  });
}

/** The root of a gradient by damped Newton steps, to rounding. */
function newton(
  start: Float64Array,
  gradient: (w: Float64Array) => Float64Array,
  solve: (w: Float64Array, b: Float64Array) => Float64Array,
): Float64Array {
  let w = start;
  let g = gradient(w);
  for (let i = 0; i < 200; i++) {
    const direction = solve(w, g);
    let length = 1;
    let next = float64.axpy(-length, direction, w);
    while (float64.norm(gradient(next)) >= float64.norm(g) && length > 1e-10) {
      length /= 2;
      next = float64.axpy(-length, direction, w);
    }
    if (length <= 1e-10) break;
    w = next;
    g = gradient(w);
  }
  return w;
}

function checkData(owner: string, options: RegressionOptions): void {
  checkOptionNames(owner, options, ['X', 'y', 'lambda', 'start', 'spectrum']);
  const { X, y, lambda, start } = options;
  checkColumns(X, `X of ${owner}`);
  checkFloat64(y, `y of ${owner}`);
  if (start !== undefined) checkFloat64(start, `the start of ${owner}`);
  for (const row of [...X, y]) requireFinite(row, owner);
  checkPositive(lambda, 'a lambda of');
  const p = X[0]?.length ?? 0;
  if (p > 0 && X.length === y.length && X.every((row) => row.length === p)) return;
  throw new ShapeError({
    given: `${X.length} rows of ${[...new Set(X.map((row) => row.length))].join(' or ')} features with ${y.length} targets`,
    expected: 'as many rows as targets, all of one length',
    remedy: 'Give X by its rows, one for each target.',
  });
}
