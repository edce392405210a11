import * as tf from '@tensorflow/tfjs';
import { type Digits, type FeatureExamples, mnist, subset, toTensors } from 'implicit-lab-course';
import { sigmoidCrossEntropy } from '../../../lib/backends';
import { type Model, mlp, rnn } from '../../../lib/models';
import { random } from '../../../lib/numbers';
import type { NamedTensors } from '../../../lib/spaces';
import type { Profile } from '../study';
import type { Task } from '../train';

/** A task of this page. */
export interface DeepTask extends Task {
  name: string;
  words: string;
  /** What `losses` are. */
  error: string;
  /** Processor seconds of a run. */
  seconds: number;
  /** Processor seconds of a run that a setting is chosen by. Default `seconds`. */
  choosing?: number;
  /** Sizes of a dense network, for K-FAC. */
  layers?: number;
}

/** How a task is made; the tensors that it holds belong to the caller. */
export interface DeepMaker {
  name: string;
  make(profile: Profile['name']): DeepTask;
}

/** Written down before the runs. */
export const deepTasks: readonly DeepMaker[] = [
  {
    name: 'small autoencoder',
    make: (profile) =>
      autoencoder({ side: 14, sizes: SMALL, seconds: profile === 'full' ? 60 : 15 }),
  },
  { name: 'pixels', make: () => pixels(4) },
  { name: 'adding', make: (profile) => adding(profile === 'full' ? 120 : 30) },
  {
    name: 'deep autoencoder',
    make: (profile) =>
      autoencoder({
        ...{ side: 28, sizes: DEEP },
        ...(profile === 'full' ? { seconds: 200 } : { seconds: 60, choosing: 20 }),
      }),
  },
];

const DEEP = [400, 200, 100, 50, 25, 6];
const SMALL = [100, 70, 50, 35, 25, 6];
const [TRAIN, HELD] = [6_000, 500];

/** A digit in 112 steps of 7 pixels, a recurrent network whose W is orthogonal at the start. */
function pixels(seconds: number): DeepTask {
  const hidden = 32;
  const { train, test } = mnist();
  const drawn = toTensors(subset(train, TRAIN + HELD, 1));
  return {
    name: 'pixels',
    words: 'a digit read in 112 steps of 7 pixels, rnn 7x112-32, tanh, W orthogonal at the start',
    error: 'test loss',
    seconds,
    model: orthogonalRnn({ features: 7, steps: 112, hidden, classes: 10 }),
    ...held(drawn),
    test: toTensors(subset(test, HELD, 2)),
    batch: 100,
  };
}

/** Two of a hundred numbers are marked; what is to be said at the end is their sum. */
function adding(seconds: number): DeepTask {
  const steps = 100;
  const of = (count: number, seed: number): FeatureExamples => {
    const stream = random(seed);
    const x = new Float32Array(count * steps * 2);
    const y = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const marked = [stream.integer(steps / 2), steps / 2 + stream.integer(steps / 2)];
      for (let t = 0; t < steps; t++) {
        const at = 2 * (i * steps + t);
        x[at] = stream.uniform();
        x[at + 1] = marked.includes(t) ? 1 : 0;
        y[i]! += x[at]! * x[at + 1]!;
      }
    }
    return { x: tf.tensor2d(x, [count, 2 * steps]), y: tf.tensor2d(y, [count, 1]) };
  };
  return {
    name: 'adding',
    words: 'the adding problem, T = 100, rnn 2x100-32, tanh, W orthogonal at the start',
    error: 'mean squared error',
    seconds,
    model: orthogonalRnn({ features: 2, steps, hidden: 32, classes: 1 }),
    train: of(20_000, 1),
    validation: of(HELD, 2),
    test: of(HELD, 3),
    batch: 100,
    loss: (y, z) => tf.mean(tf.square(tf.sub(z, y))),
    judge: squares((z) => z),
  };
}

