import { addProduct, FunctionBody } from '../../backends/wasm/assembler';

/** Rows of the result that are made at once: factors are stored in groups of as many rows. */
export const GROUP = 4;

/**
 * C ← F A: each row of C is a sum of rows of A. F is where `factors` begin, until `end`: for four rows of
 * C one after the other, four numbers for each row of A, `group` bytes in all. Addresses and lengths in
 * bytes; rows have `length` of them, a multiple of 32.
 */
export type RowCombinations = (
  factors: number,
  end: number,
  group: number,
  a: number,
  strideA: number,
  c: number,
  strideC: number,
  length: number,
) => unknown;

/** Multiplies and adds apart, as `rowProducts` does. */
export function rowCombinations(name: string): FunctionBody {
  const f = new FunctionBody(name, {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [factors, end, group, a, strideA, c, strideC, length] = f.parameters;
  const [column, factor, stop, row, out] = f.locals('i32', 'i32', 'i32', 'i32', 'i32');
  const loaded = f.localsOf('v128', 2);
  const splat = f.local('v128');
  const sums = Array.from({ length: GROUP }, () => f.localsOf('v128', loaded.length));
  return f.while(factors, end, () => {
    f.get(factors, group).do('i32.add').set(stop);
    f.i32(0).set(column);
    f.while(column, length, () => {
      for (const sum of sums.flat()) f.f64x2(0).set(sum);
      f.get(factors).set(factor).get(a, column).do('i32.add').set(row);
      f.while(factor, stop, () => {
        loaded.forEach((part, i) => {
          f.get(row)
            .memory('v128.load', 16 * i)
            .set(part);
        });
        sums.forEach((ofRow, r) => {
          f.get(factor)
            .memory('v128.load64_splat', 8 * r)
            .set(splat);
          ofRow.forEach((sum, i) => {
            addProduct(f.get(loaded[i]!, splat), sum, 'f64x2', false);
          });
        });
        f.advance(factor, 8 * GROUP);
        f.advance(row, strideA);
      });
      f.get(c, column).do('i32.add').set(out);
      for (const ofRow of sums) {
        ofRow.forEach((sum, i) => {
          f.get(out, sum).memory('v128.store', 16 * i);
        });
        f.advance(out, strideC);
      }
      f.advance(column, 32);
    });
    f.get(stop).set(factors);
    for (let r = 0; r < GROUP; r++) f.advance(c, strideC);
  });
}
