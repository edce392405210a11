import { instantiated } from '../assembler';
import { type Combination, combinationOf } from './combinations';
import { type Product, productOf, type TransposedProduct, transposedProduct } from './products';

/** The memory for all matrices, in bytes; when it is full, each is copied again when it is needed. */
export const MOST_BYTES = 2 ** 26;
const PAGE = 2 ** 16;

/** The bytes in front of the matrices, which nothing reserves: for the vectors of one run at a time. */
export const ARENA_BYTES = 2 ** 22;

/** Products and sums of float64, and the memory that they work on. */
export interface Machine {
  memory: WebAssembly.Memory;
  /** For one vector and for two. */
  products: readonly [one: Product, two: Product];
  transposed: TransposedProduct;
  /** Of one, two and three vectors. */
  combinations: readonly [one: Combination, two: Combination, three: Combination];
  /** Counts how often everything was thrown out. */
  generation: number;
  used: number;
}

let machine: Machine | undefined;

export function started(): Machine {
  if (machine !== undefined) return machine;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_BYTES / PAGE });
  const products = [productOf(1), productOf(2), transposedProduct()];
  const { product1, product2, transposed, combination1, combination2, combination3 } = instantiated(
    memory,
    [...products, ...[1, 2, 3].map(combinationOf)],
    [],
  );
  machine = {
    memory,
    products: [product1!, product2!],
    transposed: transposed!,
    combinations: [combination1!, combination2!, combination3!],
    generation: 0,
    used: ARENA_BYTES,
  };
  return machine;
}

/** The address of newly reserved bytes; where the memory is full, all that it holds is given up. */
export function reserve(m: Machine, bytes: number): number {
  if (m.used + bytes > MOST_BYTES) {
    m.generation++;
    m.used = ARENA_BYTES;
  }
  const missing = m.used + bytes - m.memory.buffer.byteLength;
  if (missing > 0) m.memory.grow(Math.ceil(missing / PAGE));
  const address = m.used;
  m.used += bytes;
  return address;
}

/** y ← y + A x for `count` vectors, see `productOf`. */
export interface Factors {
  A: number;
  end: number;
  x: number;
  y: number;
  count: number;
  stride: number;
  height: number;
}

export function addProducts(m: Machine, { A, end, x, y, count, stride, height }: Factors): void {
  const [one, two] = m.products;
  for (let i = 0; i < count; i += 2) {
    const run = count - i > 1 ? two : one;
    run(A, x + i * stride, y + i * height, end, stride, height);
  }
}
