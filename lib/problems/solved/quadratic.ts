import {
  type AffineBlocks,
  affineBlocks,
  LEAST_ENTRIES,
  type StoredMatrix,
  storedMatrix,
} from '../../backends/wasm/doubles';
import { InputError, NotFiniteError } from '../../errors';
import { requireSpectrum, type Spectrum } from '../../methods';
import { type Eigen, eigen, type Matrix, multiply, partsOf, requireSymmetric } from '../../numbers';
import {
  checkFloat64,
  checkFunction,
  checkMethods,
  checkNoMore,
  checkOptionNames,
  phrase,
} from '../../options';
import { float64 } from '../../spaces';
import type { InnerDerivatives, SolvedProblem, Start } from '../derivatives';
import { rememberAffine } from './affine';

/** A quadratic `f(x, θ) = ½ xᵀH(θ)x − b(θ)ᵀx`, with the derivatives of H and b. */
export interface QuadraticFamily {
  /** H(θ), symmetric and positive definite. */
  hessian(theta: Float64Array): Matrix;
  /** b(θ). */
  linear(theta: Float64Array): Float64Array;
  /** `∂H/∂θⱼ` for each j; all zero where it is left out. */
  dHessian?(theta: Float64Array): Matrix[];
  /** `∂b/∂θⱼ` for each j; all zero where it is left out. */
  dLinear?(theta: Float64Array): Float64Array[];
}

export interface QuadraticOptions extends QuadraticFamily {
  /** θ, at which the problem is taken. */
  theta: Float64Array;
  /** x₀; zero by default. */
  start?: Float64Array;
  /** `∂x₀/∂θⱼ` for each j; all zero by default. */
  startJacobian?: Float64Array[];
  /** Default: the smallest and the largest eigenvalue of H(θ). */
  spectrum?: Spectrum;
}

const NAMES = [
  'hessian',
  'linear',
  'dHessian',
  'dLinear',
  'theta',
  'start',
  'startJacobian',
  'spectrum',
];

/** A quadratic problem, taken apart in the eigenvectors of its Hessian. */
export interface QuadraticProblem extends SolvedProblem {
  readonly eigen: Eigen;
  /** `∂H/∂θⱼ` at θ. */
  readonly dHessian: Matrix[];
}

/**
 * A quadratic at θ, with its solution and the Jacobian of the solution.
 *
 * `x* = H⁻¹b` and, with ∂ for the derivative with respect to θⱼ, `∂x* = H⁻¹(∂b − ∂H x*)`. The derivatives of H need not commute with H.
 *
 * The numbers that its functions return are copied, and so are θ and the start.
 *
 * @throws InputError and ShapeError for matrices that are not symmetric or do not fit, a spectrum without
 *   `0 < μ ≤ L`, and an H that is not positive definite; NotFiniteError for a start with a NaN.
 */
export function quadratic(options: QuadraticOptions): QuadraticProblem {
  checkNoMore('quadratic', arguments, 1);
  checkOptionNames('quadratic', options, NAMES);
  checkMethods(options, 'the options of quadratic', ['hessian', 'linear']);
  const { start: given, startJacobian, dHessian, dLinear, spectrum } = options;
  if (dHessian !== undefined) checkFunction(dHessian, 'dHessian of quadratic');
  if (dLinear !== undefined) checkFunction(dLinear, 'dLinear of quadratic');
  checkFloat64(options.theta, 'theta');
  const theta = options.theta.slice();
  if (spectrum !== undefined) requireSpectrum(spectrum, 'quadratic');
  if (given !== undefined) checkFloat64(given, 'the start');
  if (startJacobian !== undefined) checkColumns(startJacobian, 'startJacobian');
  const { H, b, dH, db } = evaluate(options, theta);
  const spectral = eigen(H);
  const { values } = spectral;
  requirePositiveDefinite(values);

  const solve = (v: Float64Array) => spectralApply(spectral, (value) => 1 / value, v);
  const x = solve(b);
  const jacobian = dH.map((dHj, j) => solve(float64.subtract(db[j]!, multiply(dHj, x))));
  const zeros = () => new Float64Array(b.length);
  const start: Start = {
    x: given?.slice() ?? zeros(),
    jacobian: startJacobian?.map(float64.clone) ?? dH.map(zeros),
  };
  for (const vector of [start.x, ...start.jacobian]) checkStart(vector, b);

  return {
    theta,
    start,
    solution: { x, jacobian },
    spectrum: spectrum ?? { mu: values[0]!, L: values[values.length - 1]! },
    eigen: spectral,
    dHessian: dH,
    ...derivatives(options, { theta, H, b, dH, db }),
  };
}

