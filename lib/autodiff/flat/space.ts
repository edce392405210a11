import * as tf from '@tensorflow/tfjs';
import { tensorOf } from '../../backends/engine';
import { type FlatLoops, flatLoopsOn } from '../../backends/wasm/fused/flat-loops';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import { DisposedError, ShapeError } from '../../errors';
import { giveWay } from '../../event-loop';
import type { NamedTensors, Space } from '../../spaces';
import { heapForPrograms } from '../traced';
import { Flat, Layout } from './flat';

// A name of a module of TensorFlow.js is a function that is called each time.
const { Tensor } = tf;

/** Squared norms in this range are right as they are. */
const [LEAST, MOST] = [1e-20, 1e30];

/**
 * Vectors of float32 on the wasm heap; scalars are numbers.
 *
 * An operation is one call of a compiled loop, where one on tensors costs tens of microseconds of
 * bookkeeping. `tidy`, `keep` and `free` are as for tensors; what is not freed stays allocated.
 */
export class FlatSpace implements Space<Flat, number> {
  readonly name = 'flat';
  readonly epsilon = 2 ** -23;
  readonly loops: FlatLoops;
  readonly heap: Heap;
  readonly #scopes: Flat[][] = [];
  #bytes = 0;
  /** All of the memory. */
  #memory = new Float32Array(0);

  constructor(heap: Heap) {
    this.heap = heap;
    this.loops = flatLoopsOn(heap);
  }

  /** The bytes of all vectors that are alive. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A vector whose numbers are whatever was in memory. */
  allocate(layout: Layout): Flat {
    const bytes = 4 * layout.size;
    const address = this.heap.wasm._malloc(Math.max(4, bytes));
    if (address === 0) throw new RangeError(`No memory for a vector of ${layout.size} numbers`);
    this.#bytes += bytes;
    const x = new Flat(layout, address);
    this.#scopes.at(-1)?.push(x);
    return x;
  }

  /** A copy of named tensors. */
  from(x: NamedTensors, layout = new Layout(x)): Flat {
    const flat = this.allocate(layout);
    this.put(x, flat);
    return flat;
  }

  /** Copies named tensors into a vector of their layout. */
  put(x: NamedTensors, { address, layout }: Flat): void {
    layout.names.forEach((name, i) => {
      const tensor = x[name]!;
      const isFloat = tensor.dtype === 'float32';
      const floats = isFloat ? tensor : tf.tidy(() => tf.keep(tf.cast(tensor, 'float32')));
      const { byteOffset } = this.heap.typedArrayFromHeap(floats);
      this.move(byteOffset, address + layout.offsets[i]!, layout.sizes[i]!);
      if (!isFloat) floats.dispose();
    });
  }

  /** A copy as named tensors, the caller's. */
  toTensors({ layout, address }: Flat): NamedTensors {
    const result: NamedTensors = {};
    layout.names.forEach((name, i) => {
      const out = this.heap.makeOutput([...layout.shapes[i]!], 'float32');
      const { byteOffset } = this.heap.typedArrayFromHeap(out);
      this.move(address + layout.offsets[i]!, byteOffset, layout.sizes[i]!);
      result[name] = tensorOf(out, this.heap);
    });
    return result;
  }

  /** The numbers in place: valid until the next allocation. */
  numbers({ address, layout }: Flat): Float32Array {
    return new Float32Array(memoryOf(this.heap).buffer, address, layout.size);
  }

  /** The first of the numbers. */
  first({ address }: Flat): number {
    return this.#whole()[address / 4]!;
  }

  /** The same memory as integers: addresses. */
  integers({ address, layout }: Flat): Int32Array {
    return new Int32Array(memoryOf(this.heap).buffer, address, layout.size);
  }

  /** The same memory as numbers of float64, two for each. */
  doubles({ address, layout }: Flat): Float64Array {
    return new Float64Array(memoryOf(this.heap).buffer, address, layout.size / 2);
  }

  /** All of the memory as numbers: a view of a part takes longer to make than a short vector to copy. */
  #whole(): Float32Array {
    const { buffer } = memoryOf(this.heap);
    // It is another one after the memory has grown.
    if (this.#memory.buffer !== buffer) this.#memory = new Float32Array(buffer);
    return this.#memory;
  }

  /** Copies the given number of numbers from one address to another. */
  move(from: number, to: number, size: number): void {
    this.#whole().copyWithin(to / 4, from / 4, from / 4 + size);
  }

  zeros({ layout }: Flat): Flat {
    const out = this.allocate(layout);
    this.clear(out);
    return out;
  }

  /** Sets all numbers to 0. */
  clear({ address, layout }: Flat): void {
    this.#whole().fill(0, address / 4, address / 4 + layout.size);
  }

  clone(x: Flat): Flat {
    const out = this.allocate(x.layout);
    this.move(x.address, out.address, x.layout.size);
    return out;
  }

  /** `Σ aᵢxᵢ`. */
  combine(factors: readonly number[], xs: readonly Flat[]): Flat {
    const { layout } = xs[0]!;
    const out = this.allocate(layout);
    this.loops.combine(
      out.address,
      layout.size,
      factors,
      xs.map(({ address }) => address),
    );
    return out;
  }

  scale(a: number, x: Flat): Flat {
    return this.combine([a], [x]);
  }

  axpy(a: number, x: Flat, y: Flat): Flat {
    return this.combine([a, 1], [x, y]);
  }

  subtract(x: Flat, y: Flat): Flat {
    return this.combine([1, -1], [x, y]);
  }

