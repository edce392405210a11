import type * as tf from '@tensorflow/tfjs';
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

// The instructions used here, by their names in the WebAssembly specification, §5.4.
const block = [0x02, 0x40];
const loop = [0x03, 0x40];
const end = [0x0b];
const br = (label: number) => [0x0c, label];
const brIf = (label: number) => [0x0d, label];
const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const constant = (value: number) => [0x41, value];
const loadInteger = (offset: number) => [0x28, 2, offset];
const loadFloat = [0x2a, 2, 0];
const storeFloat = [0x38, 2, 0];
const isAtLeast = [0x4f];
const add = [0x6a];
const multiply = [0x6c];
const and = [0x71];
const shiftLeft = [0x74];
const addFloats = [0x92];
const loadFour = [0xfd, 0x00, 2, 0];
const storeFour = [0xfd, 0x0b, 2, 0];
const addFours = [0xfd, 0xe4, 0x01];

const [RUNS, COUNT, FROM, TO, IMAGES, FROM_STRIDE, TO_STRIDE] = [0, 1, 2, 3, 4, 5, 6];
const [RUN, LAST, SOURCE, TARGET, STOP, LENGTH, DONE] = [7, 8, 9, 10, 11, 12, 13];
const parameters = 7;
const locals = 7;
const RUN_BYTES = 12;

/** Repeats the body until the local `at` reaches the local `until`. */
const forEach = (at: number, until: number, ...body: number[][]) => [
  ...block,
  ...loop,
  ...get(at),
  ...get(until),
  ...isAtLeast,
  ...brIf(1),
  ...body.flat(),
  ...br(0),
  ...end,
  ...end,
];

const advance = (local: number, ...by: number[][]) => [
  ...get(local),
  ...by.flat(),
  ...add,
  ...set(local),
];

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

const minusFour = 0x7c;

function body(sourceField: number, targetField: number, adds: boolean): number[] {
  return [
    ...forEach(
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
        stopAfter(minusFour),
        moving(16, loadFour, storeFour, adds ? addFours : undefined),
        stopAfter(3),
        moving(4, loadFloat, storeFloat, adds ? addFloats : undefined),
        advance(RUN, constant(RUN_BYTES)),
      ),
      advance(FROM, get(FROM_STRIDE)),
      advance(TO, get(TO_STRIDE)),
      advance(DONE, constant(1)),
    ),
    ...end,
  ];
}

/** A number in LEB128, as lengths are written. */
function length(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...length(value >>> 7)];
}

const text = (name: string) => [name.length, ...new TextEncoder().encode(name)];
const section = (id: number, content: number[]) => [id, ...length(content.length), ...content];
const i32 = 0x7f;
const mostPages = 65_536;

function moduleBytes(isShared: boolean): Uint8Array {
  const functions = [body(4, 0, false), body(0, 4, true)].map((code) => {
    const whole = [1, locals, i32, ...code];
    return [...length(whole.length), ...whole];
  });
  const limits = isShared ? [0x03, 0, ...length(mostPages)] : [0x00, 0];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, parameters, ...new Array<number>(parameters).fill(i32), 0]),
    ...section(2, [1, ...text('env'), ...text('memory'), 0x02, ...limits]),
    ...section(3, [2, 0, 0]),
    ...section(7, [2, ...text('gather'), 0, 0, ...text('scatter'), 0, 1]),
    ...section(10, [2, ...functions.flat()]),
  ]);
}

function moverOn(memory: WebAssembly.Memory): Mover {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  const module = new WebAssembly.Module(moduleBytes(isShared) as Uint8Array<ArrayBuffer>);
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Mover;
}

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
    this.mover = moverOn(this.memory);
  }

  private get memory(): WebAssembly.Memory {
    return this.heap.wasm.wasmMemory ?? this.heap.wasm.asm.memory!;
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
    new Int32Array(this.memory.buffer, address, numbers.length).set(numbers);
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
