import type * as tf from '@tensorflow/tfjs';
import {
  add,
  addFloats,
  addFours,
  advance,
  and,
  assembled,
  type Code,
  constant,
  forEach,
  get,
  i32,
  loadFloat,
  loadFour,
  loadInteger,
  memoryOf,
  multiply,
  set,
  shiftLeft,
  storeFloat,
  storeFour,
  type ValueType,
} from './assembly';
import { floats, type Heap } from './heap';

/**
 * Runs of neighbouring numbers, moved within the backend's memory by a WebAssembly module of our own.
 *
 * A convolution's derivatives are matrix products of what the filter's window saw, and laying that
 * out number by number in JavaScript takes longer than the products.
 */

/** All addresses and strides are in bytes; a stride leads from one image to the next. */
type Move = (
  runs: number,
  count: number,
  from: number,
  to: number,
  images: number,
  fromStride: number,
  toStride: number,
) => void;

interface Mover {
  /** Copies each run from the image to the table. */
  gather: Move;
  /** Adds each run of the table to the image. */
  scatter: Move;
}

const [RUNS, COUNT, FROM, TO, IMAGES, FROM_STRIDE, TO_STRIDE] = [0, 1, 2, 3, 4, 5, 6];
const [RUN, LAST, SOURCE, TARGET, STOP, LENGTH, DONE] = [7, 8, 9, 10, 11, 12, 13];
const RUN_BYTES = 12;

/** The address that a field of the run leads to, from a base. */
const addressed = (base: number, field: number, local: number) => [
  ...get(base),
  ...get(RUN),
  ...loadInteger(field),
  ...add,
  ...set(local),
];

/** Moves numbers in steps of some bytes until SOURCE reaches STOP. */
function moving(bytes: number, load: number[], store: number[], sum: number[] | undefined) {
  const value = [...get(SOURCE), ...load];
  const stored = sum ? [...get(TARGET), ...load, ...value, ...sum] : value;
  return forEach(
    SOURCE,
    STOP,
    get(TARGET),
    stored,
    store,
    advance(SOURCE, constant(bytes)),
    advance(TARGET, constant(bytes)),
  );
}

/** Sets STOP so many bytes after SOURCE as LENGTH has numbers, of those that a mask lets through. */
const stopAfter = (mask: number) => [
  ...get(SOURCE),
  ...get(LENGTH),
  ...constant(mask),
  ...and,
  ...constant(2),
  ...shiftLeft,
  ...add,
  ...set(STOP),
];

/** Moves the runs of all images; the fields of a run say where its numbers come from and go to. */
function moved(sourceField: number, targetField: number, adds: boolean): Code {
  const body = forEach(
    DONE,
    IMAGES,
    [...get(RUNS), ...set(RUN)],
    [...get(RUNS), ...get(COUNT), ...constant(RUN_BYTES), ...multiply, ...add, ...set(LAST)],
    forEach(
      RUN,
      LAST,
      addressed(FROM, sourceField, SOURCE),
      addressed(TO, targetField, TARGET),
      [...get(RUN), ...loadInteger(8), ...set(LENGTH)],
      stopAfter(-4),
      moving(16, loadFour(), storeFour(), adds ? addFours : undefined),
      stopAfter(3),
      moving(4, loadFloat, storeFloat, adds ? addFloats : undefined),
      advance(RUN, constant(RUN_BYTES)),
    ),
    advance(FROM, get(FROM_STRIDE)),
    advance(TO, get(TO_STRIDE)),
    advance(DONE, constant(1)),
  );
  const seven = new Array<ValueType>(7).fill(i32);
  return { parameters: seven, locals: seven, body };
}

const moves = { gather: moved(4, 0, false), scatter: moved(0, 4, true) };

/** Where the runs of one image lie: numbers of the table, of the image, and how many. */
export type Visit = (table: number, image: number, count: number) => void;

/** An arrangement of runs, the same for every image, and its name. */
export interface Arrangement {
  name: string;
  images: number;
  each(visit: Visit): void;
}

/** The runs of one image as they lie in the backend's memory. */
interface Written {
  address: number;
  count: number;
}

/** Arrangements that a backend keeps; a network has a few, each of some ten kilobytes. */
const kept = 64;

class Runs {
  private readonly mover: Mover;
  private readonly written = new Map<string, Written>();

  constructor(private readonly heap: Heap) {
    this.mover = assembled(heap, moves) as unknown as Mover;
  }

  move(what: keyof Mover, from: tf.TensorInfo, to: tf.TensorInfo, by: Arrangement): void {
    const { address, count } = this.written.get(by.name) ?? this.write(by);
    // Addresses are taken now: writing the runs may have moved the heap.
    const [source, target] = [floats(this.heap, from), floats(this.heap, to)];
    this.mover[what](
      address,
      count,
      source.byteOffset,
      target.byteOffset,
      by.images,
      source.byteLength / by.images,
      target.byteLength / by.images,
    );
  }

  private write({ name, each }: Arrangement): Written {
    if (this.written.size === kept) this.forgetOldest();
    const numbers: number[] = [];
    each((table, image, count) => {
      if (count > 0) numbers.push(4 * table, 4 * image, count);
    });
    const address = this.heap.wasm._malloc(4 * numbers.length);
    new Int32Array(memoryOf(this.heap).buffer, address, numbers.length).set(numbers);
    const written = { address, count: numbers.length / 3 };
    this.written.set(name, written);
    return written;
  }

  private forgetOldest(): void {
    for (const [name, { address }] of this.written) {
      this.heap.wasm._free(address);
      this.written.delete(name);
      return;
    }
  }
}

const ofBackends = new WeakMap<Heap, Runs>();

function runsOn(heap: Heap): Runs {
  const known = ofBackends.get(heap) ?? new Runs(heap);
  ofBackends.set(heap, known);
  return known;
}

/** Copies runs of each image into a table. */
export function gather(
  heap: Heap,
  image: tf.TensorInfo,
  table: tf.TensorInfo,
  by: Arrangement,
): void {
  runsOn(heap).move('gather', image, table, by);
}

/** Adds runs of a table to each image: the transpose of {@link gather}. */
export function scatter(
  heap: Heap,
  table: tf.TensorInfo,
  image: tf.TensorInfo,
  by: Arrangement,
): void {
  runsOn(heap).move('scatter', table, image, by);
}
