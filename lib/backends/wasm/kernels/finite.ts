import type * as tf from '@tensorflow/tfjs';
import {
  addFloats,
  addFours,
  advance,
  assembled,
  type Code,
  constant,
  f32,
  floatConstant,
  forEach,
  get,
  i32,
  lane,
  loadFour,
  loadOne,
  multiplyFours,
  set,
  spread,
  v128,
} from './assembly';
import { floats, type Heap } from './heap';

type SumOfZeros = (from: number, whole: number, end: number) => number;

const [FROM, WHOLE, END, ZEROS, FIRST] = [0, 1, 2, 3, 4];
/** Offsets of the fours of numbers that one round looks at. */
const fours = [0, 16, 32, 48];
const ROUND = 64;

const addZeros = (load: number[], i: number) => [
  ...[...get(FROM), ...load, ...get(ZEROS), ...multiplyFours],
  ...[...get(FIRST + i), ...addFours, ...set(FIRST + i)],
];

/** Σ 0 · x, which is zero where all x are finite and else a NaN. */
const sumOfZeros: Code = {
  parameters: [i32, i32, i32],
  result: f32,
  locals: [v128, ...fours.map(() => v128 as typeof v128)],
  body: [
    ...[...floatConstant(0), ...spread, ...set(ZEROS)],
    ...forEach(
      FROM,
      WHOLE,
      ...fours.map((offset, i) => addZeros(loadFour(offset), i)),
      advance(FROM, constant(ROUND)),
    ),
    ...forEach(FROM, END, addZeros(loadOne(), 0), advance(FROM, constant(4))),
    ...[1, 2, 3].flatMap((i) => [
      ...[...get(FIRST), ...get(FIRST + i), ...addFours, ...set(FIRST)],
    ]),
    ...[...get(FIRST), ...lane(0)],
    ...[1, 2, 3].flatMap((i) => [...get(FIRST), ...lane(i), ...addFloats]),
  ],
};

const ofBackends = new WeakMap<Heap, SumOfZeros>();

function sumOn(heap: Heap): SumOfZeros {
  const known =
    ofBackends.get(heap) ?? (assembled(heap, { sumOfZeros }).sumOfZeros as unknown as SumOfZeros);
  ofBackends.set(heap, known);
  return known;
}

/** Whether no entry of a float32 tensor is NaN or infinite. */
export function isFiniteThroughout(heap: Heap, x: tf.TensorInfo): boolean {
  const { byteOffset, byteLength } = floats(heap, x);
  const whole = byteOffset + byteLength - (byteLength % ROUND);
  return sumOn(heap)(byteOffset, whole, byteOffset + byteLength) === 0;
}
