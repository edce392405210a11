import type { Matrix } from '../../../numbers';
import { ARENA_BYTES, addProducts, type Machine, MOST_BYTES, reserve, started } from './machine';
import { GROUP } from './products';
import { LEAST_ENTRIES } from './stored-matrix';

/** `H x − b` and its derivatives `∂H x + H ∂x − ∂b` in h directions. */
export interface AffineGradient {
  /** H, square and symmetric. */
  H: Matrix;
  b: Float64Array;
  /** ∂H and ∂b for each direction. */
  dH: readonly Matrix[];
  db: readonly Float64Array[];
}

/**
 * Blocks in WebAssembly's memory, by their numbers: a block is a vector, and after it its tangents, in
 * distances of `stride` numbers.
 *
 * All of them share one memory, so one of these is used at a time, and `start` begins anew.
 */
export interface AffineBlocks {
  readonly stride: number;
  /** How many numbers a block has. */
  readonly length: number;
  /** How many blocks there is room for. */
  readonly capacity: number;
  start(): void;
  /** The numbers of a block where they are: valid until the next `start`. */
  numbers(block: number): Float64Array;
  /** The block `out` becomes `Σ aᵢxᵢ`, added up in order; it is none of the xᵢ. */
  combine(out: number, factors: readonly number[], xs: readonly number[]): void;
  /** The block `out` becomes the gradient at `x` with its tangents, or with zeros for them. */
  gradient(x: number, out: number, tangents: 'moved' | 'zero'): void;
}

/** @returns undefined for matrices that are too small to be worth it, or too large */
export function affineBlocks(given: AffineGradient): AffineBlocks | undefined {
  const blocks = new Blocks(given);
  const { entries, capacity, bytes } = blocks;
  const isWorthIt = entries >= LEAST_ENTRIES && capacity >= LEAST_CAPACITY;
  return isWorthIt && bytes <= MOST_BYTES / 4 ? blocks : undefined;
}

/** Steps of methods have fewer vectors than that at a time. */
const LEAST_CAPACITY = 32;

class Blocks implements AffineBlocks {
  readonly stride: number;
  readonly length: number;
  readonly capacity: number;
  readonly entries: number;
  /** What the matrices and the constant terms take. */
  readonly bytes: number;
  readonly #size: number;
  #place = { generation: -1, address: 0 };
  #machine = started();
  #memory = new Float64Array(0);

  constructor(private readonly given: AffineGradient) {
    const { H, dH } = given;
    this.#size = H.length;
    this.stride = GROUP * Math.ceil(H.length / GROUP);
    this.length = this.stride * (1 + dH.length);
    this.capacity = Math.floor(ARENA_BYTES / (8 * this.length));
    this.entries = (1 + dH.length) * H.length ** 2;
    this.bytes = 8 * this.length * (this.stride + 1);
  }

  start(): void {
    const m = this.#machine;
    if (this.#place.generation !== m.generation) this.#put(m);
    this.#memory = new Float64Array(m.memory.buffer);
  }

  numbers(block: number): Float64Array {
    return this.#memory.subarray(block * this.length, (block + 1) * this.length);
  }

  combine(out: number, factors: readonly number[], xs: readonly number[]): void {
    const bytes = 8 * this.length;
    const [to, end] = [out * bytes, (out + 1) * bytes];
    const [one, two, three] = this.#machine.combinations;
    const [a, b, c] = factors as [number, number, number];
    const [x, y, z] = xs as [number, number, number];
    if (xs.length === 1) one(to, end, a, x * bytes);
    else if (xs.length === 2) two(to, end, a, x * bytes, b, y * bytes);
    else three(to, end, a, x * bytes, b, y * bytes, c, z * bytes);
    for (let i = 3; i < xs.length; i++) {
      two(to, end, 1, to, factors[i]!, xs[i]! * bytes);
    }
  }

  gradient(x: number, out: number, tangents: 'moved' | 'zero'): void {
    const { stride, length, given } = this;
    const h = given.dH.length;
    const moved = tangents === 'moved';
    const [row, A] = [8 * stride, this.#place.address];
    const afterH = A + stride * row;
    const afterAll = A + (1 + h) * stride * row;
    const [from, to] = [8 * length * x, 8 * length * out];
    const memory = this.#memory;
    memory.copyWithin(out * length, afterAll / 8, afterAll / 8 + (moved ? length : stride));
    const [m, shape] = [this.#machine, { x: from, stride: row, height: row }];
    if (moved) addProducts(m, { A: afterH, end: afterAll, y: to + row, count: 1, ...shape });
    else memory.fill(0, out * length + stride, (out + 1) * length);
    addProducts(m, { A, end: afterH, y: to, count: moved ? 1 + h : 1, ...shape });
    // Next to a number that is not finite, 0 in the rows that fill up would not stay 0.
    for (let i = this.#size; i < stride; i++) {
      for (let at = i; at < length; at += stride) memory[out * length + at] = 0;
    }
  }

  #put(m: Machine): void {
    const { stride, bytes, length } = this;
    const { H, b, dH, db } = this.given;
    const address = reserve(m, bytes);
    const numbers = new Float64Array(m.memory.buffer, address, bytes / 8).fill(0);
    for (const [j, matrix] of [H, ...dH].entries()) {
      for (const [i, row] of matrix.entries()) numbers.set(row, (j * stride + i) * stride);
    }
    const constants = numbers.subarray(length * stride);
    for (const [j, part] of [b, ...db].entries()) {
      for (const [i, value] of part.entries()) constants[j * stride + i] = -value;
    }
    this.#place = { generation: m.generation, address };
  }
}
