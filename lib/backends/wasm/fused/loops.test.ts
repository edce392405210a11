import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { withoutPause } from '../../../event-loop';
import { useBackend } from '../..';
import { type Heap, memoryOf } from '../kernels/heap';
import { apply, type Expression } from './expression';
import type { Into, Loop, Pattern } from './loop';
import { forgetLoops, loopOn, makeLoops } from './loops';

beforeAll(() => useBackend('wasm', { threads: 1 }));

const input = (index: number): Expression => ({ kind: 'input', index });
const product = apply('multiply', input(0), input(1));
const twice = apply('add', product, apply('multiply', input(0), input(0)));
const heavy = apply('exponential', product);

const cases: [
  name: string,
  Expression,
  patterns: Pattern[],
  f: (x: number, y: number) => number,
][] = [
  ['a matrix and a vector along its rows', product, ['place', 'column'], (x, y) => x * y],
  ['a matrix and a vector along its columns', product, ['row', 'place'], (x, y) => x * y],
  ['two matrices', twice, ['place', 'place'], (x, y) => x * y + x * x],
  ['a matrix and a number', product, ['all', 'place'], (x, y) => x * y],
  ['a function that takes long', heavy, ['place', 'column'], (x, y) => Math.exp(x * y)],
];
const intos: Into[] = ['row sums', 'column sums', 'sum', 'row maxima', 'places'];

/** Between two walls, which nothing may write to. */
function onHeap(heap: Heap, size: number, value: (i: number) => number): number {
  const at = heap.wasm._malloc(4 * size + 32);
  const floats = new Float32Array(memoryOf(heap).buffer, at, size + 8).fill(99);
  for (let i = 0; i < size; i++) floats[i + 4] = value(i);
  return at + 16;
}

const placesOf = {
  place: (r: number, c: number, n: number) => r * n + c,
  column: (_: number, c: number) => c,
  row: (r: number) => r,
  all: () => 0,
};

it.each(cases)('sums and maxima of %s are those of plain loops', (_, expression, patterns, f) => {
  const heap = tf.backend() as Heap;
  for (const into of intos) {
    for (const rows of [1, 4, 7, 12]) {
      for (const columns of [1, 3, 4, 21, 257]) {
        const size = rows * columns;
        const numbers = patterns.map((_, k) =>
          Float32Array.from({ length: size }, (_, i) => Math.sin(1 + k + 1.3 * i)),
        );
        const values = (r: number, c: number) => {
          const [x, y] = patterns.map((p, k) => numbers[k]![placesOf[p](r, c, columns)]!);
          return f(x!, y!);
        };
        const inRow = (r: number) => Array.from({ length: columns }, (_, c) => values(r, c));
        const all = Array.from({ length: rows }, (_, r) => inRow(r));
        const sum = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0);
        const wanted = {
          'row sums': () => all.map(sum),
          'column sums': () => all[0]!.map((_, c) => sum(all.map((row) => row[c]!))),
          sum: () => [sum(all.flat())],
          'row maxima': () => all.map((row) => Math.max(...row)),
          places: () => all.flat(),
        }[into]();
        const addresses = numbers.map((x) => onHeap(heap, size, (i) => x[i]!));
        const out = onHeap(heap, wanted.length, () => 7);
        loopOn(heap, { expression, patterns, into })(out, rows, 4 * columns, ...addresses);
        const found = new Float32Array(memoryOf(heap).buffer, out - 16, wanted.length + 8);
        const walls = [...found.subarray(0, 4), ...found.subarray(wanted.length + 4)];
        expect(walls, `${into} ${rows} × ${columns}`).toEqual(new Array(8).fill(99));
        const scale = 5 + sum(all.flat().map(Math.abs));
        const worst = Math.max(...wanted.map((value, i) => Math.abs(found[i + 4]! - value)));
        expect(worst, `${into} ${rows} × ${columns}`).toBeLessThan(2e-7 * scale);
        for (const at of [...addresses, out]) heap.wasm._free(at - 16);
      }
    }
  }
});

it.each([
  [4096, 2, 9],
  [undefined, 1, 1],
])('makes several in a module of at most %s bytes, and none twice', (most, least, count) => {
  const heap = tf.backend() as Heap;
  const loops = Array.from({ length: 20 }, (_, i): Loop => {
    const value = i + 100 * count;
    const expression = apply('add', apply('exponential', input(0)), { kind: 'number', value });
    return { expression, patterns: ['place'], into: 'places' };
  });
  const before = loopOn(heap, loops[3]!);
  const { Module } = WebAssembly;
  const sizes: number[] = [];
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      sizes.push(bytes.byteLength);
    }
  };
  try {
    for (let i = 0; i < 2; i++) withoutPause(makeLoops(heap, [...loops, ...loops], most));
  } finally {
    WebAssembly.Module = Module;
  }
  expect(sizes.length).toBeGreaterThanOrEqual(least);
  expect(sizes.length).toBeLessThanOrEqual(count);
  if (most !== undefined) expect(Math.max(...sizes)).toBeLessThanOrEqual(most);
  expect(loopOn(heap, loops[3]!)).toBe(before);
  const at = onHeap(heap, 3, () => 0);
  loops.forEach((loop, i) => {
    loopOn(heap, loop)(at + 4, 1, 4, at);
    expect(new Float32Array(memoryOf(heap).buffer, at, 3)[1]).toBe(1 + i + 100 * count);
  });
  heap.wasm._free(at - 16);
});

it('remembers those that were used last, and forgets all when asked to', () => {
  const heap = tf.backend() as Heap;
  const loopOf = (value: number): Loop => ({
    expression: apply('subtract', input(0), { kind: 'number', value }),
    patterns: ['place'],
    into: 'places',
  });
  const loops = Array.from({ length: 1100 }, (_, i) => loopOf(i));
  makeLoops(heap, loops);
  const run = loops.map((loop) => loopOn(heap, loop));
  const isKnown = (i: number) => loopOn(heap, loops[i]!) === run[i];
  expect(isKnown(1099)).toBe(true);
  expect(isKnown(200)).toBe(true);
  expect(isKnown(0)).toBe(false);
  forgetLoops(heap);
  expect(isKnown(1099)).toBe(false);
});
