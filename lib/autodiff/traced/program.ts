import * as tf from '@tensorflow/tfjs';
import type { Imported } from '../../backends/wasm/assembler';
import { systemMultiply } from '../../backends/wasm/blas';
import { loopOn, makeLoops } from '../../backends/wasm/fused/loops';
import { productCalls, transposeCall, workOf } from '../../backends/wasm/fused/products';
import { type Call, perform, placed, sequenceOn } from '../../backends/wasm/fused/sequence';
import { memoryOf } from '../../backends/wasm/kernels/assembly';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { engine } from '../tape';
import { MOST_TERMS, type Value, type View } from './lower';
import { inputsOf, type Plan, planned, type Step } from './plan';
import { copyStep } from './steps';

/** Where a value lies while a program runs. */
interface Place {
  where: 'given' | 'constant' | 'scratch' | 'kept' | 'output';
  /** Bytes from the start of the scratch memory, or of what is kept; else a number in order. */
  at: number;
}

interface Halves {
  /** Whether tangents are handed over apart, as often as wanted. */
  inHalves: boolean;
  /** How many of the outputs, from the first on, the first half hands out. */
  first?: number;
}

/** Places by where they are: the number of the address, and the number or offset there. */
type Moving = Record<
  'given' | 'kept' | 'output' | 'scratch',
  readonly { index: number; at: number }[]
>;

/** A half of a program with its addresses set: a function to be called with the table of them. */
export interface Prepared {
  readonly sequence: Imported;
  readonly table: number;
}

/** What a program keeps between its first half and its products. */
export interface Kept {
  tensor: tf.Tensor;
}

const ALIGNMENT = 16;
const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/**
 * Some outputs as functions of given tensors: loops and products on the backend's memory.
 *
 * The first half computes what no tangent decides, and keeps what the second half needs of it.
 */
export class Program {
  readonly #heap: Heap;
  readonly #plan: Plan;
  readonly #inHalves: boolean;
  readonly #first: number;
  readonly #shapes: readonly (readonly number[])[];
  readonly #indices = new Map<Value, number>();
  readonly #places: Place[] = [];
  readonly #early: Imported;
  readonly #late: Imported;
  readonly #scratch: number;
  /** The place where a product works. */
  readonly #work: number;
  /** How many steps it takes: before the tangents, and after. */
  readonly steps: { early: number; late: number };
  /** Where the addresses of all places are in the last run, and which of them are set anew in each. */
  readonly #table: number;
  #addresses: Int32Array;
  readonly #moving: Moving;
  #scratchBefore = 0;
  #disposed = false;
  /** Bytes kept from the first half for the second. */
  readonly keptBytes: number;
  readonly #constants: number[] = [];

