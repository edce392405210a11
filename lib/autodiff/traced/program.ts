import * as tf from '@tensorflow/tfjs';
import { systemMultiply } from '../../backends/wasm/blas';
import { loopOn } from '../../backends/wasm/fused/loops';
import { memoryOf } from '../../backends/wasm/kernels/assembly';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { engine } from '../tape';
import type { Value, View } from './lower';
import { inputsOf, type Plan, planned, type Step } from './plan';
import { copyStep } from './steps';

/** Where a value lies while a program runs. */
interface Place {
  where: 'given' | 'constant' | 'scratch' | 'kept' | 'output';
  /** Bytes from the start of the scratch memory, or of what is kept; else a number in order. */
  at: number;
}

type Run = (addresses: Int32Array) => void;

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
  readonly #shapes: readonly (readonly number[])[];
  readonly #indices = new Map<Value, number>();
  readonly #places: Place[] = [];
  readonly #early: Run[];
  readonly #late: Run[];
  readonly #scratch: number;
  /** Bytes kept from the first half for the second. */
  readonly keptBytes: number;
  readonly #constants: number[] = [];

  /** @param inHalves whether tangents are handed over apart, as often as wanted */
  constructor(heap: Heap, outputs: readonly View[], inHalves: boolean) {
    this.#heap = heap;
    this.#inHalves = inHalves;
    this.#shapes = outputs.map(({ shape }) => shape);
    const plan = planned(outputs);
    this.#plan = plan;
    plan.outputs.forEach(({ value, own }, i) => {
      if (own && value.late === inHalves) this.#place(value, { where: 'output', at: i });
    });
    const layout = this.#lay();
    this.#scratch = layout.scratch;
    this.keptBytes = layout.kept;
    const copies = this.#copies();
    const [early, late] = inHalves
      ? [plan.early, [...plan.late, ...copies]]
      : [[...plan.early, ...copies], []];
    this.#early = early.map((step) => this.#compiled(step));
    this.#late = late.map((step) => this.#compiled(step));
  }

  /** How many loops, products and transpositions it takes: before the tangents, and after. */
  get steps(): { early: number; late: number } {
    return { early: this.#early.length, late: this.#late.length };
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
  }

  #half(
    runs: readonly Run[],
    given: readonly (tf.Tensor | undefined)[],
    kept: tf.Tensor | undefined,
    last: boolean,
  ): tf.Tensor[] {
    const heap = this.#heap;
    const outputs = last ? this.#shapes.map((shape) => heap.makeOutput([...shape], 'float32')) : [];
    const scratch = scratchOn(heap, this.#scratch);
    // Addresses are taken now, after the last allocation.
    const of = (x: tf.TensorInfo) => heap.typedArrayFromHeap(x).byteOffset;
    const base = kept === undefined ? 0 : of(kept);
    const addresses = Int32Array.from(this.#places, ({ where, at }) => {
      if (where === 'scratch') return scratch + at;
      if (where === 'kept') return base + at;
      if (where === 'constant') return at;
      if (where === 'given') return given[at] === undefined ? 0 : of(given[at]);
      return outputs[at] === undefined ? 0 : of(outputs[at]);
    });
    for (const run of runs) run(addresses);
    return outputs.map(tensorOf);
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

  /** Gives each value its place: kept where the second half needs it, else in memory that is used again. */
  #lay(): { scratch: number; kept: number } {
    const { early, late, outputs } = this.#plan;
    let kept = 0;
    const needed = new Set(late.flatMap(inputsOf));
    if (this.#inHalves) for (const { value } of outputs) needed.add(value);
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
  #copies(): Step[] {
    return this.#plan.outputs.flatMap(({ value }, i) => {
      const index = this.#indices.get(value);
      const place = index === undefined ? undefined : this.#places[index]!;
      if (place?.where === 'output' && place.at === i) return [];
      const out: Value = { size: value.size, late: value.late };
      this.#place(out, { where: 'output', at: i });
      return [copyStep(value, out)];
    });
  }

  #compiled(step: Step): Run {
    const index = (value: Value) => this.#indices.get(value)!;
    const heap = this.#heap;
    const out = index(step.out);
    if (step.kind === 'loop') {
      const run = loopOn(heap, step);
      const [rows, bytes] = [step.rows, 4 * step.columns];
      const [a, b, c, d, ...rest] = step.inputs.map(index) as [number, number, number, number];
      switch (step.inputs.length) {
        case 0:
          return (at) => run(at[out]!, rows, bytes);
        case 1:
          return (at) => run(at[out]!, rows, bytes, at[a]!);
        case 2:
          return (at) => run(at[out]!, rows, bytes, at[a]!, at[b]!);
        case 3:
          return (at) => run(at[out]!, rows, bytes, at[a]!, at[b]!, at[c]!);
        default:
          return (at) =>
            run(
              ...([at[out]!, rows, bytes, at[a]!, at[b]!, at[c]!, at[d]!] as const),
              ...rest.map((i) => at[i]!),
            );
      }
    }
    const floats = (address: number, size: number) =>
      new Float32Array(memoryOf(heap).buffer, address, size);
    if (step.kind === 'transpose') {
      const of = index(step.of);
      const { rows, columns } = step;
      return (at) => {
        const [x, y] = [floats(at[of]!, rows * columns), floats(at[out]!, rows * columns)];
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) y[j * rows + i] = x[i * columns + j]!;
        }
      };
    }
    const { transposeA, transposeB, m, n, k } = step;
    const [a, b] = [index(step.a), index(step.b)];
    return (at) =>
      systemMultiply()!(
        transposeA,
        transposeB,
        m,
        n,
        k,
        floats(at[a]!, m * k),
        floats(at[b]!, k * n),
        floats(at[out]!, m * n),
        false,
      );
  }
}

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
