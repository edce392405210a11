import * as tf from '@tensorflow/tfjs';
import { engine, hasKernel } from '../backends/engine';
import { DisposedError, InputError, ShapeError, UnsupportedError } from '../errors';
import { giveWay } from '../event-loop';
import { checkFunction, checkNoMore, checkRecord, phrase } from '../options';
import type { Space } from './space';

// A name of a module of TensorFlow.js is a function that is called each time.
const { Tensor } = tf;

/** A vector made of named tensors, as the parameters of a network are: `{ W1, b1, W2, b2 }`. */
export type NamedTensors = Record<string, tf.Tensor>;

/** Applies `f` to each named tensor. */
export function mapTensors(x: NamedTensors, f: (value: tf.Tensor, name: string) => tf.Tensor) {
  checkNoMore('mapTensors', arguments, 2);
  checkRecord(x, 'what mapTensors maps', 'named tensors');
  checkFunction(f, 'the function of mapTensors');
  const result: NamedTensors = {};
  for (const name of Object.keys(x)) result[name] = f(x[name]!, name);
  return result;
}

/** A tensor as float32: itself, where it is. */
const float = (x: tf.Tensor): tf.Tensor => (x.dtype === 'float32' ? x : tf.cast(x, 'float32'));

/** Computes with tensors as float32, and frees those that had to be made for it. */
const onFloats = <T extends tf.Tensor>(xs: tf.Tensor[], f: (...floats: tf.Tensor[]) => T): T =>
  xs.every(({ dtype }) => dtype === 'float32') ? f(...xs) : tf.tidy(() => f(...xs.map(float)));

/** Backends whose tensors are in this process's memory; on a GPU, reading one stalls the queue. */
const inMemory = new Set(['cpu', 'wasm', 'tensorflow']);

/**
 * Named float32 tensors on TensorFlow.js' current backend; scalars are tensors of rank 0.
 *
 * The inner product is the sum over all names and entries. Integers and booleans are taken as
 * numbers: what comes out is float32.
 */
export const tensors: Space<NamedTensors, tf.Scalar> = {
  name: 'tensors',
  epsilon: 2 ** -23,

  zeros: (like) => mapTensors(like, (value) => tf.zeros(value.shape)),
  clone: (x) => mapTensors(x, (value) => onFloats([value], tf.clone)),
  scale: (a, x) => mapTensors(x, (value) => onFloats([a, value], tf.mul)),
  axpy: (a, x, y) => mapTensors(x, (value, name) => axpyOf(a, value, y[name]!)),
  subtract: (x, y) => mapTensors(x, (value, name) => onFloats([value, y[name]!], tf.sub)),
  dot(x, y) {
    return tf.tidy(() => {
      const parts = Object.keys(x).map((name) => dotOf(x[name]!, y[name]!));
      return (parts.length === 1 ? parts[0]! : tf.addN(parts)) as tf.Scalar;
    });
  },
  norm: (x) => normBy(x, (y) => tensors.dot(y, y)),
  select: (mask, x, y) =>
    mapTensors(x, (value, name) => tf.tidy(() => chosen(mask, float(value), float(y[name]!)))),

  scalars: {
    of: (value) => tf.scalar(value),
    add: (a, b) => tf.add(a, b),
    subtract: (a, b) => tf.sub(a, b),
    multiply: (a, b) => tf.mul(a, b),
    divide: (a, b) => tf.div(a, b),
    sqrt: (a) => tf.sqrt(a),
    less: (a, b) => tf.tidy(() => tf.cast(tf.less(a, b), 'float32') as tf.Scalar),
    and: (a, b) => tf.mul(a, b),
    select: (mask, a, b) => tf.tidy(() => tf.where(tf.cast(mask, 'bool'), a, b) as tf.Scalar),
  },

  async read(values) {
    if (values.length === 0) {
      await giveWay();
      return [];
    }
    if (this.readableNow()) {
      const numbers = this.readSync(values);
      await giveWay();
      return numbers;
    }
    // Kept: model.fit takes its steps in a tidy, which ends before the numbers are there.
    const packed = tf.keep(tf.tidy(() => tf.stack([...values])));
    try {
      return [...(await packed.data())];
    } finally {
      packed.dispose();
    }
  },
  readSync(values) {
    if (!this.readableNow()) {
      throw new UnsupportedError({
        given: `the backend '${tf.getBackend()}', whose numbers cannot be read without waiting`,
        expected: `one of the backends ${[...inMemory].join(', ')}`,
        remedy: 'Use the asynchronous form, such as `await solver.solve(A, b)`.',
      });
    }
    return values.map((value) => value.dataSync()[0]!);
  },
  readableNow: () => inMemory.has(tf.getBackend()),

  tidy<T>(f: () => T): T {
    return tf.tidy(f as () => tf.TensorContainer) as T;
  },
  keep<T>(x: T): T {
    for (const tensor of tensorsIn(x)) tf.keep(tensor);
    return x;
  },
  free(x, except) {
    const spared = tensorsIn(except);
    for (const tensor of tensorsIn(x)) if (!spared.includes(tensor)) tensor.dispose();
  },

  check(x, like, what) {
    checkRecord(x, what, 'named tensors');
    const isVector = (value: unknown) => value instanceof tf.Tensor && value.dtype !== 'string';
    const odd = Object.keys(x).find((name) => !isVector(x[name]));
    if (odd !== undefined) {
      const given = x[odd] instanceof tf.Tensor ? 'a tensor of strings' : phrase(x[odd]);
      throw new InputError({
        given: `${what} whose '${odd}' is ${given}`,
        expected: 'a tensor of numbers under each name',
        remedy: 'A number becomes one by tf.scalar(number).',
      });
    }
    checkLive(x, what);
    const names = Object.keys(like);
    const unknown = Object.keys(x).find((name) => !(name in like));
    const missing = names.find((name) => !(name in x));
    if (unknown !== undefined || missing !== undefined) {
      throw new InputError({
        given: `${what} with the names ${Object.keys(x).join(', ') || '(none)'}`,
        expected: `the names ${names.join(', ')}`,
        remedy:
          unknown !== undefined
            ? `Leave out '${unknown}', which is unknown.`
            : `Add '${missing}', which is missing.`,
      });
    }
    for (const name of names) {
      const [got, wanted] = [x[name]!.shape, like[name]!.shape];
      if (got.length !== wanted.length || got.some((size, i) => size !== wanted[i])) {
        throw new ShapeError({
          given: `${what} whose '${name}' has shape [${got}]`,
          expected: `shape [${wanted}]`,
          remedy: 'Give each named tensor the shape of the parameter it belongs to.',
        });
      }
    }
  },
};