  constructor(heap: Heap, outputs: readonly View[], { inHalves, first = 0 }: Halves) {
    this.#heap = heap;
    this.#inHalves = inHalves;
    this.#first = first;
    this.#shapes = outputs.map(({ shape }) => shape);
    const plan = planned(outputs);
    this.#plan = plan;
    const needed = this.#neededLate();
    plan.outputs.forEach(({ value, own }, i) => {
      const isInPlace = i < first ? !needed.has(value) : value.late === inHalves;
      if (own && isInPlace) this.#place(value, { where: 'output', at: i });
    });
    const layout = this.#lay(needed);
    const products = [...plan.early, ...plan.late].filter((step) => step.kind === 'product');
    this.#work = this.#places.push({ where: 'scratch', at: layout.scratch }) - 1;
    this.#scratch = layout.scratch + aligned(Math.max(0, ...products.map(workOf)));
    this.keptBytes = layout.kept;
    const copies = this.#copies();
    const isFirst = ({ at }: { at: number }) => !inHalves || at < first;
    const steps = (chosen: typeof copies) => chosen.map(({ step }) => step);
    const early = [...plan.early, ...steps(copies.filter(isFirst))];
    const late = [...plan.late, ...steps(copies.filter((copy) => !isFirst(copy)))];
    this.steps = { early: early.length, late: late.length };
    makeLoops(
      heap,
      [...early, ...late].filter((step) => step.kind === 'loop'),
    );
    const compiled = (of: readonly Step[]) =>
      sequenceOn(
        heap,
        of.flatMap((step) => this.#calls(step)),
      );
    this.#early = compiled(early);
    this.#late = compiled(late);
    this.#table = heap.wasm._malloc(4 * this.#places.length);
    this.#addresses = new Int32Array(0);
    this.#addressesNow().set(this.#places.map(({ where, at }) => (where === 'constant' ? at : 0)));
    const placesOf = (where: Place['where']) =>
      this.#places.flatMap((place, index) =>
        place.where === where ? [{ index, at: place.at }] : [],
      );
    this.#moving = {
      given: placesOf('given'),
      kept: placesOf('kept'),
      output: placesOf('output'),
      scratch: placesOf('scratch'),
    };
  }

  /** The outputs of a program without tangents. */
  run(given: readonly tf.Tensor[]): tf.Tensor[] {
    return this.#half(this.#early, given, undefined, true);
  }

  /** Runs the first half. */
  begin(given: readonly tf.Tensor[]): Kept {
    const info = this.#heap.makeOutput([Math.max(1, this.keptBytes / 4)], 'float32');
    const tensor = tf.keep(tensorOf(info));
    this.#half(this.#early, given, tensor, false);
    return { tensor };
  }

  /** Runs the second half, on the same tensors and the tangents after them. */
  finish(given: readonly (tf.Tensor | undefined)[], { tensor }: Kept): tf.Tensor[] {
    return this.#half(this.#late, given, tensor, true);
  }

  dispose(): void {
    for (const address of this.#constants) this.#heap.wasm._free(address);
    this.#constants.length = 0;
    if (this.#disposed) return;
    this.#disposed = true;
    this.#heap.wasm._free(this.#table);
  }

  #addressesNow(): Int32Array {
    const { buffer } = memoryOf(this.#heap);
    // The buffer is another one after the memory has grown.
    if (this.#addresses.buffer !== buffer) {
      this.#addresses = new Int32Array(buffer, this.#table, this.#places.length);
    }
    return this.#addresses;
  }

  #half(
    sequence: Imported,
    given: readonly (tf.Tensor | undefined)[],
    kept: tf.Tensor | undefined,
    last: boolean,
  ): tf.Tensor[] {
    const heap = this.#heap;
    const outputs = last ? this.#shapes.map((shape) => heap.makeOutput([...shape], 'float32')) : [];
    const of = (x: tf.TensorInfo | undefined) =>
      x === undefined ? 0 : heap.typedArrayFromHeap(x).byteOffset;
    this.#runAt(sequence, given.map(of), of(kept), outputs.map(of));
    return outputs.map(tensorOf);
  }

  /** The first half, or all of a program without tangents, on numbers in the backend's memory. */
  beginAt(given: readonly number[], kept: number, outputs: readonly number[] = []): void {
    this.#runAt(this.#early, given, kept, outputs);
  }

  /** The second half on addresses; those of the tangents come after the others. */
  finishAt(given: readonly number[], kept: number, outputs: readonly number[]): void {
    this.#runAt(this.#late, given, kept, outputs);
  }

  /** A half with its addresses set, for a loop that calls it; until another program is run or prepared. */
  prepare(
    half: 'early' | 'late',
    given: readonly number[],
    kept: number,
    outputs: readonly number[],
  ): Prepared {
    this.#setAddresses(given, kept, outputs);
    return { sequence: half === 'early' ? this.#early : this.#late, table: this.#table };
  }

  #runAt(
    sequence: Imported,
    given: readonly number[],
    kept: number,
    outputs: readonly number[],
  ): void {
    this.#setAddresses(given, kept, outputs);
    sequence.run(this.#table);
  }

  #setAddresses(given: readonly number[], kept: number, outputs: readonly number[]): void {
    // Before the table is looked at: an allocation may grow the memory, which moves no address.
    const scratch = scratchOn(this.#heap, this.#scratch);
    const addresses = this.#addressesNow();
    const { given: fromGiven, kept: fromKept, output, scratch: fromScratch } = this.#moving;
    for (const { index, at } of fromGiven) addresses[index] = given[at] ?? 0;
    for (const { index, at } of fromKept) addresses[index] = kept + at;
    for (const { index, at } of output) addresses[index] = outputs[at] ?? 0;
    if (scratch !== this.#scratchBefore) {
      for (const { index, at } of fromScratch) addresses[index] = scratch + at;
      this.#scratchBefore = scratch;
    }
  }

  #place(value: Value, place: Place): number {
    const known = this.#indices.get(value);
    if (known !== undefined) return known;
    const index = this.#places.push(place) - 1;
    this.#indices.set(value, index);
    return index;
  }

  #constant(numbers: Float32Array): number {
    const address = this.#heap.wasm._malloc(numbers.byteLength);
    new Float32Array(memoryOf(this.#heap).buffer, address, numbers.length).set(numbers);
    this.#constants.push(address);
    return address;
  }

  /** What the second half reads, or hands out. */
  #neededLate(): ReadonlySet<Value> {
    const { late, outputs } = this.#plan;
    const needed = new Set(late.flatMap(inputsOf));
    if (this.#inHalves) for (const { value } of outputs.slice(this.#first)) needed.add(value);
    return needed;
  }

  /** Gives each value its place: kept where the second half needs it, else in memory that is used again. */
  #lay(needed: ReadonlySet<Value>): { scratch: number; kept: number } {
    const { early, late, outputs } = this.#plan;
    let kept = 0;
    for (const step of [...early, ...late]) {
      for (const value of [...inputsOf(step)]) this.#placeGiven(value);
    }
    for (const { value } of outputs) this.#placeGiven(value);
    for (const { out } of early) {
      if (!needed.has(out) || this.#indices.has(out)) continue;
      this.#place(out, { where: 'kept', at: kept });
      kept += aligned(4 * out.size);
    }
    const handedOut = new Set(outputs.map(({ value }) => value));
    const scratch = Math.max(this.#scratchOf(early, handedOut), this.#scratchOf(late, handedOut));
    return { scratch, kept };
  }

  #placeGiven(value: Value): void {
    if (value.given !== undefined) this.#place(value, { where: 'given', at: value.given });
    else if (value.constant !== undefined && !this.#indices.has(value)) {
      this.#place(value, { where: 'constant', at: this.#constant(value.constant) });
    }
  }

  /** First fit; a place is free again after the last step that reads it. */
  #scratchOf(steps: readonly Step[], handedOut: ReadonlySet<Value>): number {
    const lastRead = new Map<Value, number>();
    steps.forEach((step, i) => {
      for (const value of inputsOf(step)) lastRead.set(value, i);
    });
    for (const value of handedOut) lastRead.set(value, steps.length);
    const taken: { from: number; to: number; until: number }[] = [];
    let most = 0;
    steps.forEach(({ out }, i) => {
      if (this.#indices.has(out)) return;
      const bytes = aligned(4 * out.size);
      for (let j = taken.length - 1; j >= 0; j--) if (taken[j]!.until < i) taken.splice(j, 1);
      taken.sort((a, b) => a.from - b.from);
      let at = 0;
      for (const { from, to } of taken) {
        if (from - at >= bytes) break;
        at = Math.max(at, to);
      }
      taken.push({ from: at, to: at + bytes, until: lastRead.get(out) ?? i });
      most = Math.max(most, at + bytes);
      this.#place(out, { where: 'scratch', at });
    });
    return most;
  }

  /** What is handed out though it is given, constant, or handed out already. */
  #copies(): { step: Step; at: number }[] {
    return this.#plan.outputs.flatMap(({ value }, i) => {
      const index = this.#indices.get(value);
      const place = index === undefined ? undefined : this.#places[index]!;
      if (place?.where === 'output' && place.at === i) return [];
      const out: Value = { size: value.size, late: value.late };
      this.#place(out, { where: 'output', at: i });
      return [{ step: copyStep(value, out), at: i }];
    });
  }

  #calls(step: Step): Call<number>[] {
    const index = (value: Value) => this.#indices.get(value)!;
    const heap = this.#heap;
    const out = index(step.out);
    if (step.kind === 'loop') {
      const inputs = step.inputs.map((input) => ({ at: index(input) }));
      const run = loopOn(heap, step);
      return [{ run, arguments: [{ at: out }, step.rows, 4 * step.columns, ...inputs] }];
    }
    if (step.kind === 'transpose') {
      const places = { a: index(step.of), out };
      return [placed(transposeCall(heap, step.rows, step.columns), (at) => places[at])];
    }
    const places = { a: index(step.a), b: index(step.b), out, work: this.#work };
    const own = productCalls(heap, step);
    const isSmall = step.m * step.n * step.k <= MOST_OWN && step.k <= MOST_TERMS;
    const calls = isSmall ? own : [byLibrary(heap, step, own)];
    return calls.map((call) => placed(call, (at) => places[at]));
  }
}

