import { addProduct, FunctionBody, type Local } from '../assembler';

/** How many rows are multiplied at once; matrices are padded with zeros to a multiple of it. */
export const GROUP = 4;

/** y ← y + A x, all addresses in bytes. */
export type Product = (
  A: number,
  x: number,
  y: number,
  end: number,
  stride: number,
  height: number,
) => unknown;

/**
 * y ← y + A x for `count` vectors x, one after the other, and as many y a `height` apart. Addresses in
 * bytes; `end` is where the matrix ends, `stride` the length of a row and of a vector.
 */
export function productOf(count: number, asOne?: boolean): FunctionBody {
  const f = new FunctionBody(`product${count}`, {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [A, x, y, end, stride, height] = f.parameters;
  const [at, stop] = f.locals('i32', 'i32');
  const rows = f.localsOf('i32', GROUP);
  const vectors = f.localsOf('i32', count);
  const loaded = f.localsOf('v128', count);
  const row = f.local('v128');
  const sums = rows.map(() => f.localsOf('v128', count));
  return f.while(A, end, () => {
    setAddresses(f, A, rows, stride);
    setAddresses(f, x, vectors, stride);
    for (const sum of sums.flat()) f.f64x2(0).set(sum);
    f.i32(0).set(at).get(stride).set(stop);
    f.while(at, stop, () => {
      vectors.forEach((local, c) => {
        f.get(local).memory('v128.load').set(loaded[c]!);
      });
      rows.forEach((local, r) => {
        f.get(local).memory('v128.load').set(row);
        sums[r]!.forEach((sum, c) => {
          addProduct(f.get(row, loaded[c]!), sum, 'f64x2', asOne);
        });
      });
      for (const local of [at, ...rows, ...vectors]) f.advance(local, 16);
    });
    // Where the rows of this group go in the first result; the others are a height further each.
    f.get(y).set(at);
    for (let c = 0; c < count; c++) {
      for (let r = 0; r < GROUP; r += 2) addPair(f, at, 8 * r, [sums[r]![c]!, sums[r + 1]![c]!]);
      f.advance(at, height);
    }
    f.advance(y, 8 * GROUP);
    // The last row pointer is at its end: the next group begins there.
    f.get(rows[GROUP - 1]!).set(A);
  });
}

/** Adds both halves of two sums to two numbers in memory. */
function addPair(f: FunctionBody, at: Local, offset: number, [a, b]: readonly [Local, Local]) {
  f.get(at, a, b).shuffle(0, 1, 4, 5).get(a, b).shuffle(2, 3, 6, 7).do('f64x2.add');
  f.get(at).memory('v128.load', offset).do('f64x2.add').memory('v128.store', offset);
}

/** y ← y + Aᵀ r, all addresses in bytes. */
export type TransposedProduct = (
  A: number,
  end: number,
  stride: number,
  r: number,
  y: number,
) => unknown;

/** y ← y + Aᵀ r: `end` is where the matrix ends, `stride` the length of a row and of y, whole groups. */
export function transposedProduct(asOne?: boolean): FunctionBody {
  const f = new FunctionBody('transposed', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [A, end, stride, r, y] = f.parameters;
  const [to, stop] = f.locals('i32', 'i32');
  const rows = f.localsOf('i32', GROUP);
  const factors = f.localsOf('v128', GROUP);
  const sum = f.local('v128');
  return f.while(A, end, () => {
    setAddresses(f, A, rows, stride);
    factors.forEach((factor, i) => {
      f.get(r)
        .memory('f64.load', 8 * i)
        .do('f64x2.splat')
        .set(factor);
    });
    f.get(y).set(to).get(y, stride).do('i32.add').set(stop);
    f.while(to, stop, () => {
      for (const at of [0, 16]) {
        f.get(to).memory('v128.load', at).set(sum);
        rows.forEach((row, i) => {
          addProduct(f.get(row).memory('v128.load', at).get(factors[i]!), sum, 'f64x2', asOne);
        });
        f.get(to, sum).memory('v128.store', at);
      }
      for (const local of [to, ...rows]) f.advance(local, 32);
    });
    f.advance(r, 8 * GROUP);
    f.get(rows[GROUP - 1]!).set(A);
  });
}

/** Each of some addresses a stride after the one before. */
function setAddresses(
  f: FunctionBody,
  first: Local,
  addresses: readonly Local[],
  stride: Local,
): void {
  addresses.forEach((local, i) => {
    if (i === 0) f.get(first);
    else f.get(addresses[i - 1]!, stride).do('i32.add');
    f.set(local);
  });
}
