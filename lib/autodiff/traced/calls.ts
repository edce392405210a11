import type * as tf from '@tensorflow/tfjs';
import { systemMultiply } from '../../backends/wasm/blas';
import { runKernelAt } from '../../backends/wasm/fused/kernel-calls';
import { type At, type Call, perform, placed } from '../../backends/wasm/fused/sequence';
import { sharedLoopOn } from '../../backends/wasm/fused/shared-loops';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import { MOST_TERMS, multiplyOn, productCalls, transposeCall } from '../../backends/wasm/products';
import { isTurnDue, type Pausing } from '../../event-loop';
import type { Addresses } from './addresses';
import type { Layout } from './layout';
import { type Part, partsOf, type Section } from './row-blocks';
import { type Operand, operandsOf, type Step } from './steps';

/** One thing to do, with its calls. */
interface Done {
  step: Step;
  calls: Call<number>[];
}

/** The functions that do the steps of a program, with the places of what they read and write. */
export class Calls {
  readonly #heap: Heap;
  readonly #layout: Layout;
  readonly #addresses: Addresses;
  /** What kernels have made and is still read, by its place. */
  readonly #made = new Map<number, tf.TensorInfo>();

  constructor(heap: Heap, layout: Layout, addresses: Addresses) {
    this.#heap = heap;
    this.#layout = layout;
    this.#addresses = addresses;
  }

  /**
   * What is done in order, with its calls: steps, or those of blocks of rows; each with what frees
   * those made by kernels after their last use. To be left for a while.
   */
  *of(steps: readonly Step[], sections: readonly Section[]): Pausing<Done[]> {
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
    const done: Done[] = [];
    for (let i = 0; i < steps.length; i++) {
      const section = sections.find(({ from }) => from === i);
      const parts = section === undefined ? [wholeOf(steps[i]!)] : partsOf(steps, section);
      for (const part of parts) done.push({ step: part.step, calls: this.#calls(part) });
      if (section !== undefined) i = section.to - 1;
      done.at(-1)!.calls.push(...freed[i]!.map(freeing));
      if (isTurnDue()) yield;
    }
    return done;
  }

  /** Frees what kernels have made and nothing has read yet. */
  freeAll(): void {
    for (const index of [...this.#made.keys()]) this.#freeMade(index);
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
      this.#addresses.setOne(out, heap.typedArrayFromHeap(made).byteOffset);
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
    const isSmall = step.m * step.n * step.k <= MOST_OWN && step.k <= MOST_TERMS;
    const calls = isSmall ? productCalls(heap, step) : [byLibrary(heap, step)];
    return calls.map((call) => placed(call, (at) => places[at]));
  }
}

/** A step for all of its rows. */
const wholeOf = (step: Step): Part => ({
  step,
  out: step.kind === 'loop' ? (step.from ?? 0) : 0,
  operands: operandsOf(step).map(() => 0),
});

type Product = Extract<Step, { kind: 'product' }>;

/**
 * A product by the library where that is switched on, else by instructions of our own, as its kernel
 * makes it; those are made when they are first needed.
 */
function byLibrary(heap: Heap, step: Product): Call<'a' | 'b' | 'out' | 'work'> {
  const { transposeA, transposeB, m, n, k } = step;
  let own: ReturnType<typeof productCalls> | undefined;
  const floats = (address: number, size: number) =>
    new Float32Array(memoryOf(heap).buffer, address, size);
  const run = (a: number, b: number, out: number, work: number) => {
    const library = systemMultiply() ?? (k > MOST_TERMS ? multiplyOn(heap) : undefined);
    if (library === undefined) {
      const addresses = { a, b, out, work };
      own ??= productCalls(heap, step);
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
