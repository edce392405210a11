import { FunctionBody, instantiated } from '../assembler';
import { type Heap, memoryOf, perHeap } from '../kernels/heap';
import { LANES } from './loop';
import type { Call } from './sequence';

/** A product of two matrices in the backend's memory: out ← op(a) · op(b), of m × k and k × n numbers. */
export interface MatrixProduct {
  transposeA: boolean;
  transposeB: boolean;
  m: number;
  n: number;
  k: number;
}

interface ProductLoops {
  /** Strides and widths in bytes; b is stored row by row. */
  product(
    a: number,
    rowOfA: number,
    columnOfA: number,
    b: number,
    width: number,
    out: number,
    end: number,
    k: number,
  ): void;
  /** out ← xᵀ, of `rows` rows of `width` bytes; a row of out is `height` bytes long. */
  transpose(x: number, rows: number, width: number, out: number, height: number): void;
}

/** As many rows are worked on at once, in as many columns: their sums stay in registers. */
const ROWS = 4;
const COLUMNS = 8 as const;

function productBody(): FunctionBody {
  const f = new FunctionBody('product', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [a, rowOfA, columnOfA, b, width, out, end, k] = f.parameters;
  const [column, stop, p, at] = f.locals('i32', 'i32', 'i32', 'i32');
  const pointers = f.localsOf('i32', ROWS);
  const sums = pointers.map(() => f.locals('v128', 'v128'));
  const [b0, b1, factor, whole] = f.locals('v128', 'v128', 'v128', 'i32');

  /** `count` rows in as many columns as one or two vectors hold, or in one. */
  const tile = (count: number, columns: 1 | 4 | typeof COLUMNS) => {
    const vectors = columns === COLUMNS ? [b0, b1] : [b0];
    const { load, store } = LANES[columns === 1 ? 1 : 4];
    const rows = pointers.slice(0, count);
    rows.forEach((pointer, r) => {
      if (r === 0) f.get(a);
      else f.get(rows[r - 1]!, rowOfA).do('i32.add');
      f.set(pointer);
      vectors.forEach((_, v) => {
        f.f32x4(0).set(sums[r]![v]!);
      });
    });
    f.get(b, column).do('i32.add').set(at).i32(0).set(p);
    f.while(p, k, () => {
      vectors.forEach((vector, v) => {
        f.get(at)
          .memory(load, 16 * v)
          .set(vector);
      });
      rows.forEach((pointer, r) => {
        f.get(pointer).memory('v128.load32_splat').set(factor);
        vectors.forEach((vector, v) => {
          const sum = sums[r]![v]!;
          f.get(factor, vector).do('f32x4.mul').get(sum).do('f32x4.add').set(sum);
        });
        f.advance(pointer, columnOfA);
      });
      f.advance(at, width).advance(p, 1);
    });
    f.get(out, column).do('i32.add').set(at);
    rows.forEach((_, r) => {
      vectors.forEach((_, v) => {
        f.get(at, sums[r]![v]!).memory(store, 16 * v);
      });
      f.advance(at, width);
    });
    f.advance(column, 4 * columns);
  };
  /** Computes `count` rows of the result, in columns from `column` to what is left over. */
  const strip = (count: number) => {
    f.i32(0).set(column);
    for (const columns of [COLUMNS, 4] as const) {
      f.get(width)
        .i32(-4 * columns)
        .do('i32.and')
        .set(stop);
      f.while(column, stop, () => tile(count, columns));
    }
    f.while(column, width, () => tile(count, 1));
    f.get(a, rowOfA).i32(count).do('i32.mul', 'i32.add').set(a);
    f.get(out, width).i32(count).do('i32.mul', 'i32.add').set(out);
  };
  // Where the last whole group of rows ends, which may be before the first one begins.
  f.get(end, width)
    .i32(ROWS - 1)
    .do('i32.mul', 'i32.sub')
    .set(whole);
  f.block((done) => {
    f.loop((again) => {
      f.get(out, whole).do('i32.ge_s').brIf(done);
      strip(ROWS);
      f.br(again);
    });
  });
  return f.while(out, end, () => strip(1));
}

function transposeBody(): FunctionBody {
  const f = new FunctionBody('transpose', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [x, count, length, to, height] = f.parameters;
  const [row, column, at] = f.locals('i32', 'i32', 'i32');
  return f.while(row, count, () => {
    f.get(to).set(at).i32(0).set(column);
    f.while(column, length, () => {
      f.get(at, x).memory('f32.load').memory('f32.store');
      f.advance(x, 4).advance(at, height).advance(column, 4);
    });
    f.advance(to, 4).advance(row, 1);
  });
}

const loopsOn = perHeap((heap): ProductLoops => {
  const made = instantiated(memoryOf(heap), [productBody(), transposeBody()], []);
  return { product: made.product!, transpose: made.transpose! };
});

/** The bytes that a product needs for itself: a right factor is transposed first. */
export const workOf = ({ transposeB, n, k }: MatrixProduct): number => (transposeB ? 4 * n * k : 0);

type Operand = 'a' | 'b' | 'out' | 'work';

/** What multiplies by instructions of our own; `work` has `workOf` bytes. */
export function productCalls(
  heap: Heap,
  { transposeA, transposeB, m, n, k }: MatrixProduct,
): Call<Operand>[] {
  const { product, transpose } = loopsOn(heap);
  const [rowOfA, columnOfA] = transposeA ? [4, 4 * m] : [4 * k, 4];
  const [a, b, out, work] = (['a', 'b', 'out', 'work'] as const).map((at) => ({ at }));
  const factors = [a!, rowOfA, columnOfA, transposeB ? work! : b!, 4 * n];
  const end = { at: 'out', plus: 4 * m * n } as const;
  const multiplied = { run: product, arguments: [...factors, out!, end, k] };
  if (!transposeB) return [multiplied];
  return [{ run: transpose, arguments: [b!, n, 4 * k, work!, 4 * n] }, multiplied];
}

/** Writes aᵀ to `out`, for a matrix of the given numbers of rows and columns. */
export function transposeCall(heap: Heap, rows: number, columns: number): Call<'a' | 'out'> {
  const run = loopsOn(heap).transpose;
  return { run, arguments: [{ at: 'a' }, rows, 4 * columns, { at: 'out' }, 4 * rows] };
}
