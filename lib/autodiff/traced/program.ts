import * as tf from '@tensorflow/tfjs';
import { tensorOf } from '../../backends/engine';
import type { Imported } from '../../backends/wasm/assembler';
import { systemMultiply } from '../../backends/wasm/blas';
import { runKernelAt } from '../../backends/wasm/fused/kernel-calls';
import { makeLoops } from '../../backends/wasm/fused/loops';
import { type At, type Call, perform, placed, Sequence } from '../../backends/wasm/fused/sequence';
import { sharedLoopOn } from '../../backends/wasm/fused/shared-loops';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import { MOST_TERMS, multiplyOn, productCalls, transposeCall } from '../../backends/wasm/products';
import type { Pausing } from '../../event-loop';
import { isolated } from '../tape';
import { groupsOf } from './cost';
import { ran } from './counts';
import { type Halves, Layout, type Place } from './layout';
import { finishLeft, inPortions } from './left';
import { planned } from './plan';
import { type Part, partsOf, type Section } from './row-blocks';
import { type Operand, operandsOf, type Step } from './steps';
import type { View } from './value';

/** Places by where they are: the number of the address, and the number or offset there. */
type Moving = Record<
  'given' | 'kept' | 'output' | 'scratch',
  readonly { index: number; at: number }[]
>;

/** A half of a program with its addresses set: a function, and the address to call it with. */
export interface Prepared {
  /** What a run reads and writes: the operands and results of all steps. */
  readonly bytes: number;
  readonly sequence: Imported;
  readonly table: number;
}

/** Half a program, with the parts between which it can be left for a while. */
interface Half {
  sequence: Sequence;
  /** What it reads and writes. */
  bytes: number;
}

/** What a program keeps between its first half and its products. */
export interface Kept {
  tensor: tf.Tensor;
}

/**
 * Some outputs as functions of given tensors: loops and products on the backend's memory.
 *
 * The first half computes what no tangent decides, and keeps what the second half needs of it.
 */
export class Program {
  readonly #heap: Heap;
  readonly #layout: Layout;
  readonly #shapes: readonly (readonly number[])[];
  readonly #early: Half;
  readonly #late: Half;
  /** How many steps it takes: before the tangents, and after. */
  readonly steps: { early: number; late: number };
  /** Where the addresses of all places are in the last run, and which of them are set again in each. */
  readonly #table: number;
  #addresses: Int32Array;
  readonly #moving: Moving;
  /** What kernels have made and is still read, by its place. */
  readonly #made = new Map<number, tf.TensorInfo>();
  #scratchBefore = 0;
  #disposed = false;

  constructor(heap: Heap, outputs: readonly View[], halves: Halves) {
    const { inHalves, first = 0 } = halves;
    this.#heap = heap;
    this.#shapes = outputs.map(({ shape }) => shape);
    const plan = planned(outputs);
    const layout = new Layout(heap, plan, halves);
    this.#layout = layout;
    const { copies, places } = layout;
    const isFirst = ({ at }: { at: number }) => !inHalves || at < first;
    const steps = (chosen: typeof copies) => chosen.map(({ step }) => step);
    const early = [...plan.early, ...steps(copies.filter(isFirst))];
    const late = [...plan.late, ...steps(copies.filter((copy) => !isFirst(copy)))];
    this.steps = { early: early.length, late: late.length };
    makeLoops(
      heap,
      [...early, ...late].filter((step) => step.kind === 'loop'),
    );
    this.#table = heap.wasm._malloc(4 * places.length);
    this.#early = this.#halfOf(early, layout.sections.early);
    this.#late = this.#halfOf(late, layout.sections.late);
    this.#addresses = new Int32Array(0);
    this.#addressesNow().set(places.map(({ where, at }) => (where === 'constant' ? at : 0)));
    const placesOf = (where: Place['where']) =>
      places.flatMap((place, index) => (place.where === where ? [{ index, at: place.at }] : []));
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

  /** As `run`, to be left for a while within it; what it returns is kept. */
  runInPieces(given: readonly tf.Tensor[]): Pausing<tf.Tensor[]> {
    return this.#halfInPieces(this.#early, given, undefined, true);
  }

  /** Runs the first half. */
  begin(given: readonly tf.Tensor[]): Kept {
    const kept = this.#memory();
    this.#half(this.#early, given, kept.tensor, false);
    return kept;
  }

  /** As `begin`, to be left for a while within it. */
  *beginInPieces(given: readonly tf.Tensor[]): Pausing<Kept> {
    const kept = this.#memory();
    try {
      yield* this.#halfInPieces(this.#early, given, kept.tensor, false);
      return kept;
    } catch (error) {
      kept.tensor.dispose();
      throw error;
    }
  }

  #memory(): Kept {
    const info = this.#heap.makeOutput([Math.max(1, this.keptBytes / 4)], 'float32');
    return { tensor: tf.keep(tensorOf(info)) };
  }