/** @throws ShapeError or NotFiniteError for a start, or a column of its Jacobian, that does not suit x. */
export function checkStart(vector: Float64Array, like: Float64Array): void {
  float64.check(vector, like, 'the start');
  if (vector.every(Number.isFinite)) return;
  throw new NotFiniteError({
    given: `a start with ${vector.find((value) => !Number.isFinite(value))}`,
    expected: 'finite numbers',
    remedy: 'Leave it out to start from zero.',
  });
}

/** `Σ f(λᵢ) vᵢvᵢᵀ x`. */
export function spectralApply(
  { values, vectors }: Eigen,
  f: (value: number, i: number) => number,
  x: Float64Array,
): Float64Array {
  const result = new Float64Array(x.length);
  values.forEach((value, i) => {
    const vector = vectors[i]!;
    const weight = f(value, i) * float64.dot(vector, x);
    for (let k = 0; k < result.length; k++) result[k]! += weight * vector[k]!;
  });
  return result;
}

interface Evaluated {
  theta: Float64Array;
  H: Matrix;
  b: Float64Array;
  dH: Matrix[];
  db: Float64Array[];
}

function evaluate(family: QuadraticFamily, theta: Float64Array): Evaluated {
  const given = family.linear(theta.slice());
  checkFloat64(given, 'what linear() returns');
  const b = given.slice();
  const n = b.length;
  // Copies, which nothing changes that becomes of the arrays later.
  const rows = family.hessian(theta.slice());
  checkColumns(rows, 'what hessian() returns');
  const H = rows.map(float64.clone);
  const zeroMatrix = () => Array.from({ length: n }, () => new Float64Array(n));
  const dH = family.dHessian?.(theta.slice()) ?? Array.from(theta, zeroMatrix);
  const db = family.dLinear?.(theta.slice()) ?? Array.from(theta, () => new Float64Array(n));
  requireSymmetric(H, n, 'a Hessian');
  if (!Array.isArray(dH)) checkColumns(dH, 'what dHessian() returns');
  checkColumns(db, 'what dLinear() returns');
  for (const dHj of dH) checkColumns(dHj, 'a derivative of the Hessian');
  for (const dHj of dH) requireSymmetric(dHj, n, 'a derivative of the Hessian');
  for (const dbj of db) float64.check(dbj, b, 'a derivative of b');
  if (dH.length !== theta.length || db.length !== theta.length) {
    throw new InputError({
      given: `${dH.length} derivatives of H and ${db.length} of b for ${theta.length} parameters`,
      expected: 'one derivative of H and one of b for each parameter',
      remedy: 'Return a list, also for a single parameter.',
    });
  }
  return {
    ...{ theta, H, b },
    dH: dH.map((dHj) => dHj.map(float64.clone)),
    db: db.map(float64.clone),
  };
}

type Multiplied = Pick<StoredMatrix, 'multiply' | 'multiplyAll' | 'addProducts'>;

/** The products with H and with all its derivatives at once. */
interface Products {
  H: Multiplied;
  /** `∂H/∂θⱼ x` for each j, one after the other, added to `out`. */
  addAll(x: Float64Array, out: Float64Array): void;
  /** `∂b/∂θⱼ` for each j, one after the other. */
  db: Float64Array;
}

function productsOf({ H, b, dH, db }: Evaluated): Products {
  const n = b.length;
  const isLarge = dH.length * H.length ** 2 >= LEAST_ENTRIES;
  const stored = isLarge ? storedMatrix(dH.flat()) : undefined;
  const all = new Float64Array(n * db.length);
  for (const [j, dbj] of db.entries()) all.set(dbj, j * n);
  return {
    H: storedMatrix(H) ?? asStored(H),
    addAll(x, out) {
      if (stored !== undefined) {
        stored.addProducts(x, out);
        return;
      }
      for (const [j, dHj] of dH.entries()) addTo(out, multiply(dHj, x), j * n);
    },
    db: all,
  };
}

