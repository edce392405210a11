import { addProduct, FunctionBody, type Local } from '../../backends/wasm/assembler';

/** Rows of the right factor that are multiplied at once, and columns of the result. */
export const COLUMNS = 4;
/** Rows of the left factor that are multiplied at once; their number is a multiple of it. */
export const ROWS = 2;

/**
 * C ← C ± A Bᵀ for some rows of A and four of B, all addresses and lengths in bytes: where A begins and
 * ends and from one row to the next, the same of B and C, and how much of the rows takes part, a
 * multiple of 32.
 */
export type RowProducts = (
  a: number,
  end: number,
  strideA: number,
  b: number,
  strideB: number,
  c: number,
  strideC: number,
  length: number,
) => unknown;

/**
 * Multiplies and adds apart, also where the engine could do both at once: results are the same everywhere.
 *
 * @param sign whether the products are added or subtracted
 */
export function rowProducts(name: string, sign: 'add' | 'sub'): FunctionBody {
  const f = new FunctionBody(name, {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [a, end, strideA, b, strideB, c, strideC, length] = f.parameters;
  const stop = f.local('i32');
  const left = f.localsOf('i32', ROWS);
  const right = f.localsOf('i32', COLUMNS);
  const loaded = f.localsOf('v128', ROWS);
  const other = f.local('v128');
  const sums = left.map(() => f.localsOf('v128', COLUMNS));
  return f.while(a, end, () => {
    setAddresses(f, a, left, strideA);
    setAddresses(f, b, right, strideB);
    for (const sum of sums.flat()) f.f64x2(0).set(sum);
    f.get(a, length).do('i32.add').set(stop);
    f.while(left[0]!, stop, () => {
      for (const offset of [0, 16]) {
        left.forEach((row, r) => {
          f.get(row).memory('v128.load', offset).set(loaded[r]!);
        });
        right.forEach((row, column) => {
          f.get(row).memory('v128.load', offset).set(other);
          sums.forEach((ofRow, r) => {
            addProduct(f.get(loaded[r]!, other), ofRow[column]!, 'f64x2', false);
          });
        });
      }
      for (const local of [...left, ...right]) f.advance(local, 32);
    });
    for (const ofRow of sums) {
      for (let column = 0; column < COLUMNS; column += 2) {
        put(f, c, 8 * column, sign, [ofRow[column]!, ofRow[column + 1]!]);
      }
      f.advance(c, strideC);
    }
    for (let r = 0; r < ROWS; r++) f.advance(a, strideA);
  });
}

/** Adds both halves of two sums, and that to two numbers in memory. */
function put(
  f: FunctionBody,
  at: Local,
  offset: number,
  sign: 'add' | 'sub',
  sums: [Local, Local],
) {
  f.get(at, at).memory('v128.load', offset);
  f.get(...sums).shuffle(0, 1, 4, 5);
  f.get(...sums).shuffle(2, 3, 6, 7);
  f.do('f64x2.add', `f64x2.${sign}`).memory('v128.store', offset);
}

/** Each of some addresses a stride after the one before. */
function setAddresses(f: FunctionBody, first: Local, all: readonly Local[], stride: Local): void {
  all.forEach((local, i) => {
    if (i === 0) f.get(first);
    else f.get(all[i - 1]!, stride).do('i32.add');
    f.set(local);
  });
}
