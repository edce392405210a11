import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../..';
import { floats, type Heap } from '../kernels/heap';
import { apply, type Expression, type FunctionName, number } from './expression';
import { loopOn } from './loops';

beforeAll(() => useBackend('wasm', { threads: 1 }));

const input: Expression = { kind: 'input', index: 0 };

/** The function of each number, by a loop. */
const applied = (name: FunctionName, numbers: number[]): Float32Array =>
  computed(apply(name, input), numbers);

/** An expression of each number, by a loop. */
function computed(expression: Expression, numbers: number[]): Float32Array {
  const heap = tf.backend() as Heap;
  const loop = loopOn(heap, {
    expression,
    patterns: ['place'],
    into: 'places',
  });
  const x = tf.tensor1d(numbers);
  const out = tf.zerosLike(x);
  const [from, to] = [floats(heap, x), floats(heap, out)];
  loop(to.byteOffset, 1, 4 * numbers.length, from.byteOffset);
  const result = out.dataSync<'float32'>().slice();
  tf.dispose([x, out]);
  return result;
}

const log1p = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const cases: [FunctionName, (x: number) => number, number[]][] = [
  ['exponential', Math.exp, range(-87, 88.7)],
  ['logarithm', Math.log, range(-86, 88).map(Math.exp)],
  ['softplus', log1p, range(-80, 80)],
  ['sigmoid', (x) => 1 / (1 + Math.exp(-x)), range(-80, 80)],
  ['tanh', Math.tanh, [...range(-12, 12), ...range(-0.01, 0.01)]],
  ['tanh', Math.tanh, range(-30, -1).map((x) => 10 ** x)],
  ['softplus', log1p, range(-1e-3, 1e-3)],
];

function range(from: number, to: number): number[] {
  return Array.from({ length: 4001 }, (_, i) => from + ((to - from) * i) / 4000);
}

const special = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-40];

describe('functions of four numbers', () => {
  it.each(cases)('%s is right to float32', (name, f, numbers) => {
    const result = applied(name, numbers);
    numbers.forEach((_, i) => {
      const truth = f(Math.fround(numbers[i]!));
      expect(Math.abs(result[i]! - truth)).toBeLessThanOrEqual(4e-7 * Math.abs(truth) + 1e-45);
    });
  });

  it.each<[FunctionName, (x: number) => number]>([
    ['exponential', Math.exp],
    ['logarithm', Math.log],
    ['tanh', Math.tanh],
    ['sigmoid', (x) => 1 / (1 + Math.exp(-x))],
    ['softplus', log1p],
  ])('%s of zeros, infinities, NaN and what is beyond the ends', (name, f) => {
    const numbers = [...special, 1000, -1000, -1];
    const result = applied(name, numbers);
    numbers.forEach((x, i) => {
      const truth = Math.fround(f(Math.fround(x)));
      if (Number.isFinite(truth)) expect(result[i]).toBeCloseTo(truth, 4);
      else expect(result[i]).toBe(truth);
    });
  });

  it.each<['minimum' | 'maximum', (x: number, y: number) => number]>([
    ['minimum', Math.min],
    ['maximum', Math.max],
  ])('%s with a number, on either side, of zeros, infinities and NaN', (name, f) => {
    const numbers = [...special, -3, 2.5, 6];
    for (const bound of [0, -0, 6, -1, Number.POSITIVE_INFINITY, Number.NaN]) {
      const wanted = Float32Array.from(numbers, (x) => f(Math.fround(x), bound));
      const [left, right] = [apply(name, number(bound), input), apply(name, input, number(bound))];
      expect(computed(left, numbers)).toEqual(wanted);
      expect(computed(right, numbers)).toEqual(wanted);
    }
  });
});