/** An autoencoder of sigmoid units on digits; the last layer's sigmoid is in the loss. */
function autoencoder(of: {
  side: 14 | 28;
  sizes: number[];
  seconds: number;
  choosing?: number;
}): DeepTask {
  const { side, sizes, ...times } = of;
  const pixels = side * side;
  const all = [pixels, ...sizes, ...sizes.slice(0, -1).reverse(), pixels];
  const { train, test } = mnist();
  const drawn = (digits: Digits, count: number, seed: number): FeatureExamples => {
    const { x, y } = toTensors(subset(digits, count, seed));
    y.dispose();
    const small = side === 28 ? x : halved(x);
    return { x: small, y: small.clone() };
  };
  const model = mlp({ sizes: all, activation: 'sigmoid' });
  return {
    name: side === 28 ? 'deep autoencoder' : 'small autoencoder',
    words: `mlp ${all.join('-')}, sigmoid, 15 connections a unit at the start, cross-entropy of the pixels`,
    error: 'squared error a digit',
    ...times,
    layers: all.length - 1,
    model: { ...model, init: (seed) => sparse(all, seed) },
    ...held(drawn(train, TRAIN + HELD, 1)),
    test: drawn(test, HELD, 2),
    batch: 200,
    loss: (y, z) => tf.mul(pixels, sigmoidCrossEntropy(y, z)) as tf.Scalar,
    judge: squares((z) => tf.sigmoid(z)),
  };
}

/** The mean over examples of the squared error of all their outputs. */
function squares(
  output: (z: tf.Tensor2D) => tf.Tensor2D,
): (
  this: Task,
  ...args: Parameters<NonNullable<Task['judge']>>
) => ReturnType<NonNullable<Task['judge']>> {
  return async function (params, { x, y }) {
    const error = tf.tidy(() => {
      const off = tf.sub(output(this.model.predict(params, x)), y);
      return tf.mean(tf.sum(tf.square(off), -1));
    });
    const [loss] = await error.data();
    error.dispose();
    return { loss: loss!, accuracy: 0 };
  };
}

/** Means of two by two pixels. */
function halved(x: tf.Tensor): tf.Tensor2D {
  const small = tf.tidy(() =>
    tf.reshape(tf.avgPool(tf.reshape(x, [-1, 28, 28, 1]) as tf.Tensor4D, 2, 2, 'valid'), [-1, 196]),
  );
  x.dispose();
  return small as tf.Tensor2D;
}

/**
 * Fifteen weights from N(0, 1) into each unit, the others and the biases 0.
 *
 * @see Martens, [Deep learning via Hessian-free
 *   optimization](https://icml.cc/Conferences/2010/papers/458.pdf), 2010, §5.
 */
function sparse(sizes: readonly number[], seed: number): NamedTensors {
  const stream = random(seed);
  const params: NamedTensors = {};
  for (let l = 1; l < sizes.length; l++) {
    const [inputs, outputs] = [sizes[l - 1]!, sizes[l]!];
    const entries = new Float32Array(inputs * outputs);
    for (let o = 0; o < outputs; o++) {
      for (const i of stream.permutation(inputs).slice(0, 15)) {
        entries[i * outputs + o] = stream.normal();
      }
    }
    params[`W${l}`] = tf.tensor2d(entries, [inputs, outputs]);
    params[`b${l}`] = tf.zeros([outputs]);
  }
  return params;
}

function orthogonalRnn(options: {
  features: number;
  steps: number;
  hidden: number;
  classes: number;
}): Model {
  const model = rnn(options);
  const { hidden } = options;
  return {
    ...model,
    init(seed) {
      const { W, ...rest } = model.init(seed);
      W!.dispose();
      return { ...rest, W: tf.tensor2d(orthogonal(hidden, seed)) };
    },
  };
}

/** Normal vectors, made orthonormal one after the other. */
function orthogonal(size: number, seed: number): number[][] {
  const stream = random(seed);
  const rows: number[][] = [];
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  while (rows.length < size) {
    let row = [...stream.normals(size)];
    for (let pass = 0; pass < 2; pass++) {
      for (const other of rows) {
        const along = dot(row, other);
        row = row.map((value, i) => value - along * other[i]!);
      }
    }
    const length = Math.sqrt(dot(row, row));
    rows.push(row.map((value) => value / length));
  }
  return rows;
}

/** The last examples as validation. */
function held({ x, y }: FeatureExamples): { train: FeatureExamples; validation: FeatureExamples } {
  const rows = (from: number, count: number): FeatureExamples => ({
    x: tf.slice(x, [from, 0], [count, -1]),
    y: tf.slice(y, [from, 0], [count, -1]),
  });
  const parts = { train: rows(0, TRAIN), validation: rows(TRAIN, HELD) };
  tf.dispose([x, y]);
  return parts;
}
