import * as tf from '@tensorflow/tfjs';
import { tensorOf } from '../../backends/engine';
import type { Imported } from '../../backends/wasm/assembler';
import { makeLoops } from '../../backends/wasm/fused/loops';
import { type Call, Sequence } from '../../backends/wasm/fused/sequence';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, withoutPause } from '../../event-loop';
import { isolated } from '../tape';
import { Addresses } from './addresses';
import { Calls } from './calls';
import { groupsOf } from './cost';
import { ran } from './counts';
import { type Halves, Layout } from './layout';
import { finishLeft, inPortions } from './left';
import { planned } from './plan';
import type { Section } from './row-blocks';
import { operandsOf, type Step } from './steps';
import type { View } from './value';

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
  /** How many steps it takes. */
  steps: number;
  /** What it reads and writes. */
  bytes: number;
}

/** The same before it is in memory. */
interface DraftedHalf extends Omit<Half, 'sequence'> {
  groups: readonly (readonly Call<number>[])[];
}

/** What a program is made of, and is needed as long as it is there. */
interface Parts {
  layout: Layout;
  addresses: Addresses;
  calls: Calls;
}

/** What a program keeps between its first half and its products. */
export interface Kept {
  tensor: tf.Tensor;
}

/** The same with what the first half has handed out. */
export interface Begun {
  kept: Kept;
  outputs: tf.Tensor[];
}

/**
 * Some outputs as functions of given tensors: loops and products on the backend's memory.
 *
 * The first half computes what no tangent decides, and keeps what the second half needs of it.
 */
export class Program {
  readonly #heap: Heap;
  /** Of the outputs of the first half, and of the others. */
  readonly #shapes: Record<'first' | 'rest', readonly (readonly number[])[]>;
  readonly #parts: Parts;
  readonly #early: Half;
  readonly #late: Half;
  #disposed = false;

  /**
   * Makes a program, to be left for a while.
   *
   * It takes memory of the backend only when all else is done: where the work is broken off, nothing is left.
   */
  static *inPieces(heap: Heap, outputs: readonly View[], halves: Halves): Pausing<Program> {
    const { inHalves, first = 0 } = halves;
    const plan = yield* planned(outputs);
    const layout = yield* Layout.inPieces(heap, plan, halves);
    const { copies } = layout;
    const isFirst = ({ at }: { at: number }) => !inHalves || at < first;
    const steps = (chosen: typeof copies) => chosen.map(({ step }) => step);
    const early = [...plan.early, ...steps(copies.filter(isFirst))];
    const late = [...plan.late, ...steps(copies.filter((copy) => !isFirst(copy)))];
    yield;
    yield* makeLoops(
      heap,
      [...early, ...late].filter((step) => step.kind === 'loop'),
    );
    const addresses = new Addresses(heap, layout);
    const calls = new Calls(heap, layout, addresses);
    const halfOf = function* (
      steps: readonly Step[],
      sections: readonly Section[],
    ): Pausing<DraftedHalf> {
      const done = yield* calls.of(steps, sections);
      const groups = groupsOf(done.map(({ step }) => step)).map(({ from, to }) =>
        done.slice(from, to).flatMap(({ calls }) => calls),
      );
      yield;
      return { groups, steps: steps.length, bytes: sum(steps.map(bytesOf)) };
    };
    const { sections } = layout;
    const drafts = {
      early: yield* halfOf(early, sections.early),
      late: yield* halfOf(late, sections.late),
    };
    yield;
    const all = outputs.map(({ shape }) => shape);
    const shapes = { first: all.slice(0, first), rest: all.slice(first) };
    return new Program(heap, shapes, { layout, addresses, calls }, drafts);
  }

  /** The same at once. */
  static of(heap: Heap, outputs: readonly View[], halves: Halves): Program {
    return withoutPause(Program.inPieces(heap, outputs, halves));
  }

