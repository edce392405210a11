import { afterEach, expect, it, vi } from 'vitest';
import { withoutPause } from '../../event-loop';
import { cholesky, crossProducts, factorizeInPieces, random, type SquareMatrix } from '..';

/** A Gram matrix of more columns than rows, and the bits that a random vector of right-hand sides has. */
function made(size: number): { matrix: SquareMatrix; b: Float64Array } {
  const stream = random(size);
  const R = Array.from({ length: size }, () => stream.normals(size + 20));
  return { matrix: crossProducts(R), b: stream.normals(size) };
}

/** `‖A x − b‖` divided by `‖|A| |x|‖`: a few ε for a solve that is backward stable. */
function backwardError({ size, entries }: SquareMatrix, x: Float64Array, b: Float64Array): number {
  let [off, all] = [0, 0];
  for (let i = 0; i < size; i++) {
    let [rest, bound] = [-b[i]!, 0];
    for (let j = 0; j < size; j++) {
      rest += entries[i * size + j]! * x[j]!;
      bound += Math.abs(entries[i * size + j]! * x[j]!);
    }
    off += rest ** 2;
    all += bound ** 2;
  }
  return Math.sqrt(off / all);
}

// One block and several, with and without columns left over.
const sizes = [64, 65, 66, 67, 130, 256, 257, 514];

it.each(sizes)('a matrix of %d rows is solved to rounding', (size) => {
  const { matrix, b } = made(size);
  const before = matrix.entries.slice();
  const x = cholesky(matrix, size * Number.EPSILON)!(b);
  expect(backwardError(matrix, x, b)).toBeLessThan(1e-14);
  expect(matrix.entries.every((entry, i) => entry === before[i])).toBe(true);
});

it.each(sizes)('of %d rows, a negative pivot is found wherever it is', (size) => {
  const { matrix } = made(size);
  for (const at of [0, 1, 62, size - 2, size - 1]) {
    const changed = matrix.entries.slice();
    changed[at * (size + 1)] = -1;
    expect(cholesky({ size, entries: changed }, Number.EPSILON)).toBeUndefined();
    changed[at * (size + 1)] = Number.NaN;
    expect(cholesky({ size, entries: changed }, Number.EPSILON)).toBeUndefined();
  }
});

it('factorizations that are left in between do not disturb each other', () => {
  const [one, other] = [made(400), made(530)];
  const work = [one, other, one].map(({ matrix }) => factorizeInPieces(matrix, Number.EPSILON));
  const solves: (((b: Float64Array) => Float64Array) | undefined)[] = [];
  let turns = 0;
  for (let open = work.length; open > 0; turns++) {
    for (const [i, each] of work.entries()) {
      if (solves[i] !== undefined) continue;
      const turn = each.next();
      // Something else uses the memory in between.
      if (turns % 2 === 1) made(90);
      if (turn.done) {
        solves[i] = turn.value;
        open -= 1;
      }
    }
  }
  expect(turns).toBeGreaterThan(2);
  for (const [i, { matrix, b }] of [one, other, one].entries()) {
    const x = withoutPause(factorizeInPieces(matrix, Number.EPSILON))(b);
    expect(solves[i]!(b).every((value, k) => value === x[k])).toBe(true);
  }
});

it('work that is broken off leaves the memory to others', () => {
  const { matrix, b } = made(400);
  const x = withoutPause(factorizeInPieces(matrix, Number.EPSILON))(b);
  const broken = factorizeInPieces(matrix, Number.EPSILON);
  broken.next();
  factorizeInPieces(matrix, Number.EPSILON).next();
  broken.return(() => b);
  expect(withoutPause(factorizeInPieces(matrix, Number.EPSILON))(b)).toEqual(x);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

it('is done without WebAssembly where there is none', async () => {
  const { matrix, b } = made(130);
  const x = cholesky(matrix, Number.EPSILON)!(b);
  vi.resetModules();
  vi.stubGlobal('WebAssembly', undefined);
  const plain = await import('..');
  const stream = plain.random(130);
  const R = Array.from({ length: 130 }, () => stream.normals(150));
  const found = plain.crossProducts(R);
  const apart = found.entries.map((entry, at) => Math.abs(entry - matrix.entries[at]!));
  expect(Math.max(...apart)).toBeLessThan(1e-11);
  expect(Math.max(...apart)).toBeGreaterThan(0);
  const y = plain.cholesky(matrix, Number.EPSILON)!(b);
  expect(y).not.toEqual(x);
  expect(backwardError(matrix, y, b)).toBeLessThan(1e-14);
});