  /** Runs the second half, on the same tensors and the tangents after them. */
  finish(given: readonly (tf.Tensor | undefined)[], { tensor }: Kept): tf.Tensor[] {
    return this.#half(this.#late, given, tensor, true);
  }

  /** As `finish`, to be left for a while within it; what it returns is kept. */
  finishInPieces(
    given: readonly (tf.Tensor | undefined)[],
    { tensor }: Kept,
  ): Pausing<tf.Tensor[]> {
    return this.#halfInPieces(this.#late, given, tensor, true);
  }

  /** Bytes kept from the first half for the second. */
  get keptBytes(): number {
    return this.#layout.keptBytes;
  }

  dispose(): void {
    // A run that has been left needs the table and the constants.
    finishLeft(this.#heap);
    this.#layout.freeConstants();
    if (this.#disposed) return;
    this.#disposed = true;
    for (const index of [...this.#made.keys()]) this.#freeMade(index);
    for (const { sequence } of [this.#early, this.#late]) sequence.dispose();
    this.#heap.wasm._free(this.#table);
  }

  #addressesNow(): Int32Array {
    const { buffer } = memoryOf(this.#heap);
    // The buffer is another one after the memory has grown.
    if (this.#addresses.buffer !== buffer) {
      this.#addresses = new Int32Array(buffer, this.#table, this.#layout.places.length);
    }
    return this.#addresses;
  }

  #half(
    half: Half,
    given: readonly (tf.Tensor | undefined)[],
    kept: tf.Tensor | undefined,
    last: boolean,
  ): tf.Tensor[] {
    const outputs = last ? this.#outputs() : [];
    this.#runAt(
      half,
      given.map(this.#addressOf),
      this.#addressOf(kept),
      outputs.map(this.#addressOf),
    );
    return outputs.map(tensorOf);
  }

  *#halfInPieces(
    half: Half,
    given: readonly (tf.Tensor | undefined)[],
    kept: tf.Tensor | undefined,
    last: boolean,
  ): Pausing<tf.Tensor[]> {
    yield;
    if (half.sequence.parts.length === 1) {
      return this.#half(half, given, kept, last).map((output) => tf.keep(output));
    }
    // Its own copies: what it reads and writes stays in memory if it is disposed meanwhile.
    const own = (x: tf.Tensor | undefined) => x && isolated(() => tf.keep(x.clone()));
    const held = [...given, kept].map(own);
    const outputs = (last ? this.#outputs() : []).map((info) => tf.keep(tensorOf(info)));
    const of = this.#addressOf;
    try {
      this.#setAddresses(held.slice(0, -1).map(of), of(held.at(-1)), outputs.map(of));
      yield* inPortions(this.#heap, half.sequence.parts);
      ran(half);
      return outputs;
    } catch (error) {
      tf.dispose(outputs);
      throw error;
    } finally {
      tf.dispose(held.filter((x) => x !== undefined));
    }
  }

  readonly #addressOf = (x: tf.TensorInfo | undefined): number =>
    x === undefined ? 0 : this.#heap.typedArrayFromHeap(x).byteOffset;

  #outputs(): tf.TensorInfo[] {
    return this.#shapes.map((shape) => this.#heap.makeOutput([...shape], 'float32'));
  }

  /** The first half, or all of a program without tangents, on numbers in the backend's memory. */
  beginAt(given: readonly number[], kept: number, outputs: readonly number[] = []): void {
    this.#runAt(this.#early, given, kept, outputs);
  }

  /** The second half on addresses; those of the tangents come after the others. */
  finishAt(given: readonly number[], kept: number, outputs: readonly number[]): void {
    this.#runAt(this.#late, given, kept, outputs);
  }

  /** As `beginAt`, to be left for a while within it; what it reads and writes has to stay where it is. */
  beginAtInPieces(
    given: readonly number[],
    kept: number,
    outputs: readonly number[] = [],
  ): Pausing<void> {
    return this.#inPiecesAt(this.#early, given, kept, outputs);
  }

  /** As `finishAt`, to be left for a while in the same way. */
  finishAtInPieces(
    given: readonly number[],
    kept: number,
    outputs: readonly number[],
  ): Pausing<void> {
    return this.#inPiecesAt(this.#late, given, kept, outputs);
  }

  *#inPiecesAt(
    half: Half,
    given: readonly number[],
    kept: number,
    outputs: readonly number[],
  ): Pausing<void> {
    yield;
    this.#setAddresses(given, kept, outputs);
    yield* inPortions(this.#heap, half.sequence.parts);
    ran(half);
  }

  /** A half with its addresses set, for a loop that calls it; until another program is run or prepared. */
  prepare(
    half: 'early' | 'late',
    given: readonly number[],
    kept: number,
    outputs: readonly number[],
  ): Prepared {
    this.#setAddresses(given, kept, outputs);
    const { sequence, bytes } = half === 'early' ? this.#early : this.#late;
    return { sequence: sequence.walk, bytes, table: sequence.whole.address };
  }

  /**
   * Where in memory the addresses are that go with the point of a program in halves: those of the
   * first `count` tensors that it is given, and of what is kept.
   */
  placesOf(count: number): readonly number[] {
    const { given, kept } = this.#moving;
    const moving = [...given.filter(({ at }) => at < count), ...kept];
    return moving.map(({ index }) => this.#table + 4 * index);
  }

  #runAt(half: Half, given: readonly number[], kept: number, outputs: readonly number[]): void {
    this.#setAddresses(given, kept, outputs);
    half.sequence.whole.run();
    ran(half);
  }

  #setAddresses(given: readonly number[], kept: number, outputs: readonly number[]): void {
    finishLeft(this.#heap);
    // Before the table is looked at: an allocation may grow the memory, which moves no address.
    const scratch = scratchOn(this.#heap, this.#layout.scratch);
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

  #halfOf(steps: readonly Step[], sections: readonly Section[]): Half {
    const done = this.#allCalls(steps, sections);
    const groups = groupsOf(done.map(({ step }) => step));
    const parts = groups.map(({ from, to }) => done.slice(from, to).flatMap(({ calls }) => calls));
    const sequence = new Sequence(this.#heap, this.#table, parts);
    return { sequence, bytes: sum(steps.map(bytesOf)) };
  }

  /**
   * What is done in order, with its calls: steps, or those of blocks of rows; each with what frees
   * those made by kernels after their last use.
   */
  #allCalls(
    steps: readonly Step[],
    sections: readonly Section[],
  ): { step: Step; calls: Call<number>[] }[] {
    const lastUse = new Map<number, number>();
    steps.forEach((step, i) => {
      const end = sections.find(({ from, to }) => from <= i && i < to)?.to ?? i + 1;
      for (const { value } of [{ value: step.out }, ...operandsOf(step)]) {
        const index = this.#layout.indexOf(value);
        if (this.#layout.places[index]!.where === 'made') lastUse.set(index, end - 1);
      }
    });
    const freed = steps.map((): number[] => []);
    for (const [index, i] of lastUse) freed[i]!.push(index);
    const freeing = (index: number) => ({ run: () => this.#freeMade(index), arguments: [] });
    const done: { step: Step; calls: Call<number>[] }[] = [];
    for (let i = 0; i < steps.length; i++) {
      const section = sections.find(({ from }) => from === i);
      const parts = section === undefined ? [wholeOf(steps[i]!)] : partsOf(steps, section);
      for (const part of parts) done.push({ step: part.step, calls: this.#calls(part) });
      if (section !== undefined) i = section.to - 1;
      done.at(-1)!.calls.push(...freed[i]!.map(freeing));
    }
    return done;
  }

  #freeMade(index: number): void {
    const made = this.#made.get(index);
    if (made === undefined) return;
    this.#made.delete(index);
    this.#heap.disposeData(made.dataId);
  }

  /** A kernel; what it makes stays where it is, or is copied to its place. */
  #kernelCall(step: Extract<Step, { kind: 'kernel' }>): Call<number> {
    const heap = this.#heap;
    const { places } = this.#layout;
    const out = this.#layout.indexOf(step.out);
    const inputs = step.of.map((operand) => this.#at(operand));
    if (places[out]!.where !== 'made') {
      const run = (to: number, ...addresses: number[]) => {
        const made = runKernelAt(heap, step, addresses);
        const from = heap.typedArrayFromHeap(made);
        new Uint8Array(from.buffer, to, from.byteLength).set(
          new Uint8Array(from.buffer, from.byteOffset, from.byteLength),
        );
        heap.disposeData(made.dataId);
      };
      return { run, arguments: [{ at: out }, ...inputs] };
    }
    const run = (...addresses: number[]) => {
      this.#freeMade(out);
      const made = runKernelAt(heap, step, addresses);
      this.#made.set(out, made);
      this.#addressesNow()[out] = heap.typedArrayFromHeap(made).byteOffset;
    };
    return { run, arguments: inputs };
  }

  #at({ value, from }: Operand): At<number> {
    const index = this.#layout.indexOf(value);
    return from === 0 ? { at: index } : { at: index, plus: 4 * from };
  }

  #calls({ step, out: outFrom, operands }: Part): Call<number>[] {
    if (step.kind === 'kernel') return [this.#kernelCall(step)];
    const heap = this.#heap;
    const inputs = operandsOf(step).map(({ value, from }, i) =>
      this.#at({ value, from: from + operands[i]! }),
    );
    const [first, second] = inputs;
    const out = this.#at({ value: step.out, from: outFrom });
    if (step.kind === 'loop') {
      const run = sharedLoopOn(heap, step, step.rows, step.columns);
      return [{ run, arguments: [out, step.rows, 4 * step.columns, ...inputs] }];
    }
    if (step.kind === 'transpose') {
      const places = { a: first!, out };
      return [placed(transposeCall(heap, step.rows, step.columns), (at) => places[at])];
    }
    const places = { a: first!, b: second!, out, work: { at: this.#layout.work } };
    const own = productCalls(heap, step);
    const isSmall = step.m * step.n * step.k <= MOST_OWN && step.k <= MOST_TERMS;
    const calls = isSmall ? own : [byLibrary(heap, step, own)];
    return calls.map((call) => placed(call, (at) => places[at]));
  }
}

/** A step for all of its rows. */
const wholeOf = (step: Step): Part => ({
  step,
  out: step.kind === 'loop' ? (step.from ?? 0) : 0,
  operands: operandsOf(step).map(() => 0),
});

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** What a step reads and writes. */
const bytesOf = (step: Step): number =>
  4 * operandsOf(step).reduce((sum, { value }) => sum + value.size, step.out.size);

type Product = Extract<Step, { kind: 'product' }>;

/** A product by the library where that is switched on, else by instructions of our own, as its kernel makes it. */
function byLibrary<P extends 'a' | 'b' | 'out' | 'work'>(
  heap: Heap,
  { transposeA, transposeB, m, n, k }: Product,
  own: readonly Call<P>[],
): Call<'a' | 'b' | 'out' | 'work'> {
  const floats = (address: number, size: number) =>
    new Float32Array(memoryOf(heap).buffer, address, size);
  const run = (a: number, b: number, out: number, work: number) => {
    const library = systemMultiply() ?? (k > MOST_TERMS ? multiplyOn(heap) : undefined);
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

/** A product of at most this many multiplications costs less than calling a library. */
const MOST_OWN = 2 ** 14;

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
