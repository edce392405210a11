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

/** Places of as many numbers each in WebAssembly's memory, by their numbers from 0. */
export interface Places {
  /** How many numbers a place has. */
  readonly length: number;
  readonly count: number;
  /** The numbers of a place where they are: valid until the next `start`. */
  numbers(place: number): Float64Array;
  /** The place `out` becomes `Σ aᵢxᵢ`, added up in order; it is none of the xᵢ. */
  combine(out: number, factors: readonly number[], xs: readonly number[]): void;
}

/**
 * An affine gradient along an iteration, in rounds of `together` steps: the points of a round first, then
 * the products of ∂H with all of them, which reads ∂H once for two, then the tangents.
 *
 * The first `together` places of both kinds are those of the gradients' points and derivatives. All of
 * these share one memory, so one is used at a time, and `start` begins anew.
 */
export interface AffineBlocks {
  readonly together: number;
  /** Numbers from one tangent to the next. */
  readonly stride: number;
  /** Vectors, filled up with zeros to `stride` numbers. */
  readonly values: Places;
  /** Tangents in all directions, one after the other. */
  readonly tangents: Places;
  start(): void;
  /** The value `out` becomes the gradient at the value x, the point of step k of this round. */
  gradient(x: number, out: number, k: number): void;
  /** Derivatives at the points of the steps from k on, below `end`, with tangents of 0. */
  derivatives(k: number, end: number): void;
  /** Adds `H ∂x` to the derivatives of step k. */
  addTangents(x: number, k: number): void;
}

/** @returns undefined for matrices that are too small to be worth it, or too large */
export function affineBlocks(given: AffineGradient): AffineBlocks | undefined {
  const blocks = new Blocks(given);
  const isWorthIt = blocks.entries >= LEAST_ENTRIES && blocks.arena <= ARENA_BYTES;
  return isWorthIt && blocks.bytes <= MOST_BYTES / 4 ? blocks : undefined;
}

/** How many steps are one round: their points and derivatives take part of a cache. */
const TOGETHER = 16;
/** Places for the vectors of a state and of a step. */
const PLACES = TOGETHER + 24;

class PlacesFrom implements Places {
  readonly count = PLACES;
  readonly #machine = started();
  #memory: Float64Array = new Float64Array(0);

  /** @param first the address of the first one */
  constructor(
    readonly length: number,
    private readonly first: number,
  ) {}

  start(memory: Float64Array): void {
    this.#memory = memory;
  }

  address(place: number): number {
    return this.first + 8 * this.length * place;
  }

  numbers(place: number): Float64Array {
    const from = this.first / 8 + this.length * place;
    return this.#memory.subarray(from, from + this.length);
  }

  combine(out: number, factors: readonly number[], xs: readonly number[]): void {
    const [to, end] = [this.address(out), this.address(out + 1)];
    const [one, two, three] = this.#machine.combinations;
    const [a, b, c] = factors as [number, number, number];
    const x = this.address(xs[0]!);
    if (xs.length === 1) one(to, end, a, x);
    else if (xs.length === 2) two(to, end, a, x, b, this.address(xs[1]!));
    else three(to, end, a, x, b, this.address(xs[1]!), c, this.address(xs[2]!));
    for (let i = 3; i < xs.length; i++) two(to, end, 1, to, factors[i]!, this.address(xs[i]!));
  }
}

/**
 * Rows and columns that fill up are 0. Next to a number that is not finite they become NaN, as does
 * everything else in the step after.
 */
class Blocks implements AffineBlocks {
  readonly together = TOGETHER;
  readonly stride: number;
  readonly values: PlacesFrom;
  readonly tangents: PlacesFrom;
  readonly entries: number;
  /** What the matrices and the constant terms take, and what all places do. */
  readonly bytes: number;
  readonly arena: number;
  readonly #machine = started();
  #place = { generation: -1, address: 0 };
  #memory: Float64Array = new Float64Array(0);

  constructor(private readonly given: AffineGradient) {
    const { H, dH } = given;
    const stride = GROUP * Math.ceil(H.length / GROUP);
    const length = stride * dH.length;
    this.stride = stride;
    this.values = new PlacesFrom(stride, 0);
    this.tangents = new PlacesFrom(length, 8 * stride * PLACES);
    this.entries = (1 + dH.length) * H.length ** 2;
    this.bytes = 8 * (stride + length) * (stride + 1);
    this.arena = 8 * (stride + length) * PLACES;
  }

  start(): void {
    const m = this.#machine;
    if (this.#place.generation !== m.generation) this.#put(m);
    this.#memory = new Float64Array(m.memory.buffer);
    this.values.start(this.#memory);
    this.tangents.start(this.#memory);
  }

  gradient(x: number, out: number, k: number): void {
    const { values, stride } = this;
    const { H, dH, constants } = this.#addresses();
    const [from, to, point] = [values.address(x), values.address(out), values.address(k)];
    const memory = this.#memory;
    memory.copyWithin(point / 8, from / 8, from / 8 + stride);
    memory.copyWithin(to / 8, constants / 8, constants / 8 + stride);
    const shape = { stride: 8 * stride, height: 8 * stride };
    addProducts(this.#machine, { A: H, end: dH, x: from, y: to, count: 1, ...shape });
  }

  derivatives(k: number, end: number): void {
    const { values, tangents, stride } = this;
    const { dH, constants } = this.#addresses();
    const from = constants / 8 + stride;
    for (let i = k; i < end; i++) {
      this.#memory.copyWithin(tangents.address(i) / 8, from, from + tangents.length);
    }
    const [x, y] = [values.address(k), tangents.address(k)];
    const shape = { stride: 8 * stride, height: 8 * tangents.length };
    addProducts(this.#machine, { A: dH, end: constants, x, y, count: end - k, ...shape });
  }

  addTangents(x: number, k: number): void {
    const { tangents, stride, given } = this;
    const { H, dH } = this.#addresses();
    const [from, to] = [tangents.address(x), tangents.address(k)];
    const shape = { count: given.dH.length, stride: 8 * stride, height: 8 * stride };
    addProducts(this.#machine, { A: H, end: dH, x: from, y: to, ...shape });
  }

  /** One after the other: H, all ∂H, and −b with all −∂b. */
  #addresses(): { H: number; dH: number; constants: number } {
    const { address } = this.#place;
    const row = 8 * this.stride;
    const dH = address + this.stride * row;
    return { H: address, dH, constants: dH + this.tangents.length * row };
  }

  #put(m: Machine): void {
    const { stride, bytes, given } = this;
    const { H, b, dH, db } = given;
    const address = reserve(m, bytes);
    this.#place = { generation: m.generation, address };
    const numbers = new Float64Array(m.memory.buffer, address, bytes / 8).fill(0);
    for (const [j, matrix] of [H, ...dH].entries()) {
      for (const [i, row] of matrix.entries()) numbers.set(row, (j * stride + i) * stride);
    }
    const constants = numbers.subarray((1 + dH.length) * stride * stride);
    for (const [j, part] of [b, ...db].entries()) {
      for (const [i, value] of part.entries()) constants[j * stride + i] = -value;
    }
  }
}
