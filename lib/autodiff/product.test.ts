import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { DisposedError } from '../errors';
import type { Pausing } from '../event-loop';
import { random } from '../numbers';
import type { NamedTensors } from '../spaces';
import { gaussNewton, hessian, linearize } from '.';

/** How long each layer takes, in milliseconds: longer than work may go on without a pause. */
const LONG = 9;

/** The identity, whose evaluation and derivatives take long. */
const slow = (x: tf.Tensor): tf.Tensor =>
  tf.customGrad((x) => {
    const end = performance.now() + LONG;
    while (performance.now() < end);
    return { value: (x as tf.Tensor).clone(), gradFunc: (dy: tf.Tensor) => slow(dy) };
  })(x);

const vector = (size: number, seed: number) =>
  tf.tensor1d(Float32Array.from(random(seed).normals(size)));
const matrix = (rows: number, columns: number, seed: number) =>
  tf.tensor2d(Float32Array.from(random(seed).normals(rows * columns)), [rows, columns]);

let X: tf.Tensor2D;
let point: NamedTensors;
let direction: NamedTensors;
let before: number;

beforeAll(async () => {
  await useBackend('cpu');
});
beforeEach(() => {
  X = matrix(2, 6, 1);
  point = { W: matrix(6, 3, 2), b: vector(3, 3) };
  direction = { W: matrix(6, 3, 4), b: vector(3, 5) };
  before = tf.memory().numTensors;
});
afterEach(() => {
  tf.dispose([X, point, direction]);
});

const output = ({ W, b }: NamedTensors): tf.Tensor =>
  slow(tf.tanh(slow(tf.add(tf.matMul(X, W as tf.Tensor2D), b!))));
const loss = (x: NamedTensors) =>
  tf.add(tf.sum(tf.square(output(x))), tf.sum(tf.pow(x.b!, 4))) as tf.Scalar;
const bare = (z: tf.Tensor) => tf.sum(tf.pow(z, 4)) as tf.Scalar;

interface Both {
  whole(): NamedTensors;
  inPieces(): Pausing<NamedTensors>;
  dispose(): void;
}

const single = (value: tf.Tensor): NamedTensors => ({ value });

const products: Record<string, () => Both> = {
  hessian() {
    const H = hessian(loss, point);
    return {
      whole: () => H.apply(direction),
      inPieces: () => H.applyInPieces(direction),
      dispose: () => H.dispose(),
    };
  },
  'gauss-newton'() {
    const G = gaussNewton({ predict: output, loss: bare }, point);
    return {
      whole: () => G.apply(direction),
      inPieces: () => G.applyInPieces(direction),
      dispose: () => G.dispose(),
    };
  },
  'in the rows of the batch'() {
    const G = gaussNewton({ predict: output, loss: bare }, point);
    const rows = G.rowSpace()!;
    return {
      whole: () => rows.apply(rows.gradient),
      inPieces: () => rows.applyInPieces!(rows.gradient),
      dispose: () => G.dispose(),
    };
  },
  'J v'() {
    const J = linearize(output, point);
    return {
      whole: () => single(J.jvp(direction)),
      *inPieces() {
        return single(yield* J.inPieces.jvp(direction));
      },
      dispose: () => J.dispose(),
    };
  },
  'Jᵀ u'() {
    const J = linearize(output, point);
    return {
      whole: () => J.vjp(J.value),
      inPieces: () => J.inPieces.vjp(J.value),
      dispose: () => J.dispose(),
    };
  },
};

const numbersOf = (x: NamedTensors) =>
  Object.fromEntries(Object.entries(x).map(([name, value]) => [name, [...value.dataSync()]]));

describe.each(Object.entries(products))('a product in pieces: %s', (_, make) => {
  it('is the product at once, with a pause after each long operation', () => {
    const both = make();
    const whole = both.whole();
    const held = tf.memory().numTensors;
    const work = both.inPieces();
    let pauses = 0;
    // Each in a scope that frees what is not kept.
    const next = () => {
      let turn: IteratorResult<void, NamedTensors>;
      tf.tidy(() => {
        turn = work.next();
      });
      return turn!;
    };
    let turn = next();
    for (; !turn.done; pauses++) turn = next();
    expect(pauses).toBeGreaterThanOrEqual(1);
    expect(numbersOf(turn.value)).toEqual(numbersOf(whole));
    expect(tf.memory().numTensors - held).toBe(Object.keys(turn.value).length);
    tf.dispose([whole, turn.value]);
    both.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('holds nothing where it is broken off in a pause, and none of its arguments', () => {
    const both = make();
    tf.dispose(both.whole());
    const held = tf.memory().numTensors;
    const work = both.inPieces();
    expect(work.next().done).toBe(false);
    expect(() => work.throw(new Error('broken off'))).toThrow('broken off');
    expect(tf.memory().numTensors).toBe(held);
    expect(Object.values(direction).some(({ kept }) => kept)).toBe(false);
    both.dispose();
  });

  it('is refused where the recording is disposed of in a pause', () => {
    const both = make();
    const work = both.inPieces();
    expect(work.next().done).toBe(false);
    both.dispose();
    expect(() => work.next()).toThrow(DisposedError);
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('takes no pause where nothing takes long', () => {
  const H = hessian(({ b }) => tf.sum(tf.pow(b!, 4)) as tf.Scalar, { b: point.b! });
  tf.dispose(H.apply({ b: direction.b! }));
  const work = H.applyInPieces({ b: direction.b! });
  const turn = work.next();
  expect(turn.done).toBe(true);
  tf.dispose(turn.value as NamedTensors);
  H.dispose();
});
