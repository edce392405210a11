/**
 * The eigenvalues of the symmetric tridiagonal matrix with this diagonal and off-diagonal, in
 * descending order, by implicit QL steps; the given rows are turned along, `row ← row · V` with V
 * the eigenvectors as columns. A row of the identity becomes that row of V.
 *
 * @param off one number fewer than the diagonal has
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §8.3; Wilkinson & Reinsch, [Linear Algebra](https://doi.org/10.1007/978-3-642-86940-2), II/3.
 */
export function tridiagonalEigen(
  diagonal: ArrayLike<number>,
  off: ArrayLike<number>,
  rows: readonly Float64Array[] = [],
): { values: Float64Array; rows: Float64Array[] } {
  const size = diagonal.length;
  const d = Float64Array.from(diagonal);
  const e = Float64Array.from({ length: size }, (_, i) => (i < size - 1 ? off[i]! : 0));
  const turned = rows.map((row) => row.slice());
  for (let from = 0; from < size; from++) {
    for (let sweep = 0; sweep < 100; sweep++) {
      let to = from;
      while (to < size - 1 && !negligible(e[to]!, d[to]!, d[to + 1]!)) to++;
      if (to === from) break;
      step(d, e, turned, from, to);
    }
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => d[j]! - d[i]!);
  const sorted = (x: Float64Array) => Float64Array.from(order, (i) => x[i]!);
  return { values: sorted(d), rows: turned.map(sorted) };
}

const negligible = (e: number, a: number, b: number) =>
  Math.abs(e) <= Number.EPSILON * (Math.abs(a) + Math.abs(b)) || Math.abs(e) < 1e-300;

/** One implicit QL step on the block `from … to`, with the shift of its first two rows. */
function step(d: Float64Array, e: Float64Array, rows: Float64Array[], from: number, to: number) {
  const half = (d[from + 1]! - d[from]!) / (2 * e[from]!);
  const root = Math.hypot(half, 1);
  let g = d[to]! - d[from]! + e[from]! / (half + (half < 0 ? -root : root));
  let [sine, cosine, shift] = [1, 1, 0];
  for (let i = to - 1; i >= from; i--) {
    const f = sine * e[i]!;
    const b = cosine * e[i]!;
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // The block has fallen apart.
      d[i + 1]! -= shift;
      e[to] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1]! - shift;
    const s = (d[i]! - g) * sine + 2 * cosine * b;
    shift = sine * s;
    d[i + 1] = g + shift;
    g = cosine * s - b;
    for (const row of rows) {
      const next = row[i + 1]!;
      row[i + 1] = sine * row[i]! + cosine * next;
      row[i] = cosine * row[i]! - sine * next;
    }
  }
  d[from]! -= shift;
  e[from] = g;
  e[to] = 0;
}
