import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError, ShapeError } from '../errors';
import { float64, type NamedTensors, spaceOf, tensors, weighted } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const flatten = (x: NamedTensors) => Object.values(x).flatMap((t) => [...t.dataSync()]);
const named = (a: number[], b: number[]): NamedTensors => ({
  W: tf.tensor2d(a, [2, a.length / 2]),
  b: tf.tensor1d(b),
});

describe('the two spaces agree on every operation', () => {
  const numbers = { x: [1, -2, 3, 0.5, 7], y: [2, 0.25, -1, 4, -3] };
  const x64 = Float64Array.from(numbers.x);
  const y64 = Float64Array.from(numbers.y);
  const split = (v: number[]) => named(v.slice(0, 4), v.slice(4));

  const cases: [string, () => [Float64Array, NamedTensors]][] = [
    ['zeros', () => [float64.zeros(x64), tensors.zeros(split(numbers.x))]],
    ['clone', () => [float64.clone(x64), tensors.clone(split(numbers.x))]],
    ['scale', () => [float64.scale(3, x64), tensors.scale(tf.scalar(3), split(numbers.x))]],
    [
      'axpy',
      () => [
        float64.axpy(-2, x64, y64),
        tensors.axpy(tf.scalar(-2), split(numbers.x), split(numbers.y)),
      ],
    ],
    [
      'subtract',
      () => [float64.subtract(x64, y64), tensors.subtract(split(numbers.x), split(numbers.y))],
    ],
    [
      'select',
      () => [
        float64.select(0, x64, y64),
        tensors.select(tf.scalar(0), split(numbers.x), split(numbers.y)),
      ],
    ],
  ];
  it.each(cases)('%s', (_, run) => {
    const [expected, actual] = run();
    expect(flatten(actual)).toEqual([...expected]);
  });

  it('dot', async () => {
    const expected = float64.dot(x64, y64);
    expect(tensors.readSync([tensors.dot(split(numbers.x), split(numbers.y))])).toEqual([expected]);
    expect(expected).toBe(2 - 0.5 - 3 + 2 - 21);
  });

  it.each([1, 1e-15, 1e15, 1e-30, 1e30])('norm, at the scale %d', (scale) => {
    const x = [3 * scale, 0, -4 * scale, 0, 12 * scale];
    expect(float64.norm(Float64Array.from(x)) / scale).toBeCloseTo(13, 12);
    const [norm] = tensors.readSync([tensors.norm(split(x))]);
    expect(norm! / scale).toBeCloseTo(13, 4);
  });

  it('norm, at the ends of float64, of nothing, and of what is not a number', () => {
    for (const scale of [1e-300, 1e300]) {
      expect(float64.norm(Float64Array.of(3 * scale, 4 * scale)) / scale).toBeCloseTo(5, 12);
    }
    const norms = (x: number[]) => [
      float64.norm(Float64Array.from(x)),
      tensors.readSync([tensors.norm(split(x))])[0],
    ];
    expect(norms([0, 0, 0, 0, 0])).toEqual([0, 0]);
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const norm of norms([0, 1, odd, 0, 2])) expect(Number.isFinite(norm)).toBe(false);
    }
    expect(tensors.readSync([tensors.norm({ x: tf.zeros([0]), y: tf.tensor1d([2]) })])).toEqual([
      2,
    ]);
  });

  it('scalars', () => {
    const run = <S>(s: import('.').Scalars<S>) => [
      s.add(s.of(2), s.of(3)),
      s.subtract(s.of(2), s.of(3)),
      s.multiply(s.of(2), s.of(3)),
      s.divide(s.of(3), s.of(2)),
      s.sqrt(s.of(9)),
      s.less(s.of(2), s.of(3)),
      s.less(s.of(Number.NaN), s.of(3)),
      s.and(s.of(1), s.of(0)),
      s.select(s.of(1), s.of(5), s.of(6)),
    ];
    expect(tensors.readSync(run(tensors.scalars))).toEqual(run(float64.scalars));
  });
});

it('a weighted space multiplies the names that have a weight, in its inner product alone', () => {
  const K = tf.tensor2d([2, 1, 1, 3], [2, 2]);
  const space = weighted({ W: K });
  const [x, y] = [named([1, 2, 3, 4], [5]), named([-1, 0, 2, 1], [2])];
  const before = tf.memory().numTensors;
  const product = space.dot(x, y);
  // K y has the rows (0, 1) and (5, 3).
  expect(space.readSync([product])).toEqual([2 + 15 + 12 + 10]);
  product.dispose();
  // ⟨x, K x⟩ of x = (1, 2), (3, 4) and 5, with K x = (5, 8), (10, 14).
  const norm = tf.tidy(() => space.norm(space.scale(tf.scalar(1e-25), x)));
  expect(space.readSync([norm])[0]! * 1e25).toBeCloseTo(Math.sqrt(5 + 16 + 30 + 56 + 25), 3);
  norm.dispose();
  expect(tf.memory().numTensors).toBe(before);
  expect(flatten(space.axpy(tf.scalar(2), x, y))).toEqual([1, 4, 8, 9, 12]);
});

