import type { Matrix } from '../../numbers';
import {
  addDoubles,
  addTwoDoubles,
  advance,
  assembledOn,
  type Code,
  constant,
  doubleConstant,
  doubleLane,
  forEach,
  get,
  i32,
  loadFour,
  multiplyTwoDoubles,
  set,
  storeDouble,
  v128,
} from './kernels/assembly';

/** Products with a matrix of float64 that stays what it is. */
export interface StoredMatrix {
  /** `A x`. */
  multiply(x: Float64Array): Float64Array;
  /** `A x` for several x, at less than the cost of one after the other. */
  multiplyAll(xs: readonly Float64Array[]): Float64Array[];
}

/** So many rows are multiplied at once; matrices are filled up with zeros to whole groups of them. */
const GROUP = 4;
/** So many bytes hold all matrices; where they are full, all are put there anew when they are needed. */
const MOST_BYTES = 2 ** 26;
const PAGE = 2 ** 16;

/** Addresses in bytes; `end` is where the matrix ends, `stride` the length of a row and of a vector. */
type Product = (A: number, x: number, y: number, end: number, stride: number) => void;

/** y ← A x for `count` vectors x, one after the other, and as many y a `height` apart. */
function productOf(count: number): Code {
  const [A, X, Y, END, STRIDE] = [0, 1, 2, 3, 4];
  const height = 5;
  const parameters = [i32, i32, i32, i32, i32, i32] as (typeof i32)[];
  const first = parameters.length;
  const [at, stop] = [first, first + 1];
  const rows = Array.from({ length: GROUP }, (_, r) => first + 2 + r);
  const vectors = Array.from({ length: count }, (_, c) => first + 2 + GROUP + c);
  const base = first + 2 + GROUP + count;
  const loaded = Array.from({ length: count }, (_, c) => base + c);
  const row = base + count;
  const sum = (r: number, c: number) => row + 1 + r * count + c;
  const each = <T>(of: readonly T[], f: (value: T, i: number) => number[]) => of.flatMap(f);
  const twoZeros = [...doubleConstant(0), 0xfd, 0x14];
  const body = forEach(
    A,
    END,
    each(rows, (local, r) => [
      ...get(r === 0 ? A : rows[r - 1]!),
      ...(r === 0 ? [] : [...get(STRIDE), 0x6a]),
      ...set(local),
    ]),
    each(vectors, (local, c) => [
      ...get(c === 0 ? X : vectors[c - 1]!),
      ...(c === 0 ? [] : [...get(STRIDE), 0x6a]),
      ...set(local),
    ]),
    each(rows, (_, r) => each(vectors, (_, c) => [...twoZeros, ...set(sum(r, c))])),
    [...constant(0), ...set(at), ...get(STRIDE), ...set(stop)],
    forEach(
      at,
      stop,
      each(vectors, (local, c) => [...get(local), ...loadFour(), ...set(loaded[c]!)]),
      each(rows, (local, r) => [
        ...[...get(local), ...loadFour(), ...set(row)],
        ...each(vectors, (_, c) => [
          ...[...get(row), ...get(loaded[c]!), ...multiplyTwoDoubles],
          ...[...get(sum(r, c)), ...addTwoDoubles, ...set(sum(r, c))],
        ]),
      ]),
      ...[at, ...rows, ...vectors].map((local) => advance(local, constant(16))),
    ),
    // Where the rows of this group go in the first result; the others are a height further each.
    [...get(Y), ...set(at)],
    each(vectors, (_, c) => [
      ...each(rows, (_, r) => [
        ...get(at),
        ...[...get(sum(r, c)), ...doubleLane(0), ...get(sum(r, c)), ...doubleLane(1)],
        ...[...addDoubles, ...storeDouble(8 * r)],
      ]),
      ...advance(at, get(height)),
    ]),
    advance(Y, constant(8 * GROUP)),
    // The last row pointer is at its end: the next group begins there.
    [...get(rows[GROUP - 1]!), ...set(A)],
  );
  const locals = [
    ...[i32, i32],
    ...rows.map(() => i32),
    ...vectors.map(() => i32),
    ...loaded.map(() => v128),
    v128,
    ...rows.flatMap(() => vectors.map(() => v128)),
  ] as (typeof i32 | typeof v128)[];
  return { parameters, locals, body };
}

interface Machine {
  memory: WebAssembly.Memory;
  one: (...args: [...Parameters<Product>, height: number]) => void;
  two: (...args: [...Parameters<Product>, height: number]) => void;
  /** Counts how often everything was thrown out. */
  generation: number;
  used: number;
}

let machine: Machine | undefined;

function started(): Machine {
  if (machine !== undefined) return machine;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_BYTES / PAGE });
  const { one, two } = assembledOn(memory, { one: productOf(1), two: productOf(2) });
  machine = { memory, generation: 0, used: 0, one, two } as unknown as Machine;
  return machine;
}

/** Memory for so many bytes, at the expense of everything in it where it is full. */
function reserve(m: Machine, bytes: number): number {
  if (m.used + bytes > MOST_BYTES) {
    m.generation++;
    m.used = 0;
  }
  const missing = m.used + bytes - m.memory.buffer.byteLength;
  if (missing > 0) m.memory.grow(Math.ceil(missing / PAGE));
  const address = m.used;
  m.used += bytes;
  return address;
}

/** Fewer entries than that are multiplied as fast where they are. */
export const LEAST_ENTRIES = 400;

/**
 * A matrix of float64 laid out for products by WebAssembly, two numbers at once.
 *
 * The matrix is read now, and must not change; it is put into a memory that all such matrices share
 * when it is first multiplied with.
 *
 * @returns undefined for one that is too small to be worth it, or too large
 */
export function storedMatrix(rows: Matrix): StoredMatrix | undefined {
  const [height, length] = [rows.length, rows[0]?.length ?? 0];
  const stride = 8 * (length + (length % 2));
  const padded = GROUP * Math.ceil(height / GROUP);
  // The matrix, two vectors and two results.
  const bytes = padded * stride + 2 * stride + 2 * 8 * padded;
  if (height * length < LEAST_ENTRIES || bytes > MOST_BYTES / 4) return undefined;
  let place = { generation: -1, address: 0 };

  /** The address of the matrix, which is put there if it is not. */
  function placed(m: Machine): number {
    if (place.generation === m.generation) return place.address;
    const address = reserve(m, bytes);
    place = { generation: m.generation, address };
    const numbers = new Float64Array(m.memory.buffer, address, bytes / 8);
    numbers.fill(0);
    for (const [i, row] of rows.entries()) numbers.set(row, (i * stride) / 8);
    return address;
  }

  function multiplyAll(xs: readonly Float64Array[]): Float64Array[] {
    const m = started();
    const A = placed(m);
    const X = A + padded * stride;
    const Y = X + 2 * stride;
    const numbers = new Float64Array(m.memory.buffer, X, (2 * stride) / 8 + 2 * padded);
    const results: Float64Array[] = [];
    for (let i = 0; i < xs.length; i += 2) {
      const count = Math.min(2, xs.length - i);
      for (let c = 0; c < count; c++) numbers.set(xs[i + c]!, (c * stride) / 8);
      const run = count === 2 ? m.two : m.one;
      run(A, X, Y, X, stride, 8 * padded);
      for (let c = 0; c < count; c++) {
        const from = (Y - X) / 8 + c * padded;
        results.push(numbers.slice(from, from + height));
      }
    }
    return results;
  }

  return { multiply: (x) => multiplyAll([x])[0]!, multiplyAll };
}
