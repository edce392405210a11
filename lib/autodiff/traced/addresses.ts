import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import type { Layout, Place } from './layout';

/** Places by where they are: the number of the address, and the number or offset there. */
type Moving = Record<
  'given' | 'kept' | 'output' | 'scratch',
  readonly { index: number; at: number }[]
>;

/** Where a run finds what it reads and writes. */
interface Setting {
  given: readonly number[];
  kept: number;
  outputs: readonly number[];
  scratch: number;
}

/** The addresses of all places of a program, in a table in memory, and the constants after it. */
export class Addresses {
  readonly #heap: Heap;
  readonly #places: readonly Place[];
  /** Which of them are set again in each run. */
  readonly #moving: Moving;
  #numbers = new Int32Array(0);
  #scratchBefore = 0;
  /** Where the table is; 0 until it is there. */
  table = 0;

  constructor(heap: Heap, { places }: Layout) {
    this.#heap = heap;
    this.#places = places;
    const placesOf = (where: Place['where']) =>
      places.flatMap((place, index) => (place.where === where ? [{ index, at: place.at }] : []));
    this.#moving = {
      given: placesOf('given'),
      kept: placesOf('kept'),
      output: placesOf('output'),
      scratch: placesOf('scratch'),
    };
  }

  /** Takes the memory and writes what is the same in each run. */
  allocate(layout: Layout): void {
    const bytes = aligned(4 * this.#places.length);
    this.table = this.#heap.wasm._malloc(bytes + layout.constantBytes);
    const constants = this.table + bytes;
    layout.writeConstants(this.#heap, constants);
    this.#now().set(
      this.#places.map(({ where, at }) => (where === 'constant' ? constants + at : 0)),
    );
  }

  free(): void {
    this.#heap.wasm._free(this.table);
    this.table = 0;
  }

  set({ given, kept, outputs, scratch }: Setting): void {
    const addresses = this.#now();
    for (const { index, at } of this.#moving.given) addresses[index] = given[at] ?? 0;
    for (const { index, at } of this.#moving.kept) addresses[index] = kept + at;
    for (const { index, at } of this.#moving.output) addresses[index] = outputs[at] ?? 0;
    if (scratch === this.#scratchBefore) return;
    for (const { index, at } of this.#moving.scratch) addresses[index] = scratch + at;
    this.#scratchBefore = scratch;
  }

  /** Of one place. */
  setOne(index: number, address: number): void {
    this.#now()[index] = address;
  }

  /**
   * Where in memory the addresses are that go with the point of a program in halves: those of the
   * first `count` tensors that it is given, and of what is kept.
   */
  placesOf(count: number): readonly number[] {
    const { given, kept } = this.#moving;
    const moving = [...given.filter(({ at }) => at < count), ...kept];
    return moving.map(({ index }) => this.table + 4 * index);
  }

  #now(): Int32Array {
    const { buffer } = memoryOf(this.#heap);
    // The buffer is another one after the memory has grown.
    if (this.#numbers.buffer !== buffer) {
      this.#numbers = new Int32Array(buffer, this.table, this.#places.length);
    }
    return this.#numbers;
  }
}

const ALIGNMENT = 16;
const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