  private constructor(
    heap: Heap,
    shapes: Record<'first' | 'rest', readonly (readonly number[])[]>,
    parts: Parts,
    { early, late }: Record<'early' | 'late', DraftedHalf>,
  ) {
    this.#heap = heap;
    this.#shapes = shapes;
    this.#parts = parts;
    const { addresses, layout } = parts;
    addresses.allocate(layout);
    const halfOf = ({ groups, ...facts }: DraftedHalf): Half => ({
      sequence: new Sequence(heap, addresses.table, groups),
      ...facts,
    });
    this.#early = halfOf(early);
    this.#late = halfOf(late);
  }

  /** How many steps it takes: before the tangents, and after. */
  get steps(): { early: number; late: number } {
    return { early: this.#early.steps, late: this.#late.steps };
  }

  /** How many of the outputs the first half hands out. */
  get first(): number {
    return this.#shapes.first.length;
  }

  /** The outputs of a program without tangents. */
  run(given: readonly tf.Tensor[]): tf.Tensor[] {
    return this.#half(this.#early, given, undefined, 'rest');
  }

  /** As `run`, to be left for a while within it; what it returns is kept. */
  runInPieces(given: readonly tf.Tensor[]): Pausing<tf.Tensor[]> {
    return this.#halfInPieces(this.#early, given, undefined, 'rest');
  }

  /** Runs the first half. */
  begin(given: readonly tf.Tensor[]): Begun {
    const kept = this.#memory();
    return { kept, outputs: this.#half(this.#early, given, kept.tensor, 'first') };
  }

  /** As `begin`, to be left for a while within it; what it returns is kept. */
  *beginInPieces(given: readonly tf.Tensor[]): Pausing<Begun> {
    const kept = this.#memory();
    try {
      const outputs = yield* this.#halfInPieces(this.#early, given, kept.tensor, 'first');
      return { kept, outputs };
    } catch (error) {
      kept.tensor.dispose();
      throw error;
    }
  }

  #memory(): Kept {
    const info = this.#heap.makeOutput([Math.max(1, this.keptBytes / 4)], 'float32');
    return { tensor: tf.keep(tensorOf(info, this.#heap)) };
  }

  /** Runs the second half, on the same tensors and the tangents after them. */
  finish(given: readonly (tf.Tensor | undefined)[], { tensor }: Kept): tf.Tensor[] {
    return this.#half(this.#late, given, tensor, 'rest');
  }

  /** As `finish`, to be left for a while within it; what it returns is kept. */
  finishInPieces(
    given: readonly (tf.Tensor | undefined)[],
    { tensor }: Kept,
  ): Pausing<tf.Tensor[]> {
    return this.#halfInPieces(this.#late, given, tensor, 'rest');
  }

  /** Bytes kept from the first half for the second. */
  get keptBytes(): number {
    return this.#parts.layout.keptBytes;
  }

  dispose(): void {
    // A run that has been left needs the table and the constants.
    finishLeft(this.#heap);
    if (this.#disposed) return;
    this.#disposed = true;
    this.#parts.calls.freeAll();
    for (const { sequence } of [this.#early, this.#late]) sequence.dispose();
    this.#parts.addresses.free();
  }

  #half(
    half: Half,
    given: readonly (tf.Tensor | undefined)[],
    kept: tf.Tensor | undefined,
    which: 'first' | 'rest',
  ): tf.Tensor[] {
    const outputs = this.#outputs(which);
    const places = this.#places(which, outputs);
    this.#runAt(half, given.map(this.#addressOf), this.#addressOf(kept), places);
    return outputs.map((info) => tensorOf(info, this.#heap));
  }

  *#halfInPieces(
    half: Half,
    given: readonly (tf.Tensor | undefined)[],
    kept: tf.Tensor | undefined,
    which: 'first' | 'rest',
  ): Pausing<tf.Tensor[]> {
    yield;
    if (half.sequence.parts.length === 1) {
      return this.#half(half, given, kept, which).map((output) => tf.keep(output));
    }
    // Its own copies: what it reads and writes stays in memory if it is disposed meanwhile.
    const own = (x: tf.Tensor | undefined) => x && isolated(() => tf.keep(x.clone()));
    const held = [...given, kept].map(own);
    const outputs = this.#outputs(which).map((info) => tf.keep(tensorOf(info, this.#heap)));
    const of = this.#addressOf;
    try {
      const set = () =>
        this.#setAddresses(
          held.slice(0, -1).map(of),
          of(held.at(-1)),
          this.#places(which, outputs),
        );
      yield* inPortions(this.#heap, half.sequence.parts, set);
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

  #outputs(which: 'first' | 'rest'): tf.TensorInfo[] {
    return this.#shapes[which].map((shape) => this.#heap.makeOutput([...shape], 'float32'));
  }

  /** Addresses of all outputs: those of a half, and none for those before them. */
  #places(which: 'first' | 'rest', outputs: readonly tf.TensorInfo[]): number[] {
    const before = which === 'first' ? [] : this.#shapes.first.map(() => 0);
    return [...before, ...outputs.map(this.#addressOf)];
  }

  /** The first half, or all of a program without tangents, on numbers in the backend's memory. */
  beginAt(given: readonly number[], kept: number, outputs: readonly number[] = []): void {
    this.#runAt(this.#early, given, kept, outputs);
  }

  /** The second half on addresses; those of the tangents come after the others. */
  finishAt(given: readonly number[], kept: number, outputs: readonly number[]): void {
    this.#runAt(this.#late, given, kept, outputs);
  }

  /**
   * As `beginAt`, to be left for a while within it; what it writes has to stay where it is, and what it
   * reads is asked for after each pause.
   */
  beginAtInPieces(
    given: () => readonly number[],
    kept: number,
    outputs: readonly number[] = [],
  ): Pausing<void> {
    return this.#inPiecesAt(this.#early, given, kept, outputs);
  }

  /** As `finishAt`, to be left for a while in the same way. */
  finishAtInPieces(
    given: () => readonly number[],
    kept: number,
    outputs: readonly number[],
  ): Pausing<void> {
    return this.#inPiecesAt(this.#late, given, kept, outputs);
  }

  *#inPiecesAt(
    half: Half,
    given: () => readonly number[],
    kept: number,
    outputs: readonly number[],
  ): Pausing<void> {
    yield;
    const set = () => this.#setAddresses(given(), kept, outputs);
    yield* inPortions(this.#heap, half.sequence.parts, set);
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
    return this.#parts.addresses.placesOf(count);
  }

  #runAt(half: Half, given: readonly number[], kept: number, outputs: readonly number[]): void {
    this.#setAddresses(given, kept, outputs);
    half.sequence.whole.run();
    ran(half);
  }

  #setAddresses(given: readonly number[], kept: number, outputs: readonly number[]): void {
    finishLeft(this.#heap);
    // Before the table is looked at: an allocation may grow the memory, which moves no address.
    const scratch = scratchOn(this.#heap, this.#parts.layout.scratch);
    this.#parts.addresses.set({ given, kept, outputs, scratch });
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** What a step reads and writes. */
const bytesOf = (step: Step): number =>
  4 * operandsOf(step).reduce((sum, { value }) => sum + value.size, step.out.size);

const scratches = new WeakMap<Heap, { address: number; bytes: number }>();

/** Memory that all programs use in turn. */
function scratchOn(heap: Heap, bytes: number): number {
  const known = scratches.get(heap);
  if (known !== undefined && known.bytes >= bytes) return known.address;
  // Forgotten before more is asked for: there may be none.
  scratches.delete(heap);
  if (known !== undefined) heap.wasm._free(known.address);
  const address = heap.wasm._malloc(bytes);
  scratches.set(heap, { address, bytes });
  return address;
}
