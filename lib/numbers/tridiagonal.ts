import { diagonalize } from './ql';

/**
 * The eigenvalues of the symmetric tridiagonal matrix with this diagonal and off-diagonal, in
 * descending order; the given rows are turned along, `row ← row · V` with V
 * the eigenvectors as columns. A row of the identity becomes that row of V.
 *
 * @param off one number fewer than the diagonal has
 * @throws InputError where QL does not converge, as near the limits of float64.
 */
export function tridiagonalEigen(
  diagonal: ArrayLike<number>,
  off: ArrayLike<number>,
  rows: readonly Float64Array[] = [],
): { values: Float64Array; rows: Float64Array[] } {
  const values = Float64Array.from(diagonal);
  const turned = rows.map((row) => row.slice());
  diagonalize(values, off, (i, c, s) => {
    for (const row of turned) {
      const [a, b] = [row[i]!, row[i + 1]!];
      row[i] = c * a - s * b;
      row[i + 1] = s * a + c * b;
    }
  });
  const order = Array.from(values.keys()).sort((i, j) => values[j]! - values[i]!);
  const sorted = (x: Float64Array) => Float64Array.from(order, (i) => x[i]!);
  return { values: sorted(values), rows: turned.map(sorted) };
}
