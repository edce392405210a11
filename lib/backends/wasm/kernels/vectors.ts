import * as tf from '@tensorflow/tfjs';
import type { Call } from '../../kernels/kernel';
import {
  add,
  addDoubles,
  addFloats,
  addFours,
  advance,
  assembled,
  type Code,
  constant,
  f32,
  f64,
  floatConstant,
  forEach,
  get,
  i32,
  isLessUnsigned,
  lane,
  loadFloat,
  loadFour,
  multiplyFloats,
  multiplyFours,
  promote,
  select,
  set,
  spread,
  storeFloat,
  storeFour,
  type ValueType,
  v128,
} from './assembly';
import { floats, type Heap } from './heap';

/** Addresses in bytes; `whole` and `end` are where x's last round of ROUND bytes ends, and x. */
export interface VectorLoops {
  /** out ← a x + y. */
  axpy(x: number, y: number, whole: number, end: number, out: number, a: number): void;
  /** ⟨x, y⟩. */
  dot(x: number, y: number, whole: number, end: number): number;
}

const [X, Y, WHOLE, END, OUT, A, FACTOR] = [0, 1, 2, 3, 4, 5, 6];
/** Offsets of the fours of numbers that one round works on: enough to hide that each takes a while. */
const fours = [0, 16, 32, 48, 64, 80, 96, 112];
/** Bytes of one round: a power of two. */
export const ROUND = 128;

const advanceAll = (locals: number[], bytes: number) =>
  locals.map((local) => advance(local, constant(bytes)));

const axpy: Code = {
  parameters: [i32, i32, i32, i32, i32, f32],
  locals: [v128],
  body: [
    ...[...get(A), ...spread, ...set(FACTOR)],
    ...forEach(
      X,
      WHOLE,
      ...fours.map((offset) => [
        ...get(OUT),
        ...[...get(FACTOR), ...get(X), ...loadFour(offset), ...multiplyFours],
        ...[...get(Y), ...loadFour(offset), ...addFours],
        ...storeFour(offset),
      ]),
      ...advanceAll([X, Y, OUT], ROUND),
    ),
    ...forEach(
      X,
      END,
      get(OUT),
      [...get(A), ...get(X), ...loadFloat, ...multiplyFloats],
      [...get(Y), ...loadFloat, ...addFloats],
      storeFloat,
      ...advanceAll([X, Y, OUT], 4),
    ),
  ],
};

const [STOP, TOTAL] = [4, 5];
/** Four sums for each four of a round. */
const sums = fours.map((_, i) => TOTAL + 1 + i);
/** Bytes of x whose products are summed in float32; their sums are added in float64. */
const BLOCK = 16 * ROUND;

/** STOP ← where the block ends that begins at X: the end of the whole rounds at the latest. */
const findStop = [
  ...[...get(X), ...constant(BLOCK), ...add, ...get(WHOLE)],
  ...[...get(X), ...constant(BLOCK), ...add, ...get(WHOLE), ...isLessUnsigned],
  ...[...select, ...set(STOP)],
];

const addBlock = [
  ...sums.flatMap((sum) => [...floatConstant(0), ...spread, ...set(sum)]),
  ...forEach(
    X,
    STOP,
    ...fours.map((offset, i) => [
      ...[...get(X), ...loadFour(offset), ...get(Y), ...loadFour(offset), ...multiplyFours],
      ...[...get(sums[i]!), ...addFours, ...set(sums[i]!)],
    ]),
    ...advanceAll([X, Y], ROUND),
  ),
  ...sums.flatMap((sum, i) => [...get(sum), ...(i === 0 ? [] : addFours)]),
  ...set(sums[0]!),
  ...get(TOTAL),
  ...[0, 1, 2, 3].flatMap((i) => [...get(sums[0]!), ...lane(i), ...promote, ...addDoubles]),
  ...set(TOTAL),
];

const dot: Code = {
  parameters: [i32, i32, i32, i32],
  result: f64,
  locals: [i32, f64, ...sums.map((): ValueType => v128)],
  body: [
    ...forEach(X, WHOLE, findStop, addBlock),
    ...forEach(
      X,
      END,
      [...get(X), ...loadFloat, ...get(Y), ...loadFloat, ...multiplyFloats, ...promote],
      [...get(TOTAL), ...addDoubles, ...set(TOTAL)],
      ...advanceAll([X, Y], 4),
    ),
    ...get(TOTAL),
  ],
};

const ofBackends = new WeakMap<Heap, VectorLoops>();

export function loopsOn(heap: Heap): VectorLoops {
  const known = ofBackends.get(heap) ?? (assembled(heap, { axpy, dot }) as unknown as VectorLoops);
  ofBackends.set(heap, known);
  return known;
}

export const wholeRounds = (bytes: number) => bytes - (bytes % ROUND);

type Two = Call<'x' | 'y', unknown>;
type Three = Call<'a' | 'x' | 'y', unknown>;

/**
 * Adds two kernels that the wasm backend does not have, for vectors of millions of parameters:
 * `VectorDot`, ⟨x, y⟩ as a scalar, and `VectorAxpy`, a x + y with a scalar a.
 *
 * Made of the stock kernels they pass over memory two and three times as often, and the stock sum is
 * a loop of single additions. They have no gradient: nothing that is recorded may use them.
 */
export function addVectorKernels(): void {
  register('VectorDot', ({ inputs: { x, y }, backend }: Two) => {
    const heap = backend as Heap;
    const out = heap.makeOutput([], 'float32');
    const [left, right] = [floats(heap, x), floats(heap, y)];
    const { byteOffset: from, byteLength: bytes } = left;
    const whole = from + wholeRounds(bytes);
    floats(heap, out)[0] = loopsOn(heap).dot(from, right.byteOffset, whole, from + bytes);
    return out;
  });

  register('VectorAxpy', ({ inputs: { a, x, y }, backend }: Three) => {
    const heap = backend as Heap;
    const out = heap.makeOutput(x.shape, 'float32');
    // Addresses are taken now, after the last allocation: an allocation may move the heap.
    const { byteOffset: from, byteLength: bytes } = floats(heap, x);
    const [base, to] = [floats(heap, y).byteOffset, floats(heap, out).byteOffset];
    loopsOn(heap).axpy(
      from,
      base,
      from + wholeRounds(bytes),
      from + bytes,
      to,
      floats(heap, a)[0]!,
    );
    return out;
  });
}

function register<I extends string>(
  kernelName: string,
  compute: (call: Call<I, unknown>) => tf.TensorInfo,
): void {
  const kernelFunc = compute as unknown as tf.KernelFunc;
  tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc });
}
