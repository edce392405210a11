import { InputError } from '../errors';
import type { Matrix } from './rows';
import type { SquareMatrix } from './square-matrix';

/** The eigenvalues of a symmetric matrix, ascending, and its eigenvectors as the rows of a matrix. */
export interface Eigen {
  values: Float64Array;
  vectors: Float64Array[];
}

/** The same of a matrix by its entries, row by row; see `eigen`. */
export function eigenSymmetric({ size, entries }: SquareMatrix): Eigen {
  return eigen(Array.from({ length: size }, (_, i) => entries.subarray(i * size, (i + 1) * size)));
}

/**
 * All eigenvalues of a symmetric matrix in ascending order, and their vectors of length 1, to
 * rounding; about 3n³ multiplications.
 *
 * Householder reflections `A = Q T Qᵀ` to a tridiagonal T, and QL iterations with Wilkinson's shifts
 * on T, whose rotations turn the rows of Qᵀ.
 *
 * @throws InputError where QL does not converge, as near the limits of float64.
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §8.3.
 */
export function eigen(A: Matrix): Eigen {
  const n = A.length;
  const vectors = A.map((row) => row.slice());
  const { diagonal, below } = tridiagonal(vectors);
  diagonalize(diagonal, below, vectors);
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => diagonal[a]! - diagonal[b]!);
  return {
    values: Float64Array.from(order, (i) => diagonal[i]!),
    vectors: order.map((i) => vectors[i]!),
  };
}

/** T by its diagonal and the entries below it (`below[i]` is `T[i][i − 1]`); A becomes Qᵀ. */
function tridiagonal(A: Float64Array[]) {
  const n = A.length;
  const below = new Float64Array(n);
  const reflections: { first: number; u: Float64Array }[] = [];
  for (let k = 0; k < n - 2; k++) {
    const column = Float64Array.from({ length: n - k - 1 }, (_, i) => A[k + 1 + i]![k]!);
    const { u, image } = reflection(column);
    below[k + 1] = image;
    if (u === undefined) continue;
    reflections.push({ first: k + 1, u });
    reflectBothSides(A, k + 1, u);
  }
  if (n > 1) below[n - 1] = A[n - 1]![n - 2]!;
  const diagonal = Float64Array.from(A, (row, i) => row[i]!);
  for (let i = 0; i < n; i++) A[i]!.fill(0)[i] = 1;
  // Qᵀ is the product of the reflections, the last one leftmost.
  for (const { first, u } of reflections) reflectRows(A, first, u);
  return { diagonal, below };
}

/** u with `(I − 2uuᵀ) x = image · e₁` and `‖u‖ = 1`; none where x is a multiple of e₁. */
function reflection(x: Float64Array): { u?: Float64Array; image: number } {
  let largest = 0;
  for (let i = 1; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]!));
  if (largest === 0) return { image: x[0]! };
  const scale = Math.max(largest, Math.abs(x[0]!));
  const u = x.map((value) => value / scale);
  const image = -Math.sign(u[0]! || 1) * Math.sqrt(dot(u, u));
  u[0]! -= image;
  const size = Math.sqrt(dot(u, u));
  for (let i = 0; i < u.length; i++) u[i]! /= size;
  return { u, image: image * scale };
}

/** `A ← P A P` on the rows and columns from `first` on: `A − 2uwᵀ − 2wuᵀ`, `w = Au − (uᵀAu) u`. */
function reflectBothSides(A: Float64Array[], first: number, u: Float64Array): void {
  const part = u.map((_, i) => dot(u, A[first + i]!.subarray(first)));
  const size = dot(u, part);
  const w = part.map((value, i) => value - size * u[i]!);
  for (let i = 0; i < u.length; i++) {
    const row = A[first + i]!.subarray(first);
    const [a, b] = [2 * u[i]!, 2 * w[i]!];
    for (let j = 0; j < u.length; j++) row[j]! -= a * w[j]! + b * u[j]!;
  }
}

/** `A ← P A` on the rows from `first` on. */
function reflectRows(A: Float64Array[], first: number, u: Float64Array): void {
  const sums = new Float64Array(A.length);
  u.forEach((weight, i) => {
    const row = A[first + i]!;
    for (let j = 0; j < sums.length; j++) sums[j]! += weight * row[j]!;
  });
  u.forEach((weight, i) => {
    const row = A[first + i]!;
    for (let j = 0; j < sums.length; j++) row[j]! -= 2 * weight * sums[j]!;
  });
}

/** Makes T diagonal by QL iterations from the top; the rows of V follow. */
function diagonalize(diagonal: Float64Array, below: Float64Array, V: Float64Array[]): void {
  const n = diagonal.length;
  // e[i] is T[i + 1][i].
  const e = Float64Array.from({ length: n }, (_, i) => below[i + 1] ?? 0);
  const size = largestOf(diagonal) + largestOf(e);
  const least = Number.EPSILON ** 2 * size;
  for (let first = 0; first < n; first++) {
    for (let sweep = 0; ; sweep++) {
      let last = first;
      const couples = (i: number) =>
        i < n - 1 && !isNegligible(e[i]!, diagonal[i]!, diagonal[i + 1]!, least);
      while (couples(last)) last++;
      if (last === first) break;
      if (sweep === 60) throw notConverged(n, sweep);
      step(diagonal, e, V, first, last);
    }
  }
}

const largestOf = (x: Float64Array) =>
  x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const notConverged = (n: number, sweeps: number) =>
  new InputError({
    given: `a symmetric matrix of size ${n}, one of whose eigenvalues QL has not found in ${sweeps} steps`,
    expected: 'convergence in two or three',
    remedy: 'Scale the matrix: its entries may be near the limits of float64.',
  });

/** One of NaN counts too: it goes through to the eigenvalues instead of being iterated on. */
const isNegligible = (x: number, a: number, b: number, least: number) =>
  !(Math.abs(x) > Math.max(0.5 * Number.EPSILON * (Math.abs(a) + Math.abs(b)), least));

/** One QL step with an implicit shift on the block from `first` to `last`. */
function step(
  d: Float64Array,
  e: Float64Array,
  V: Float64Array[],
  first: number,
  last: number,
): void {
  const half = (d[first + 1]! - d[first]!) / (2 * e[first]!);
  const root = Math.hypot(half, 1);
  let g = d[last]! - d[first]! + e[first]! / (half + (half < 0 ? -root : root));
  let [s, c, p] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1]! -= p;
      e[last] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - p;
    const t = (d[i]! - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
    turn(V[i]!, V[i + 1]!, c, s);
  }
  d[first]! -= p;
  e[first] = g;
  e[last] = 0;
}

function turn(a: Float64Array, b: Float64Array, c: number, s: number): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    a[i] = c * x - s * y;
    b[i] = s * x + c * y;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