describe('a mask keeps what was not chosen out', () => {
  it('does not let a NaN through', () => {
    const good = named([1, 2], [3]);
    const bad = named([Number.NaN, Number.NaN], [Number.NaN]);
    expect(flatten(tensors.select(tf.scalar(1), good, bad))).toEqual([1, 2, 3]);
  });
});

describe('memory', () => {
  it('tidy frees what is made inside and keeps what it returns', () => {
    const x = named([1, 2], [3]);
    const before = tf.memory().numTensors;
    const y = tensors.tidy(() => tensors.axpy(tf.scalar(2), tensors.scale(tf.scalar(2), x), x));
    expect(tf.memory().numTensors).toBe(before + 2);
    tensors.free(y);
    expect(tf.memory().numTensors).toBe(before);
    tensors.free(y);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('keep outlives a tidy around it', () => {
    const kept = tf.tidy(() => {
      const x = tensors.keep(named([1, 2], [3]));
      return tf.keep(x.W!);
    });
    expect(kept.isDisposed).toBe(false);
  });
});

describe('a vector is known for what it is', () => {
  it('finds the space', () => {
    expect(spaceOf(new Float64Array(2)).name).toBe('float64');
    expect(spaceOf(named([1, 2], [3])).name).toBe('tensors');
  });
  it.each([[[1, 2]], [new Float32Array(2)], [null], [{}], [{ a: 1 }]])(
    'refuses %j with what to do instead',
    (x) => {
      expect(() => spaceOf(x as never)).toThrow(/Float64Array/);
    },
  );
  it('names the entry of a record that is not a tensor', () => {
    expect(() => spaceOf({ a: tf.scalar(1), l: -2 } as never)).toThrow(/'l' is the number -2/);
  });
  it('refuses a bare tensor and says how to name it', () => {
    expect(() => spaceOf(tf.scalar(1) as never)).toThrow(/\{ x: tensor \}/);
  });
});

describe('mismatched vectors are named', () => {
  const like = named([1, 2], [3]);
  it.each([
    ['a missing name', { W: like.W! }, /Add 'b', which is missing/],
    ['an unknown name', { ...like, c: like.b! }, /Leave out 'c', which is unknown/],
    ['a shape', { ...like, b: tf.tensor1d([1, 2]) }, /'b' has shape \[2\]/],
  ])('%s', (_, x, message) => {
    expect(() => tensors.check(x, like, 'v')).toThrow(message);
  });
  it('a length', () => {
    expect(() => float64.check(new Float64Array(3), new Float64Array(2), 'v')).toThrow(/length 3/);
  });
});

describe('reading', () => {
  it('a backend that is not known to be in memory is not read at once', async () => {
    tf.registerBackend('elsewhere', () => new tf.KernelBackend());
    await tf.setBackend('elsewhere');
    try {
      expect(tensors.readableNow()).toBe(false);
      expect(() => tensors.readSync([])).toThrow(/'elsewhere'/);
    } finally {
      await tf.setBackend('cpu');
    }
    expect(tensors.readableNow()).toBe(true);
  });
});

it('a weight that does not fit is refused, never broadcast', () => {
  const K = tf.eye(2);
  const x = { W: tf.ones([2, 3]) };
  expect([...weighted({ W: K }).weigh(x).W!.shape]).toEqual([2, 3]);
  expect(() => weighted(null as never)).toThrow(InputError);
  expect(() => weighted({ W: 3 } as never)).toThrow(InputError);
  expect(() => weighted({ V: K }).weigh(x)).toThrow(/a weight of 'V'/);
  const wrong: [tf.Tensor, tf.Tensor][] = [
    [K, tf.ones([2])],
    [tf.ones([2]), tf.ones([2, 3])],
    [tf.eye(3), tf.ones([2, 3])],
    [tf.ones([4, 2, 2]), tf.ones([1, 2, 3])],
    [tf.ones([4, 2, 2]), tf.ones([2, 3])],
  ];
  for (const [weight, value] of wrong) {
    expect(() => weighted({ W: weight }).weigh({ W: value })).toThrow(ShapeError);
  }
  const many = weighted({ W: tf.ones([1, 2, 2]) }).weigh({ W: tf.ones([4, 2, 3]) });
  expect(many.W!.shape).toEqual([4, 2, 3]);
});