/** @throws DisposedError for a vector one of whose tensors is disposed. */
export function checkLive(x: NamedTensors, what: string): void {
  const dead = Object.keys(x).find((name) => x[name]!.isDisposed);
  if (dead === undefined) return;
  throw new DisposedError({
    given: `${what} whose '${dead}' is disposed`,
    expected: 'live tensors',
    remedy: 'Dispose them later, or `tf.keep` them where a surrounding tidy freed them.',
  });
}

/**
 * The norm of x, from the squared norm of x divided by its largest entry, which neither vanishes
 * nor overflows.
 */
export function normBy(x: NamedTensors, squared: (x: NamedTensors) => tf.Scalar): tf.Scalar {
  return tf.tidy(() => {
    // Integers would be divided by each other as integers.
    const floats = mapTensors(x, float);
    const parts = Object.values(floats).filter(({ size }) => size > 0);
    if (parts.length === 0) return tf.scalar(0);
    const largest = tf.max(tf.stack(parts.map((value) => tf.max(tf.abs(value)))));
    const unit = tf.where(tf.greater(largest, 0), largest, tf.onesLike(largest));
    const scaled = mapTensors(floats, (value) => tf.div(value, unit));
    return tf.mul(unit, tf.sqrt(squared(scaled))) as tf.Scalar;
  });
}

/** `a x + y`. */
function axpyOf(a: tf.Scalar, x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  return onFloats([a, x, y], (a, x, y) =>
    hasKernel('VectorAxpy')
      ? engine().runKernel('VectorAxpy', { a: a!, x: x!, y: y! })
      : tf.tidy(() => tf.add(tf.mul(a!, x!), y!)),
  );
}

/** `⟨x, y⟩`. */
function dotOf(x: tf.Tensor, y: tf.Tensor): tf.Scalar {
  return onFloats([x, y], (x, y) =>
    hasKernel('VectorDot')
      ? (engine().runKernel('VectorDot', { x: x!, y: y! }) as tf.Scalar)
      : tf.tidy(() => tf.sum(tf.mul(x!, y!)) as tf.Scalar),
  );
}

/** `tf.where` with a mask of rank 0, without the copies of both values that it makes to broadcast. */
function chosen(mask: tf.Scalar, t: tf.Tensor, e: tf.Tensor): tf.Tensor {
  const condition = tf.broadcastTo(tf.cast(mask, 'bool'), t.shape);
  return engine().runKernel('Select', { condition, t, e });
}

/** Every live tensor inside nested records and arrays. */
function tensorsIn(x: unknown, into: tf.Tensor[] = []): tf.Tensor[] {
  if (x instanceof Tensor) {
    if (!x.isDisposed) into.push(x);
  } else if (x !== null && typeof x === 'object' && !ArrayBuffer.isView(x)) {
    for (const each of Object.values(x)) tensorsIn(each, into);
  }
  return into;
}
