import type { Multiply } from '#platform/blas';
import { perform } from '../fused/sequence';
import { type Heap, memoryOf, perHeap } from '../kernels/heap';
import { inParts } from '../long-inner';
import { type MatrixProduct, MOST_TERMS, MOST_WORK, type Operand, productCalls } from './calls';

/** So many numbers of a result are held back at a time, before they are added to what there is. */
const HELD = 2 ** 18;

interface Scratch {
  work: number;
  held: number;
}

/** Reserved once, so that no product moves the heap. */
const scratchOn = perHeap((heap): Scratch => {
  const work = heap.wasm._malloc(MOST_WORK + 4 * HELD);
  return { work, held: work + MOST_WORK };
});

/**
 * Multiplies matrices on a heap by instructions of our own, as a library of the system does; long sums in
 * parts.
 */
export const multiplyOn: (heap: Heap) => Multiply = perHeap((heap) =>
  inParts(multiplyWith(heap, scratchOn(heap)), () => MOST_TERMS),
);

/**
 * Products of one shape, of at most `MOST_TERMS` terms, which are planned once: of small matrices that
 * takes longer than to multiply them.
 *
 * @param addressOf where an operand of product i is
 */
export function multiplyEachOn(
  heap: Heap,
  product: MatrixProduct,
  count: number,
  addressOf: (operand: Exclude<Operand, 'work'>, i: number) => number,
): void {
  const { work } = scratchOn(heap);
  const calls = productCalls(heap, product);
  for (let i = 0; i < count; i++) {
    const addresses = {
      ...{ a: addressOf('a', i), b: addressOf('b', i) },
      ...{ out: addressOf('out', i), work },
    };
    for (const call of calls) perform(call, (at) => addresses[at]);
  }
}

const multiplyWith =
  (heap: Heap, { work, held }: Scratch): Multiply =>
  (transposeA, transposeB, m, n, k, a, b, c, add, strides) => {
    const isHere = c.buffer === memoryOf(heap).buffer;
    const product: MatrixProduct = { transposeA, transposeB, m, n, k };
    if (strides !== undefined) product.strides = strides;
    const run = (part: MatrixProduct, left: number, right: number, out: number) => {
      const addresses: Record<Operand, number> = { a: left, b: right, out, work };
      for (const call of productCalls(heap, part)) perform(call, (at) => addresses[at]);
    };
    if (isHere && !add) {
      run(product, a.byteOffset, b.byteOffset, c.byteOffset);
      return;
    }
    const of = strides ?? stridesOf(product);
    const [rowOfA, columnOfB] = [transposeA ? 1 : of.a, transposeB ? of.b : 1];
    const columns = Math.min(n, HELD);
    const rows = Math.floor(HELD / columns);
    for (let row = 0; row < m; row += rows) {
      for (let column = 0; column < n; column += columns) {
        const size = { m: Math.min(rows, m - row), n: Math.min(columns, n - column) };
        const [from, right] = [
          a.byteOffset + 4 * rowOfA * row,
          b.byteOffset + 4 * columnOfB * column,
        ];
        run({ ...product, ...size, strides: of }, from, right, held);
        const sums = new Float32Array(memoryOf(heap).buffer, held, size.m * size.n);
        // These are all of some rows, or a part of one: one after the other in both.
        const at = row * n + column;
        take(c.subarray(at, at + sums.length), sums, add);
      }
    }
  };

function take(to: Float32Array, sums: Float32Array, add: boolean): void {
  if (add) for (let i = 0; i < to.length; i++) to[i]! += sums[i]!;
  else to.set(sums);
}

const stridesOf = ({ transposeA, transposeB, m, n, k }: MatrixProduct) => ({
  a: transposeA ? m : k,
  b: transposeB ? k : n,
});
