import * as tf from '@tensorflow/tfjs';
import { tensorOf } from '../backends/engine';
import { type Formula, updateOn } from '../backends/wasm/fused/updates';
import { floats, type Heap, perHeap } from '../backends/wasm/kernels/heap';
import { heapForPrograms } from './traced';

export type { Formula };

export const vector = (index: number): Formula => ({ kind: 'vector', index });
export const number = (index: number): Formula => ({ kind: 'number', index });
export const apply = (
  name: Extract<Formula, { kind: 'apply' }>['name'],
  ...of: Formula[]
): Formula => ({ kind: 'apply', name, of });

/** As many numbers may occur in the formulas. */
const MOST_NUMBERS = 16;

/**
 * Tensors that are computed entry by entry of others, all of one shape and float32: where programs run in
 * one pass over memory, else operation by operation; to the same bits.
 *
 * @param formulas of the tensors and the numbers by their places; an object for life, as what is
 *   compiled is found by it
 * @returns a tensor for each formula, none of them one that was given
 */
export function entrywise(
  formulas: readonly Formula[],
  xs: readonly tf.Tensor[],
  numbers: readonly number[],
): tf.Tensor[] {
  const heap = heapForPrograms();
  return heap && xs[0]!.size > 0
    ? inOnePass(heap, formulas, xs, numbers)
    : oneByOne(formulas, xs, numbers);
}

const knownOn = perHeap((heap) => ({
  numbers: heap.wasm._malloc(4 * MOST_NUMBERS),
  runs: new WeakMap<readonly Formula[], (...values: number[]) => unknown>(),
}));

function inOnePass(
  heap: Heap,
  formulas: readonly Formula[],
  xs: readonly tf.Tensor[],
  numbers: readonly number[],
): tf.Tensor[] {
  const known = knownOn(heap);
  const run = known.runs.get(formulas) ?? made(heap, formulas, xs.length, numbers.length);
  known.runs.set(formulas, run);
  const { shape, size } = xs[0]!;
  const outputs = formulas.map(() => heap.makeOutput([...shape], 'float32'));
  // Addresses are taken after the last allocation, which may move the heap.
  const addresses = [...xs, ...outputs].map((x) => floats(heap, x).byteOffset);
  const { buffer } = floats(heap, outputs[0]!);
  new Float32Array(buffer, known.numbers, MOST_NUMBERS).set(numbers);
  run(4 * size, known.numbers, ...addresses);
  return outputs.map((info) => tensorOf(info));
}

function made(heap: Heap, formulas: readonly Formula[], given: number, numbers: number) {
  const outputs = formulas.map((formula, i) => ({ to: given + i, formula }));
  return updateOn(heap, { vectors: given + formulas.length, numbers, outputs }).run;
}

function oneByOne(
  formulas: readonly Formula[],
  xs: readonly tf.Tensor[],
  numbers: readonly number[],
): tf.Tensor[] {
  const known = new Map<Formula, tf.Tensor>();
  // Of a million entries every tensor counts: what is not a result is freed after its last use.
  const compute = (formula: Formula): tf.Tensor =>
    known.get(formula) ??
    tf.tidy(() => {
      switch (formula.kind) {
        case 'vector':
          return xs[formula.index]!.clone();
        case 'number':
          return tf.scalar(numbers[formula.index]!);
        case 'constant':
          return tf.scalar(formula.value);
        case 'apply': {
          const [a, b] = formula.of.map(compute) as [tf.Tensor, tf.Tensor];
          return operations[formula.name](a, b);
        }
      }
    });
  return formulas.map((formula) => {
    const result = compute(formula);
    known.set(formula, result);
    return result;
  });
}

const operations: Record<
  Extract<Formula, { kind: 'apply' }>['name'],
  (a: tf.Tensor, b: tf.Tensor) => tf.Tensor
> = {
  add: (a, b) => tf.add(a, b),
  multiply: (a, b) => tf.mul(a, b),
  quotient: (a, b) => tf.divNoNan(a, b),
  root: (a) => tf.sqrt(a),
};