type Product = Extract<Step, { kind: 'product' }>;

/** A product by the library where that is switched on, else by instructions of our own. */
function byLibrary<P extends 'a' | 'b' | 'out' | 'work'>(
  heap: Heap,
  { transposeA, transposeB, m, n, k }: Product,
  own: readonly Call<P>[],
): Call<'a' | 'b' | 'out' | 'work'> {
  const floats = (address: number, size: number) =>
    new Float32Array(memoryOf(heap).buffer, address, size);
  const run = (a: number, b: number, out: number, work: number) => {
    const library = systemMultiply();
    if (library === undefined) {
      const addresses = { a, b, out, work };
      for (const call of own) perform(call, (at) => addresses[at]);
      return;
    }
    const [left, right] = [floats(a, m * k), floats(b, k * n)];
    library(transposeA, transposeB, m, n, k, left, right, floats(out, m * n), false);
  };
  return { run, arguments: [{ at: 'a' }, { at: 'b' }, { at: 'out' }, { at: 'work' }] };
}

/** A product of so many multiplications costs less than the call of a library and its threads. */
const MOST_OWN = 2 ** 17;

const tensorOf = (info: tf.TensorInfo): tf.Tensor =>
  (
    engine() as unknown as { makeTensorFromTensorInfo(info: tf.TensorInfo): tf.Tensor }
  ).makeTensorFromTensorInfo(info);

const scratches = new WeakMap<Heap, { address: number; bytes: number }>();

/** Memory that all programs use in turn. */
function scratchOn(heap: Heap, bytes: number): number {
  const known = scratches.get(heap) ?? { address: 0, bytes: 0 };
  if (known.bytes < bytes) {
    if (known.address !== 0) heap.wasm._free(known.address);
    Object.assign(known, { address: heap.wasm._malloc(bytes), bytes });
    scratches.set(heap, known);
  }
  return known.address;
}
