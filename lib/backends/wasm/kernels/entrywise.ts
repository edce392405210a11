import type * as tf from '@tensorflow/tfjs';
import {
  advance,
  assembled,
  type Code,
  constant,
  f32,
  forEach,
  get,
  i32,
  loadFour,
  loadOne,
  storeFour,
  storeOne,
  type ValueType,
} from './assembly';
import { floats, type Heap } from './heap';

/** How entries of the result come from entries of the inputs. */
export interface Expression {
  inputs: number;
  /** Numbers that are the same for all entries, handed over with each call. */
  numbers?: number;
  /** Entries that fit into one value: four of float32, two of float64. */
  lanes: 2 | 4;
  locals: ValueType[];
  /** What is done once, given where the locals are, and the numbers. */
  prepare(locals: number[], numbers: number[]): number[];
  /** Leaves the entries on the stack; `load` puts those of an input there, as float32. */
  entries(load: (input: number) => number[], locals: number[]): number[];
}

/** Ways to fetch and store entries, by their number; the rest of a value is zero, and left alone. */
const widths = {
  1: { load: loadOne(), store: storeOne() },
  2: { load: [0xfd, 0x5d, 2, 0], store: [0xfd, 0x5b, 2, 0, 0] },
  4: { load: loadFour(), store: storeFour() },
};

const [OUT, WHOLE, END, INPUT] = [0, 1, 2, 3];

function loopOf({ inputs, numbers = 0, lanes, locals, prepare, entries }: Expression): Code {
  const from = Array.from({ length: inputs }, (_, i) => INPUT + i);
  const given = Array.from({ length: numbers }, (_, i) => INPUT + inputs + i);
  const own = locals.map((_, i) => INPUT + inputs + numbers + i);
  const loop = (until: number, width: 1 | 2 | 4) =>
    forEach(
      OUT,
      until,
      get(OUT),
      entries((input) => [...get(from[input]!), ...widths[width].load], own),
      widths[width].store,
      ...[OUT, ...from].map((local) => advance(local, constant(4 * width))),
    );
  return {
    parameters: [
      ...[i32, i32, i32, ...from.map(() => i32)],
      ...given.map(() => f32),
    ] as ValueType[],
    locals,
    body: [...prepare(own, given), ...loop(WHOLE, lanes), ...loop(END, 1)],
  };
}

type Loop = (out: number, whole: number, end: number, ...inputsAndNumbers: number[]) => void;

/** Applies an expression to float32 tensors of one size, on the backend they lie in. */
export type Entrywise = (
  heap: Heap,
  inputs: tf.TensorInfo[],
  shape: number[],
  numbers?: number[],
) => tf.TensorInfo;

/** A function that is applied entry by entry, in the backend's memory. */
export function entrywise(expression: Expression): Entrywise {
  const code = loopOf(expression);
  const bytes = 4 * expression.lanes;
  const ofBackends = new WeakMap<Heap, Loop>();
  return (heap, inputs, shape, numbers = []) => {
    const loop = ofBackends.get(heap) ?? (assembled(heap, { loop: code }).loop as unknown as Loop);
    ofBackends.set(heap, loop);
    const out = heap.makeOutput(shape, 'float32');
    // Addresses are taken now, after the last allocation: an allocation may move the heap.
    const from = inputs.map((x) => floats(heap, x).byteOffset);
    const { byteOffset, byteLength } = floats(heap, out);
    const whole = byteOffset + byteLength - (byteLength % bytes);
    loop(byteOffset, whole, byteOffset + byteLength, ...from, ...numbers);
    return out;
  };
}
