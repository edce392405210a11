import type * as tf from '@tensorflow/tfjs';
import { FunctionBody, instantiated, type Local } from '../assembler';
import { UNIT } from '../threads/limits';
import { type Argument, runInShares } from '../threads/pool';
import { floats, type Heap, memoryOf, perHeap } from './heap';

/** How entries of the result come from entries of the inputs. */
export interface Expression {
  inputs: number;
  /** Numbers that are the same for all entries, handed over with each call. */
  numbers?: number;
  /** About how long an entry takes, in the time of an addition in memory; default 1. */
  cost?: number;
  /** Entries that fit into one value: four of float32, two of float64. */
  lanes: 2 | 4;
  /**
   * Writes what is done once, and returns what writes the entries: they are left on the stack, as
   * float32; `load` puts those of an input there.
   */
  write(f: FunctionBody, numbers: readonly Local[]): (load: (input: number) => void) => void;
}

/** Ways to fetch and store entries, by their number; the rest of a value is zero, and left alone. */
const widths = {
  1: { load: 'v128.load32_zero', store: 'v128.store32_lane' },
  2: { load: 'v128.load64_zero', store: 'v128.store64_lane' },
  4: { load: 'v128.load', store: 'v128.store' },
} as const;

function loopOf({ inputs, numbers = 0, lanes, write }: Expression): FunctionBody {
  const addresses = Array.from({ length: inputs }, () => 'i32' as const);
  const given = Array.from({ length: numbers }, () => 'f32' as const);
  const parameters = ['i32', 'i32', ...addresses, ...given] as const;
  const f = new FunctionBody('loop', { parameters, results: [] });
  const [out, end, ...others] = f.parameters;
  const whole = f.local('i32');
  f.get(end, end, out).do('i32.sub');
  f.i32(4 * lanes - 1)
    .do('i32.and', 'i32.sub')
    .set(whole);
  const from = others.slice(0, inputs);
  const entries = write(f, others.slice(inputs));
  const loop = (until: Local, width: 1 | 2 | 4) =>
    f.while(out, until, () => {
      f.get(out);
      entries((input) => f.get(from[input]!).memory(widths[width].load));
      f.memory(widths[width].store);
      for (const local of [out, ...from]) f.advance(local, 4 * width);
    });
  loop(whole, lanes);
  loop(end, 1);
  return f;
}

/** Applies an expression to float32 tensors of one size, on the backend they are in. */
export type Entrywise = (
  heap: Heap,
  inputs: tf.TensorInfo[],
  shape: number[],
  numbers?: number[],
) => tf.TensorInfo;

/** One instruction on the entries of two tensors. */
export const ofTwo = (instruction: `f32x4.${'add' | 'sub' | 'mul' | 'min' | 'max'}`): Entrywise =>
  entrywise({
    inputs: 2,
    lanes: 4,
    write: (f) => (load) => {
      load(0);
      load(1);
      f.do(instruction);
    },
  });

/** A function that is applied entry by entry, in the backend's memory. */
export function entrywise(expression: Expression): Entrywise {
  const loopOn = perHeap((heap) => instantiated(memoryOf(heap), [loopOf(expression)], []).loop!);
  return (heap, inputs, shape, numbers = []) => {
    const loop = loopOn(heap);
    const out = heap.makeOutput(shape, 'float32');
    // Addresses are taken now, after the last allocation: an allocation may move the heap.
    const from = inputs.map((x) => floats(heap, x).byteOffset);
    const { byteOffset: to, byteLength, length: count } = floats(heap, out);
    // Threads are handed whole numbers only.
    if (numbers.length > 0) {
      loop(to, to + byteLength, ...from, ...numbers);
      return out;
    }
    const moving = (address: number): Argument => [address, 4, 0];
    const end: Argument = [to, 4, 4];
    const all = [moving(to), end, ...from.map(moving)];
    const work = count * (expression.cost ?? 1);
    runInShares(heap, { run: loop, count, work, unit: UNIT, arguments: all });
    return out;
  };
}
