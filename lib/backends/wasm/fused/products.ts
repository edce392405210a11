import {
  addFours,
  advance,
  assembled,
  type Code,
  constant,
  floatConstant,
  forEach,
  get,
  i32,
  loadFour,
  loadOne,
  multiplyFours,
  set,
  spread,
  storeFour,
  storeOne,
  type ValueType,
  v128,
} from '../kernels/assembly';
import type { Heap } from '../kernels/heap';
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
  /** Strides and widths in bytes; b lies row after row. */
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

const [A, ROW_A, COLUMN_A, B, WIDTH, OUT, END, K] = [0, 1, 2, 3, 4, 5, 6, 7];
const multiplyIntegers = [0x6c];
const loadSplat = [0xfd, 0x09, 2, 0];
/** As many rows are worked on at once, in as many columns: their sums stay in registers. */
const ROWS = 4;
const COLUMNS = 8;

const product: Code = (() => {
  const parameters: ValueType[] = [i32, i32, i32, i32, i32, i32, i32, i32];
  const locals: ValueType[] = [];
  const local = (type: ValueType) => parameters.length + locals.push(type) - 1;
  const [column, stop, p, atB] = [local(i32), local(i32), local(i32), local(i32)];
  const ofA = Array.from({ length: ROWS }, () => local(i32));
  const sums = Array.from({ length: ROWS * 2 }, () => local(v128));
  const [b0, b1, factor] = [local(v128), local(v128), local(v128)];
  const add = [0x6a];

  /** `count` rows in as many columns as one or two vectors hold, or in one. */
  const tile = (count: number, width: 1 | 4 | 8): number[] => {
    const vectors = width === 8 ? [b0, b1] : [b0];
    const load = width === 1 ? loadOne : loadFour;
    const store = width === 1 ? storeOne : storeFour;
    const rows = ofA.slice(0, count);
    const sum = (r: number, v: number) => sums[2 * r + v]!;
    return [
      ...rows.flatMap((at, r) => [
        ...(r === 0 ? get(A) : [...get(rows[r - 1]!), ...get(ROW_A), ...add]),
        ...set(at),
        ...vectors.flatMap((_, v) => [...floatConstant(0), ...spread, ...set(sum(r, v))]),
      ]),
      ...[...get(B), ...get(column), ...add, ...set(atB), ...constant(0), ...set(p)],
      ...forEach(
        p,
        K,
        vectors.flatMap((vector, v) => [...get(atB), ...load(16 * v), ...set(vector)]),
        rows.flatMap((at, r) => [
          ...[...get(at), ...loadSplat, ...set(factor)],
          ...vectors.flatMap((vector, v) => [
            ...[...get(factor), ...get(vector), ...multiplyFours],
            ...[...get(sum(r, v)), ...addFours, ...set(sum(r, v))],
          ]),
          ...advance(at, get(COLUMN_A)),
        ]),
        advance(atB, get(WIDTH)),
        advance(p, constant(1)),
      ),
      ...[...get(OUT), ...get(column), ...add, ...set(atB)],
      ...rows.flatMap((_, r) => [
        ...vectors.flatMap((_, v) => [...get(atB), ...get(sum(r, v)), ...store(16 * v)]),
        ...advance(atB, get(WIDTH)),
      ]),
      ...advance(column, constant(4 * width)),
    ];
  };
  /** STOP ← so many bytes of a row as are whole groups of columns. */
  const until = (bytes: number) => [...get(WIDTH), ...constant(-bytes), 0x71, ...set(stop)];
  const strip = (count: number): number[] => [
    ...[...constant(0), ...set(column), ...until(4 * COLUMNS)],
    ...forEach(column, stop, tile(count, 8)),
    ...until(16),
    ...forEach(column, stop, tile(count, 4)),
    ...forEach(column, WIDTH, tile(count, 1)),
    ...advance(A, get(ROW_A), constant(count), multiplyIntegers),
    ...advance(OUT, get(WIDTH), constant(count), multiplyIntegers),
  ];
  const whole = local(i32);
  const body = [
    // Where the last whole group of rows ends.
    ...[
      ...get(END),
      ...get(WIDTH),
      ...constant(ROWS - 1),
      ...multiplyIntegers,
      0x6b,
      ...set(whole),
    ],
    ...forEachSigned(OUT, whole, strip(ROWS)),
    ...forEach(OUT, END, strip(1)),
  ];
  return { parameters, locals, body };
})();

/** As `forEach`, where the end may be before the beginning. */
function forEachSigned(at: number, until: number, body: number[]): number[] {
  return [
    ...[0x02, 0x40, 0x03, 0x40],
    ...[...get(at), ...get(until), 0x4e, 0x0d, 1],
    ...body,
    ...[0x0c, 0, 0x0b, 0x0b],
  ];
}

const transpose: Code = (() => {
  const [X, COUNT, LENGTH, TO, HEIGHT] = [0, 1, 2, 3, 4];
  const [row, column, at] = [5, 6, 7];
  return {
    parameters: [i32, i32, i32, i32, i32],
    locals: [i32, i32, i32],
    body: forEach(
      row,
      COUNT,
      [...get(TO), ...set(at), ...constant(0), ...set(column)],
      forEach(
        column,
        LENGTH,
        [...get(at), ...get(X), 0x2a, 2, 0, 0x38, 2, 0],
        advance(X, constant(4)),
        advance(at, get(HEIGHT)),
        advance(column, constant(4)),
      ),
      advance(TO, constant(4)),
      advance(row, constant(1)),
    ),
  };
})();

const ofHeaps = new WeakMap<Heap, ProductLoops>();

function loopsOn(heap: Heap): ProductLoops {
  const known =
    ofHeaps.get(heap) ?? (assembled(heap, { product, transpose }) as unknown as ProductLoops);
  ofHeaps.set(heap, known);
  return known;
}

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

/** What writes aᵀ to `out`, of a matrix of so many rows and columns. */
export function transposeCall(heap: Heap, rows: number, columns: number): Call<'a' | 'out'> {
  const run = loopsOn(heap).transpose;
  return { run, arguments: [{ at: 'a' }, rows, 4 * columns, { at: 'out' }, 4 * rows] };
}
