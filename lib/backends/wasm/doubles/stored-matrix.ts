import { type Matrix, partsOf } from '../../../numbers';
import { addProducts, type Machine, MOST_BYTES, reserve, started } from './machine';
import { GROUP } from './products';

/** Products with a matrix of float64 that stays what it is. */
export interface StoredMatrix {
  /** `A x`. */
  multiply(x: Float64Array): Float64Array;
  /** `Aᵀ r`. */
  multiplyTransposed(r: Float64Array): Float64Array;
  /** out ← `Aᵀ diag(s) A x`, s with a number for each row. */
  multiplyGram(s: Float64Array, x: Float64Array, out: Float64Array): void;
  /** `A x` for several x, at less than the cost of one after the other; they share their memory. */
  multiplyAll(xs: readonly Float64Array[]): Float64Array[];
  /** The same for several x one after the other in one array: added to `out`, in the same order. */
  addProducts(xs: Float64Array, out: Float64Array): void;
}

/** The largest number of vectors in one call. */
const MOST_VECTORS = 16;

/** Fewer entries than that are multiplied as fast where they are. */
export const LEAST_ENTRIES = 400;

/**
 * A matrix of float64 laid out for products by WebAssembly, two numbers at once.
 *
 * The matrix is read now, and must not change; it is put into a memory that all such matrices share
 * when it is first used in a product.
 *
 * @returns undefined for one that is too small to be worth it, or too large
 */
export function storedMatrix(rows: Matrix): StoredMatrix | undefined {
  const matrix = new Stored(rows);
  const isWorthIt = matrix.height * matrix.length >= LEAST_ENTRIES;
  return isWorthIt && matrix.bytes <= MOST_BYTES / 4 ? matrix : undefined;
}

/** Where single vectors are multiplied, for a matrix at A. */
interface Work {
  A: number;
  rows: Float64Array;
  vector: Float64Array;
  /** Adds A times the vector to the rows, which are 0 where the matrix was filled up. */
  multiply(): void;
  /** Adds the rows of A, each times its number, to the vector. */
  sum(): void;
}

class Stored implements StoredMatrix {
  readonly height: number;
  readonly length: number;
  /** The bytes of a row, and the number of rows, filled up. */
  readonly #stride: number;
  readonly #padded: number;
  /** What the matrix, vectors and results take. */
  readonly bytes: number;
  #place = { generation: -1, address: 0 };
  #known: Work | undefined;

  constructor(private readonly rows: Matrix) {
    this.height = rows.length;
    this.length = rows[0]?.length ?? 0;
    this.#stride = 8 * GROUP * Math.ceil(this.length / GROUP);
    this.#padded = GROUP * Math.ceil(this.height / GROUP);
    this.bytes = this.#padded * this.#stride + MOST_VECTORS * (this.#stride + 8 * this.#padded);
  }

  multiply(x: Float64Array): Float64Array {
    let out = new Float64Array(0);
    this.#multiplied(
      1,
      (vectors) => vectors.set(x),
      (results) => {
        out = results.slice(0, this.height);
      },
    );
    return out;
  }

  multiplyTransposed(r: Float64Array): Float64Array {
    const { rows, vector, sum } = this.#work();
    rows.fill(0);
    rows.set(r);
    vector.fill(0);
    sum();
    return vector.slice(0, this.length);
  }

  multiplyGram(s: Float64Array, x: Float64Array, out: Float64Array): void {
    const { rows, vector, multiply, sum } = this.#work();
    rows.fill(0);
    vector.fill(0);
    vector.set(x);
    multiply();
    for (let i = 0; i < s.length; i++) rows[i]! *= s[i]!;
    vector.fill(0);
    sum();
    for (let j = 0; j < out.length; j++) out[j] = vector[j]!;
  }

  multiplyAll(xs: readonly Float64Array[]): Float64Array[] {
    const { height } = this;
    const block = new Float64Array(xs.length * height);
    for (let from = 0; from < xs.length; from += MOST_VECTORS) {
      const some = xs.slice(from, from + MOST_VECTORS);
      this.#multiplied(
        some.length,
        (vectors, apart) => {
          for (const [j, x] of some.entries()) vectors.set(x, j * apart);
        },
        (results, apart) => {
          for (let j = 0; j < some.length; j++) {
            block.set(results.subarray(j * apart, j * apart + height), (from + j) * height);
          }
        },
      );
    }
    return partsOf(block, height);
  }

  addProducts(xs: Float64Array, out: Float64Array): void {
    const { height, length } = this;
    const all = xs.length / length;
    for (let from = 0; from < all; from += MOST_VECTORS) {
      const count = Math.min(MOST_VECTORS, all - from);
      const first = from * length;
      this.#multiplied(
        count,
        (vectors, apart) => {
          const some = xs.subarray(first, first + count * length);
          if (apart === length) vectors.set(some);
          else for (const [j, x] of partsOf(some, length).entries()) vectors.set(x, j * apart);
        },
        (results, apart) => {
          const to = from * height;
          if (apart === height) {
            addTo(out, to, results, 0, results.length);
            return;
          }
          for (let j = 0; j < count; j++) {
            addTo(out, to + j * height, results, j * apart, height);
          }
        },
      );
    }
  }

  /**
   * Multiplies `count` vectors, at most `MOST_VECTORS`.
   *
   * @param put puts them into the memory of vectors; `apart` is the distance from one to the next, in numbers
   * @param take receives the memory of results, valid while it runs, and their distance
   */
  #multiplied(
    count: number,
    put: (vectors: Float64Array, apart: number) => void,
    take: (results: Float64Array, apart: number) => void,
  ): void {
    const [stride, padded] = [this.#stride, this.#padded];
    const m = started();
    const A = this.#placed(m);
    const X = A + padded * stride;
    const Y = X + MOST_VECTORS * stride;
    put(new Float64Array(m.memory.buffer, X, (count * stride) / 8), stride / 8);
    const results = new Float64Array(m.memory.buffer, Y, count * padded).fill(0);
    addProducts(m, { A, end: X, x: X, y: Y, count, stride, height: 8 * padded });
    take(results, padded);
  }

  /** Memory for a number of each row and for a vector, and what is done with it: made once for a place. */
  #work(): Work {
    const m = started();
    const A = this.#placed(m);
    const { buffer } = m.memory;
    if (this.#known?.rows.buffer === buffer && this.#known.A === A) return this.#known;
    const stride = this.#stride;
    const end = A + this.#padded * stride;
    const y = end + MOST_VECTORS * stride;
    this.#known = {
      A,
      rows: new Float64Array(buffer, y, this.#padded),
      vector: new Float64Array(buffer, end, stride / 8),
      multiply: () => addProducts(m, { A, end, x: end, y, count: 1, stride, height: 0 }),
      sum: () => m.transposed(A, end, stride, y, end),
    };
    return this.#known;
  }

  /** The address of the matrix, which is put there if it is not. */
  #placed(m: Machine): number {
    if (this.#place.generation === m.generation) return this.#place.address;
    const address = reserve(m, this.bytes);
    this.#place = { generation: m.generation, address };
    const numbers = new Float64Array(m.memory.buffer, address, this.bytes / 8);
    numbers.fill(0);
    for (const [i, row] of this.rows.entries()) numbers.set(row, (i * this.#stride) / 8);
    return address;
  }
}

/** `out[to + i] += x[from + i]` for i below `count`. */
function addTo(out: Float64Array, to: number, x: Float64Array, from: number, count: number): void {
  for (let i = 0; i < count; i++) out[to + i]! += x[from + i]!;
}
