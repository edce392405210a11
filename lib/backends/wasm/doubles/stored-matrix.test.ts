import { describe, expect, it } from 'vitest';
import { multiply, multiplyTransposed, random } from '../../../numbers';
import { storedMatrix } from './stored-matrix';

const draw = random(7);
const matrix = (rows: number, columns: number) =>
  Array.from({ length: rows }, () => draw.normals(columns));

describe('a stored matrix', () => {
  it.each([
    [20, 20],
    [37, 23],
    [41, 10],
    [2, 333],
    [801, 3],
  ])('of %i rows and %i columns has the products of its rows', (rows, columns) => {
    const A = matrix(rows, columns);
    const xs = Array.from({ length: 5 }, () => draw.normals(columns));
    const stored = storedMatrix(A)!;
    for (const count of [1, 2, 5]) {
      const found = stored.multiplyAll(xs.slice(0, count));
      expect(found.length).toBe(count);
      found.forEach((y, j) => {
        const wanted = multiply(A, xs[j]!);
        expect(y.length).toBe(rows);
        for (let i = 0; i < rows; i++) expect(y[i]!).toBeCloseTo(wanted[i]!, 11);
      });
    }
  });

  it.each([
    [20, 20],
    [37, 23],
  ])('of %i rows and %i columns adds the products of vectors in one array', (rows, columns) => {
    const A = matrix(rows, columns);
    const stored = storedMatrix(A)!;
    // More than are multiplied in one go.
    for (const count of [1, 2, 35]) {
      const xs = Array.from({ length: count }, () => draw.normals(columns));
      const before = draw.normals(count * rows);
      const out = before.slice();
      stored.addProducts(Float64Array.from(xs.flatMap((x) => [...x])), out);
      xs.forEach((x, j) => {
        multiply(A, x).forEach((wanted, i) => {
          expect(out[j * rows + i]! - before[j * rows + i]!).toBeCloseTo(wanted, 11);
        });
      });
    }
  });

  it.each([
    [20, 20],
    [37, 23],
    [2, 333],
    [801, 3],
  ])('of %i rows and %i columns has the products of its transpose', (rows, columns) => {
    const A = matrix(rows, columns);
    const [r, x] = [draw.normals(rows), draw.normals(columns)];
    const stored = storedMatrix(A)!;
    const scaled = multiply(A, x).map((value, i) => r[i]! * value);
    // One after the other: neither leaves anything behind for the other.
    for (const _ of [1, 2]) {
      stored.multiplyTransposed(r).forEach((y, j) => {
        expect(y).toBeCloseTo(multiplyTransposed(A, r)[j]!, 11);
      });
      const gram = new Float64Array(x.length);
      stored.multiplyGram(r, x, gram);
      expect(gram.length).toBe(columns);
      multiplyTransposed(A, scaled).forEach((y, j) => {
        expect(gram[j]! - y).toBeCloseTo(0, 9);
      });
      stored.multiplyAll([x, x, x]);
    }
  });

  it('is there again after others have taken all the memory', () => {
    const A = matrix(30, 30);
    const x = draw.normals(30);
    const stored = storedMatrix(A)!;
    const before = stored.multiply(x);
    const big = Array.from({ length: 1400 }, () => new Float64Array(1400).fill(3));
    for (let i = 0; i < 5; i++) {
      expect(storedMatrix(big)!.multiply(new Float64Array(1400).fill(1))[7]).toBe(4200);
    }
    expect([...stored.multiply(x)]).toEqual([...before]);
  });

  it('passes a NaN on, to the rows that see it', () => {
    const A = Array.from({ length: 24 }, () => new Float64Array(24).fill(1));
    A[3]![5] = Number.NaN;
    const y = storedMatrix(A)!.multiply(new Float64Array(24).fill(1));
    expect([...y].map(Number.isNaN).indexOf(true)).toBe(3);
    expect([...y].filter(Number.isNaN).length).toBe(1);
  });

  it('is refused where it is too small or too large to be worth it', () => {
    expect(storedMatrix(matrix(3, 3))).toBeUndefined();
    expect(storedMatrix([])).toBeUndefined();
    expect(storedMatrix([new Float64Array(3e6), new Float64Array(3e6)])).toBeUndefined();
  });
});
