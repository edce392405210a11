import { describe, expect, it } from 'vitest';
import { withPauses } from '../event-loop';
import { factorize, factorizeInPieces, random, type SquareMatrix } from '.';

/** A symmetric matrix with the eigenvalues of `1 + i/2` shifted by `shift`, about. */
function made(size: number, shift: number): SquareMatrix {
  const entries = random(1).normals(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) entries[i * size + j] = entries[j * size + i]! /= size;
    entries[i * (size + 1)] = i / 2 + shift;
  }
  return { size, entries };
}

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
