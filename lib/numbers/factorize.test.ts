import { describe, expect, it } from 'vitest';
import { withPauses } from '../event-loop';
import {
  cholesky,
  crossProducts,
  factorize,
  factorizeInPieces,
  random,
  type SquareMatrix,
} from '.';

/** A symmetric matrix with the eigenvalues of `1 + i/2` shifted by `shift`, about. */
function made(size: number, shift: number): SquareMatrix {
  const entries = random(1).normals(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) entries[i * size + j] = entries[j * size + i]! /= size;
    entries[i * (size + 1)] = i / 2 + shift;
  }
  return { size, entries };
}

it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 30])(
  'Cholesky of %i rows has the entries of the textbook, to the last bit',
  (size) => {
    const stream = random(size);
    const rows = Array.from({ length: size }, () => stream.normals(size + 2));
    const matrix = crossProducts(rows);
    const b = stream.normals(size);
    // Row by row, entry by entry (Golub & Van Loan, §4.2).
    const L = rows.map(() => new Float64Array(size));
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = matrix.entries[i * size + j]!;
        for (let k = 0; k < j; k++) sum -= L[i]![k]! * L[j]![k]!;
        L[i]![j] = j < i ? sum / L[j]![j]! : Math.sqrt(sum);
      }
    }
    const x = b.slice();
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < i; k++) x[i]! -= L[i]![k]! * x[k]!;
      x[i]! /= L[i]![i]!;
    }
    for (let i = size - 1; i >= 0; i--) {
      for (let k = i + 1; k < size; k++) x[i]! -= L[k]![i]! * x[k]!;
      x[i]! /= L[i]![i]!;
    }
    expect(cholesky(matrix, Number.EPSILON)!(b)).toEqual(x);
  },
);

it('solves in any units of the unknowns alike, to single precision of the matrix', () => {
  const { size, entries } = made(10, 1);
  const b = random(2).normals(size);
  // Powers of two, over twelve decades: D A D y = D b has y = D⁻¹ x, to the last bit.
  const unit = (i: number) => 2 ** (20 - 4 * i);
  const scaled = entries.map((a, at) => a * unit(Math.floor(at / size)) * unit(at % size));
  const x = factorize({ size, entries }, 2 ** -23)(b);
  const y = factorize({ size, entries: scaled }, 2 ** -23)(b.map((value, i) => value * unit(i)));
  expect(y.map((value, i) => value * unit(i))).toEqual(x);
});

it('Cholesky finds that a matrix is not positive definite, at any pivot', () => {
  for (const at of [0, 3, 5, 9]) {
    const matrix = made(10, 1);
    matrix.entries[at * 11] = -0.5;
    expect(cholesky(matrix, Number.EPSILON)).toBeUndefined();
  }
});

describe.each([
  ['by Cholesky', 1],
  ['by LU, since it is indefinite', -40.3],
])('a factorization %s', (_, shift) => {
  const size = 240;
  const matrix = made(size, shift);
  const b = random(2).normals(size);

  it('comes in pieces, none of which is much more than a million multiplications', () => {
    let pieces = 1;
    const work = factorizeInPieces(matrix, Number.EPSILON);
    while (!work.next().done) pieces++;
    // n³/6 and, with the search for pivots, 2n³/3 multiplications.
    const multiplications = shift > 0 ? size ** 3 / 6 : (2 * size ** 3) / 3;
    expect(pieces).toBeGreaterThanOrEqual(Math.max(1, Math.floor(multiplications / 1.2e6)));
  });

  it('is the same in pieces as at once, and solves', async () => {
    const x = (await withPauses(factorizeInPieces(matrix, Number.EPSILON)))(b);
    expect(x).toEqual(factorize(matrix, Number.EPSILON)(b));
    for (let i = 0; i < size; i++) {
      let Ax = 0;
      for (let j = 0; j < size; j++) Ax += matrix.entries[i * size + j]! * x[j]!;
      expect(Ax).toBeCloseTo(b[i]!, 8);
    }
  });
});
