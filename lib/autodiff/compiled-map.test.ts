import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { leaveOutWithoutPrograms } from '../../test/needs';
import { useBackend } from '../backends';
import { InputError, UnsupportedError } from '../errors';
import { slowClock } from '../testing';
import { compiledMap, mapProgramsOf, switchPrograms, tracedCounts } from '.';
import { kernels, normal } from './testing';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));
afterAll(() => switchPrograms(true));

const list = (x: tf.Tensor) => [...x.dataSync()];

/** The largest difference. */
const apart = (x: tf.Tensor, y: tf.Tensor) => tf.max(tf.abs(tf.sub(x, y))).dataSync()[0]!;

/** To the last bit. */
function expectSame(x: tf.Tensor, y: tf.Tensor): void {
  const [a, b] = [x.dataSync(), y.dataSync()];
  expect(a.length).toBe(b.length);
  expect(a.findIndex((number, i) => number !== b[i])).toBe(-1);
}

const layer = (z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) =>
  tf.tanh(tf.add(tf.matMul(z as tf.Tensor2D, A as tf.Tensor2D), b));

describe('a compiled map', () => {
  it('has the value of the map, which is called once for each shape', () => {
    let calls = 0;
    const f = compiledMap((z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) => {
      calls++;
      return layer(layer(z, A, b), A, b);
    });
    const before = tracedCounts().bytes;
    for (const rows of [3, 5, 3]) {
      const [z, A, b] = [normal([rows, 4], rows), normal([4, 4], 2), normal([4], 3)];
      expect(apart(f(z, A, b), layer(layer(z, A, b), A, b))).toBeLessThan(1e-6);
    }
    expect(calls).toBe(2);
    expect(tracedCounts().bytes).toBeGreaterThan(before);
  });

  it('takes and gives records, and one tensor twice', () => {
    const f = compiledMap(({ x, y }: { x: tf.Tensor; y: tf.Tensor }, s: tf.Tensor) => ({
      y: tf.mul(x, s),
      same: x,
      x: tf.add(y, s),
    }));
    const x = tf.tensor1d([1, 2]);
    const [s, two] = [tf.scalar(3), tf.tensor1d([5, 7])];
    const found = f({ x, y: two }, s);
    expect(Object.keys(found)).toEqual(['y', 'same', 'x']);
    expect(list(found.y)).toEqual([3, 6]);
    expect(list(found.same)).toEqual([1, 2]);
    expect(list(found.x)).toEqual([8, 10]);
    const sum = compiledMap((a: tf.Tensor, b: tf.Tensor) => tf.add(a, tf.mul(2, b)));
    expect(list(sum(x, two))).toEqual([11, 16]);
    expect(list(sum(x, x))).toEqual([3, 6]);
  });

  it('takes integers as they are', () => {
    const f = compiledMap((x: tf.Tensor, at: tf.Tensor) => tf.mul(2, tf.gather(x, at.toInt())));
    const x = tf.tensor1d([1, 2, 3]);
    for (const at of [2, 0]) expect(list(f(x, tf.tensor1d([at], 'int32')))).toEqual([2 * (at + 1)]);
  });

  it('is made and run in pieces where it is waited for, to the same bits, and freed meanwhile', () => {
    const rounds = 4;
    const side = 520;
    const f = compiledMap((z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) => {
      let y = z;
      for (let i = 0; i < rounds; i++) y = layer(y, A, b);
      return { y };
    });
    const [z, A, b] = [normal([side, side], 1), normal([side, side], 2), normal([side], 3)];
    const expected = f(z, A, b).y;
    const programs = mapProgramsOf(f)!;
    const before = tf.memory().numTensors;
    slowClock();
    const run = (meanwhile = (_: number) => {}) => {
      const work = programs.runInPieces([z, A, b]);
      for (let count = 0; ; count++) {
        const turn = work.next();
        if (turn.done) return { count, value: turn.value as { y: tf.Tensor } };
        meanwhile(count);
      }
    };
    f.free();
    const counts = [run(), run(), run((i) => void (i === 2 && f.free()))].map(
      ({ count, value }) => {
        expectSame(value.y, expected);
        value.y.dispose();
        return count;
      },
    );
    // Lowered and planned step by step; then only the parts of the program.
    expect(counts[0]).toBeGreaterThan(3 * rounds);
    expect(counts[1]).toBeGreaterThanOrEqual(rounds);
    f.free();
    for (const at of [1, 4]) {
      const meanwhile = (i: number) => {
        if (i === at) f.free();
      };
      const { value } = run(meanwhile);
      expectSame(value.y, expected);
      expectSame(f(z, A, b).y, expected);
      tf.dispose(value);
      f.free();
    }
    const broken = programs.runInPieces([z, A, b]);
    for (let i = 0; i < 6; i++) broken.next();
    broken.return(undefined);
    vi.restoreAllMocks();
    f.free();
    // Of the values that were computed at once.
    expect(tf.memory().numTensors).toBe(before + 2);
  });

  it('holds what it captures until it is freed', () => {
    let factor = tf.scalar(2);
    const f = compiledMap((x: tf.Tensor) => tf.mul(factor, x));
    const x = tf.tensor1d([1, 2]);
    expect(list(f(x))).toEqual([2, 4]);
    factor.dispose();
    factor = tf.scalar(5);
    expect(list(f(x))).toEqual([2, 4]);
    f.free();
    expect(list(f(x))).toEqual([5, 10]);
  });

  it('is itself while a gradient is recorded, and within another one', () => {
    const square = compiledMap((x: tf.Tensor) => tf.mul(x, x));
    const x = tf.tensor1d([1, 2]);
    expect(list(square(x))).toEqual([1, 4]);
    expect(list(tf.grad((x) => tf.sum(square(x)))(x))).toEqual([2, 4]);
    const fourth = compiledMap((x: tf.Tensor) => square(square(x)));
    for (const value of [2, 3]) expect(list(fourth(tf.scalar(value)))).toEqual([value ** 4]);
  });

  it('is called each time where no program can run', () => {
    let calls = 0;
    const f = compiledMap((x: tf.Tensor) => {
      calls++;
      return tf.mul(2, x);
    });
    expect(list(f(tf.zeros([0])))).toEqual([]);
    switchPrograms(false);
    expect(list(f(tf.scalar(2)))).toEqual([4]);
    expect(list(f(tf.scalar(3)))).toEqual([6]);
    switchPrograms(true);
    expect(calls).toBe(3);
  });

  it('computes nothing on the first call but by its program, and refuses a wrong shape as the map does', () => {
    const [z, A, b] = [normal([3, 4], 1), normal([4, 4], 2), normal([4], 3)];
    const f = compiledMap((z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) =>
      layer(tf.add(layer(z, A, b), tf.sub(1, tf.transpose(tf.transpose(z)))), A, b),
    );
    const names = kernels(() => f(z, A, b));
    expect(names.filter((name) => /MatMul|Tanh|Add|Sub/.test(name))).toEqual([]);
    const expected = layer(tf.add(layer(z, A, b), tf.sub(1, z)), A, b);
    expect(apart(f(z, A, b), expected)).toBeLessThan(1e-6);
    const wrong = () => f(z, normal([5, 4], 2), b);
    const asMap = () => layer(z, normal([5, 4], 2), b);
    let message = '';
    try {
      asMap();
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).not.toBe('');
    expect(wrong).toThrow(message);
    f.free();
  });

  it('refuses a loop that ends by a number that it reads, at its first reading', () => {
    let rounds = 0;
    const f = compiledMap((x: tf.Tensor) => {
      let y = x;
      while (tf.max(tf.abs(y)).dataSync()[0]! < 10 && rounds++ < 100) y = tf.mul(y, 2);
      return y;
    });
    expect(() => f(tf.scalar(1))).toThrow(UnsupportedError);
    expect(rounds).toBe(0);
  });

  it('refuses numbers that are read, and variables', () => {
    const v = tf.variable(tf.scalar(2));
    const reads = compiledMap((x: tf.Tensor) => (x.dataSync()[0]! > 0 ? x : tf.neg(x)));
    const uses = compiledMap((x: tf.Tensor) => tf.mul(x, v));
    for (const f of [reads, uses]) expect(() => f(tf.scalar(1))).toThrow(UnsupportedError);
    expect(() => reads(tf.scalar(1))).toThrow('compiled map');
    v.dispose();
  });

  it('refuses a list as its value, and is called with lists as they are', () => {
    const x = tf.tensor1d([1, 2]);
    const gives = compiledMap((x: tf.Tensor) => [x, x] as never);
    expect(() => gives(x)).toThrow(InputError);
    const sum = (xs: tf.Tensor[]) => tf.addN(xs.map((x) => tf.mul(2, x)));
    const takes = compiledMap(sum as never) as unknown as typeof sum;
    for (let i = 0; i < 2; i++) expect(list(takes([x, x]))).toEqual([4, 8]);
  });

  it('leaves nothing behind', () => {
    const f = compiledMap((z: tf.Tensor, A: tf.Tensor) => layer(z, A, tf.zeros([4])));
    const [z, A] = [normal([3, 4], 1), normal([4, 4], 2)];
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) f(z, A).dispose();
    f.free();
    expect(tf.memory().numTensors).toBe(before);
    const failing = compiledMap((z: tf.Tensor): tf.Tensor => {
      tf.square(z);
      throw new Error('no');
    });
    expect(() => failing(z)).toThrow('no');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('large products in blocks of rows', () => {
  const rows = 1100;
  type Given = Record<'x' | 'A' | 'B' | 'bias' | 'scale', tf.Tensor2D>;
  const given = (): Given => ({
    x: normal([rows, 20], 1) as tf.Tensor2D,
    A: normal([20, 512], 2) as tf.Tensor2D,
    B: normal([512, 30], 3) as tf.Tensor2D,
    bias: normal([1, 512], 4) as tf.Tensor2D,
    scale: normal([rows, 1], 5) as tf.Tensor2D,
  });
  const hidden = ({ x, A, bias, scale }: Given) =>
    tf.relu(tf.add(tf.mul(tf.matMul(x, A), scale), bias)) as tf.Tensor2D;
  const maps: [string, (given: Given) => tf.Tensor][] = [
    ['a chain', (g) => tf.matMul(tf.sigmoid(hidden(g)), g.B)],
    ['what is read as a whole', (g) => tf.matMul(hidden(g), tf.matMul(hidden(g), g.x, true))],
    ['what is read after it', (g) => tf.matMul(hidden(g), tf.tanh(hidden(g)), true)],
    ['sums of rows', (g) => tf.softmax(tf.matMul(hidden(g), g.B))],
    ['sums of columns', (g) => tf.sum(hidden(g), 0)],
    ['a step before it', (g) => tf.matMul(tf.tanh(g.x), g.A)],
    ['products of products', (g) => tf.matMul(tf.matMul(hidden(g), g.B), tf.neg(g.B), false, true)],
    [
      'several results',
      (g) => tf.mul(hidden(g), tf.tanh(tf.matMul(tf.square(hidden(g)), g.B)).sum()),
    ],
  ];
  it.each(maps)('give what operations give: %s', (_, map) => {
    const g = given();
    const found = compiledMap(map)(g);
    const wanted = map(g);
    expect(found.shape).toEqual(wanted.shape);
    const largest = tf.max(tf.abs(wanted)).dataSync()[0]!;
    expect(largest).toBeGreaterThan(0);
    expect(apart(found, wanted)).toBeLessThan(2e-5 * largest);
    tf.dispose([g, found, wanted]);
  });
});