  dot(x: Flat, y: Flat): number {
    return this.loops.dot(x.layout.size, x.address, y.address);
  }

  norm(x: Flat): number {
    const squared = this.dot(x, x);
    if (squared > LEAST && squared < MOST) return Math.sqrt(squared);
    let [largest, sum] = [0, 0];
    const numbers = this.numbers(x);
    for (const value of numbers) {
      if (Number.isNaN(value)) return value;
      largest = Math.max(largest, Math.abs(value));
    }
    if (largest === 0 || largest === Number.POSITIVE_INFINITY) return largest;
    for (const value of numbers) sum += (value / largest) ** 2;
    return largest * Math.sqrt(sum);
  }

  select(mask: number, x: Flat, y: Flat): Flat {
    return this.clone(mask ? x : y);
  }

  readonly scalars = {
    of: (value: number) => value,
    add: (a: number, b: number) => a + b,
    subtract: (a: number, b: number) => a - b,
    multiply: (a: number, b: number) => a * b,
    divide: (a: number, b: number) => a / b,
    sqrt: Math.sqrt,
    less: (a: number, b: number) => (a < b ? 1 : 0),
    and: (a: number, b: number) => (a && b ? 1 : 0),
    select: (mask: number, a: number, b: number) => (mask ? a : b),
  };

  async read(values: readonly number[]): Promise<number[]> {
    await giveWay();
    return [...values];
  }

  readSync(values: readonly number[]): number[] {
    return [...values];
  }

  readableNow(): boolean {
    return true;
  }

  tidy<T>(f: () => T): T {
    const scope: Flat[] = [];
    this.#scopes.push(scope);
    let spared: readonly Flat[] = [];
    try {
      const result = f();
      spared = result instanceof Flat ? [result] : contentsOf(result).flats;
      return result;
    } finally {
      this.#scopes.pop();
      const outer = this.#scopes.at(-1);
      for (const x of scope) {
        if (x.kept) continue;
        if (spared.includes(x)) outer?.push(x);
        else this.#release(x);
      }
    }
  }

  keep<T>(x: T): T {
    if (x instanceof Flat) {
      x.kept = true;
      return x;
    }
    const { flats, tensors } = contentsOf(x);
    for (const flat of flats) flat.kept = true;
    for (const tensor of tensors) tf.keep(tensor);
    return x;
  }

  free(x: unknown, except?: unknown): void {
    if (x instanceof Flat) {
      if (x.alive && !isWithin(x, except)) this.#release(x);
    } else if (x === null || typeof x !== 'object') return;
    else if (x instanceof Tensor) {
      if (!x.isDisposed && !isWithin(x, except)) x.dispose();
    } else if (Array.isArray(x)) for (const each of x) this.free(each, except);
    else if (!ArrayBuffer.isView(x))
      for (const name in x) this.free(x[name as keyof typeof x], except);
  }

  check(x: Flat, like: Flat, what: string): void {
    if (!(x instanceof Flat) || x.layout.size !== like.layout.size) {
      throw new ShapeError({
        given: `${what} of ${x?.layout?.size ?? 'no'} numbers`,
        expected: `${like.layout.size} numbers`,
        remedy: 'Give vectors of one space.',
      });
    }
    if (x.alive) return;
    throw new DisposedError({
      given: `${what} that is freed`,
      expected: 'a live vector',
      remedy: 'Free it later.',
    });
  }

  /** Keeps the numbers of x in memory until `letGo`, even if it is freed. */
  hold(x: Flat): void {
    x.readers++;
  }

  letGo(x: Flat): void {
    x.readers--;
    this.#reclaimIfUnused(x);
  }

  #release(x: Flat): void {
    if (!x.alive) return;
    x.alive = false;
    this.#reclaimIfUnused(x);
  }

  #reclaimIfUnused(x: Flat): void {
    if (x.alive || x.readers > 0) return;
    this.heap.wasm._free(x.address);
    this.#bytes -= 4 * x.layout.size;
  }
}

/** Whether it is among what nested records and arrays hold. */
function isWithin(x: Flat | tf.Tensor, nested: unknown): boolean {
  if (nested === x) return true;
  if (nested === null || typeof nested !== 'object') return false;
  if (nested instanceof Flat || nested instanceof Tensor || ArrayBuffer.isView(nested))
    return false;
  if (Array.isArray(nested)) return nested.some((each) => isWithin(x, each));
  for (const name in nested) if (isWithin(x, nested[name as keyof typeof nested])) return true;
  return false;
}

interface Contents {
  flats: Flat[];
  tensors: tf.Tensor[];
}

/** The vectors and live tensors inside nested records and arrays. */
function contentsOf(x: unknown, into: Contents = { flats: [], tensors: [] }): Contents {
  if (x instanceof Flat) into.flats.push(x);
  else if (x instanceof Tensor) {
    if (!x.isDisposed) into.tensors.push(x);
  } else if (Array.isArray(x)) {
    for (const each of x) contentsOf(each, into);
  } else if (x !== null && typeof x === 'object' && !ArrayBuffer.isView(x)) {
    for (const each of Object.values(x)) contentsOf(each, into);
  }
  return into;
}

/** The space of flat vectors where programs can run now. */
export function flatSpaceNow(): FlatSpace | undefined {
  const heap = heapForPrograms();
  return heap && flatSpaceOn(heap);
}

const spaces = new WeakMap<Heap, FlatSpace>();

/** The one space of flat vectors on a heap. */
export function flatSpaceOn(heap: Heap): FlatSpace {
  const space = spaces.get(heap) ?? new FlatSpace(heap);
  spaces.set(heap, space);
  return space;
}
