import { InputError } from '../errors';
import { type Pausing, withoutPause } from '../event-loop';

/** A rotation of the i-th and the (i + 1)-th eigenvector: `(a, b) ← (c a − s b, s a + c b)`. */
export type Rotate = (i: number, c: number, s: number) => void;

/**
 * Turns the diagonal of a symmetric tridiagonal matrix into its eigenvalues, in no order, by QL
 * iterations with implicit Wilkinson shifts.
 *
 * @param off one number fewer than the diagonal has; left as it is
 * @param rotate is called with every rotation, for whatever the eigenvectors are to be applied to
 * @throws InputError where QL does not converge, as near the limits of float64.
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §8.3; Wilkinson & Reinsch, [Linear Algebra](https://doi.org/10.1007/978-3-642-86940-2), II/4.
 */
export function diagonalize(diagonal: Float64Array, off: ArrayLike<number>, rotate: Rotate): void {
  withoutPause(diagonalizeInPieces(diagonal, off, rotate));
}

/** The same, to be left for a while between its sweeps. */
export function* diagonalizeInPieces(
  diagonal: Float64Array,
  off: ArrayLike<number>,
  rotate: Rotate,
): Pausing<void> {
  const n = diagonal.length;
  const e = Float64Array.from({ length: n }, (_, i) => (i < n - 1 ? off[i]! : 0));
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
      yield;
      step(diagonal, e, rotate, first, last);
    }
  }
}

const largestOf = (x: Float64Array) =>
  x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const notConverged = (n: number, sweeps: number) =>
  new InputError({
    given: `a symmetric matrix of size ${n}, one of whose eigenvalues QL has not found in ${sweeps} steps`,
    expected: 'convergence in two or three steps',
    remedy: 'Scale the matrix: its entries may be near the limits of float64.',
  });

/** One of NaN counts too: it goes through to the eigenvalues instead of being iterated on. */
const isNegligible = (x: number, a: number, b: number, least: number) =>
  !(Math.abs(x) > Math.max(0.5 * Number.EPSILON * (Math.abs(a) + Math.abs(b)), least));

/** One QL step with an implicit shift on the block from `first` to `last`. */
function step(d: Float64Array, e: Float64Array, rotate: Rotate, first: number, last: number): void {
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
    rotate(i, c, s);
  }
  d[first]! -= p;
  e[first] = g;
  e[last] = 0;
}
