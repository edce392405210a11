import type * as tf from '@tensorflow/tfjs';
import { FunctionBody, instantiated, type Local } from '../assembler';
import { floats, type Heap, memoryOf, perHeap } from './heap';

/** Bytes of four numbers, and of a round of several fours. */
const FOUR = 16;
const ROUND = 64;

/** Σ 0 · x from one address to another, which is zero where all x are finite and else a NaN. */
function sumOfZeros(): FunctionBody {
  const f = new FunctionBody('sumOfZeros', { parameters: ['i32', 'i32', 'i32'], results: ['f32'] });
  const [from, whole, end] = f.parameters;
  const zeros = f.local('v128');
  const sums = f.localsOf('v128', ROUND / FOUR);
  const first = sums[0]!;
  const addZeros = (load: 'v128.load' | 'v128.load32_zero', offset: number, sum: Local) =>
    f.get(from).memory(load, offset).get(zeros).do('f32x4.mul').get(sum).do('f32x4.add').set(sum);
  f.f32x4(0).set(zeros);
  f.while(from, whole, () => {
    sums.forEach((sum, i) => {
      addZeros('v128.load', FOUR * i, sum);
    });
    f.advance(from, ROUND);
  });
  f.while(from, end, () => {
    addZeros('v128.load32_zero', 0, first);
    f.advance(from, 4);
  });
  for (const sum of sums.slice(1)) f.get(first, sum).do('f32x4.add').set(first);
  f.get(first).lane('f32x4.extract_lane', 0);
  for (const i of [1, 2, 3]) f.get(first).lane('f32x4.extract_lane', i).do('f32.add');
  return f;
}

const sumOn = perHeap((heap) => instantiated(memoryOf(heap), [sumOfZeros()], []).sumOfZeros!);

/** Whether no entry of a float32 tensor is NaN or infinite. */
export function isFiniteThroughout(heap: Heap, x: tf.TensorInfo): boolean {
  const { byteOffset, byteLength } = floats(heap, x);
  const whole = byteOffset + byteLength - (byteLength % ROUND);
  return sumOn(heap)(byteOffset, whole, byteOffset + byteLength) === 0;
}