/** A matrix that is multiplied where it is. */
function asStored(A: Matrix): Multiplied {
  return {
    multiply: (x) => multiply(A, x),
    multiplyAll: (xs) => xs.map((x) => multiply(A, x)),
    addProducts(xs, out) {
      for (const [j, x] of partsOf(xs, A.length).entries()) {
        addTo(out, multiply(A, x), j * A.length);
      }
    },
  };
}

function addTo(out: Float64Array, x: Float64Array, from: number): void {
  for (let i = 0; i < x.length; i++) out[from + i]! += x[i]!;
}

function derivatives(family: QuadraticFamily, known: Evaluated): InnerDerivatives {
  const isKnown = (theta: Float64Array) =>
    theta.length === known.theta.length && theta.every((value, j) => value === known.theta[j]);
  const at = (theta: Float64Array) => (isKnown(theta) ? known : evaluate(family, theta));
  // Laid out when they are first needed.
  let ofKnown: Products | undefined;
  const productsAt = (theta: Float64Array) => {
    if (!isKnown(theta)) return productsOf(at(theta));
    ofKnown ??= productsOf(known);
    return ofKnown;
  };
  // Likewise.
  let blocks: { ofKnown: AffineBlocks | undefined } | undefined;
  const made: InnerDerivatives = {
    innerGradient(x: Float64Array, theta: Float64Array) {
      return float64.subtract(productsAt(theta).H.multiply(x), at(theta).b);
    },
    innerHessian(_: Float64Array, theta: Float64Array) {
      const { H } = productsAt(theta);
      return {
        apply: (v: Float64Array) => H.multiply(v),
        applyAll: (vs: readonly Float64Array[]) => H.multiplyAll(vs),
        addProducts: (vs: Float64Array, out: Float64Array) => H.addProducts(vs, out),
        dispose() {},
      };
    },
    innerMixed(x: Float64Array, theta: Float64Array) {
      const n = x.length;
      const addColumns = (out: Float64Array) => {
        const { addAll, db } = productsAt(theta);
        addAll(x, out);
        for (let i = 0; i < out.length; i++) out[i]! -= db[i]!;
      };
      let all: Float64Array | undefined;
      const column = (j: number) => {
        if (all === undefined) {
          all = new Float64Array(n * theta.length);
          addColumns(all);
        }
        return all.subarray(j * n, (j + 1) * n);
      };
      return {
        jvp(v: Float64Array) {
          const sum = float64.zeros(x);
          for (let j = 0; j < v.length; j++) {
            const a = v[j]!;
            if (a === 0) continue;
            const c = column(j);
            for (let i = 0; i < n; i++) sum[i]! += a * c[i]!;
          }
          return sum;
        },
        addColumns,
        vjp: (u: Float64Array) => Float64Array.from(theta, (_, j) => float64.dot(column(j), u)),
      };
    },
  };
  rememberAffine(made, (theta) => {
    if (!isKnown(theta)) return affineBlocks(at(theta));
    blocks ??= { ofKnown: affineBlocks(known) };
    return blocks.ofKnown;
  });
  return made;
}

/** @throws InputError for anything but a list of Float64Arrays. */
export function checkColumns(list: unknown, what: string): void {
  if (Array.isArray(list) && list.every((column) => column instanceof Float64Array)) return;
  throw new InputError({
    given: `${phrase(list)} as ${what}`,
    expected: 'a list of Float64Arrays',
    remedy: 'Make each row or column by Float64Array.of(…).',
  });
}

function requirePositiveDefinite(values: Float64Array): void {
  if (values[0]! > 0) return;
  throw new InputError({
    given: `a Hessian whose smallest eigenvalue is ${values[0]}`,
    expected: 'a positive definite Hessian',
    remedy: 'Without strong convexity the solution is not a function of θ: add a ridge μI.',
  });
}
