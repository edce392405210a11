import * as tf from '@tensorflow/tfjs';
import { implicit } from '../hypergradients';
import { gradientDescent } from '../methods';
import type { Random } from '../numbers';
import type { LossProblem } from '../problems';
import { cg } from '../solvers';

/** What our own functions throw, so that it differs from what the library throws. */
export class Thrown extends Error {
  override name = 'Thrown';
}

/** Arguments of one call, and the tensors among them, which are freed after it. */
export class Values {
  readonly tensors: tf.Tensor[] = [];
  readonly #stream: Random;

  constructor(stream: Random) {
    this.#stream = stream;
  }

  /** A value that some argument might be. */
  any(depth = 0): unknown {
    const kinds = [
      () => this.#number(),
      () => this.#pick([undefined, null, true, '', 'adam', 'hessian', 'shared', 'constructor']),
      () => this.#array(),
      () => this.#tensor(),
      () => this.#named(),
      () => this.#function(),
      () => this.#part(),
      ...(depth < 2
        ? [() => this.#record(depth), () => [this.any(depth + 1), this.any(depth + 1)]]
        : []),
    ];
    return this.#pick(kinds)();
  }

  /** The right arguments, with one place of them, however deep, taken by something else. */
  spoiled(valid: readonly unknown[]): unknown[] {
    const args = [...valid];
    const i = this.#stream.integer(Math.max(1, args.length));
    args[i] = this.#spoil(args[i], 0);
    return args;
  }

  #spoil(value: unknown, depth: number): unknown {
    const isRecord =
      typeof value === 'object' &&
      value !== null &&
      Object.getPrototypeOf(value) === Object.prototype;
    if (!isRecord || depth > 2 || this.#stream.uniform() < 0.3) return this.any();
    const record = { ...(value as Record<string, unknown>) };
    // Functions that are not listed, as those of a method, come along.
    const names = Object.getOwnPropertyNames(value).filter((name) => !(name in record));
    for (const name of names)
      Object.defineProperty(record, name, Object.getOwnPropertyDescriptor(value, name)!);
    const keys = Object.keys(record);
    if (keys.length === 0 || this.#stream.uniform() < 0.25)
      return { ...record, misspelt: this.any(1) };
    const key = this.#pick(keys);
    if (this.#stream.uniform() < 0.2) delete record[key];
    else record[key] = this.#spoil(record[key], depth + 1);
    return record;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#stream.integer(list.length)]!;
  }

  #number(): number {
    return this.#pick([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -1,
      0,
      0.5,
      1,
      3,
      1e300,
      -0.1,
      2 ** 53,
    ]);
  }

  #array(): unknown {
    return this.#pick<() => unknown>([
      () => new Float64Array(this.#stream.integer(3)),
      () => Float64Array.of(1, Number.NaN),
      () => [],
      () => [1, 2],
      () => [[1, 2], [3]],
      () => [Float64Array.of(1, 0), Float64Array.of(0, 1)],
      () => new Uint8Array(3),
      () => new Float32Array(2),
    ])();
  }

  #tensor(): tf.Tensor {
    const tensor = this.#pick<() => tf.Tensor>([
      () => tf.scalar(1),
      () => tf.tensor1d([1, 2]),
      () => tf.tensor1d([1, 2], 'int32'),
      () => tf.zeros([0]),
      () =>
        tf.tensor2d([
          [1, 2],
          [3, 4],
        ]),
      () => tf.tensor1d([Number.NaN, 1]),
      () => tf.tensor(['a']),
      () => tf.tensor1d([true, false], 'bool'),
    ])();
    this.tensors.push(tensor);
    if (this.#stream.uniform() < 0.15) tensor.dispose();
    return tensor;
  }

  #named(): Record<string, tf.Tensor> {
    return this.#pick<() => Record<string, tf.Tensor>>([
      () => ({ w: this.#tensor() }),
      () => ({ w: this.#tensor(), b: this.#tensor() }),
      () => ({ 0: this.#tensor() }),
    ])();
  }

  #function(): unknown {
    const returned = this.#pick([undefined, null, 3, Number.NaN, 'text', {}, []]);
    return this.#pick<unknown>([
      () => returned,
      () => this.#tensor(),
      (x: unknown) => x,
      () => {
        throw new Thrown('ours');
      },
      async () => returned,
      () => {},
    ]);
  }

  #record(depth: number): Record<string, unknown> {
    const names = [
      'w',
      'x',
      'step',
      'steps',
      'seed',
      'size',
      'tolerance',
      'solver',
      'method',
      'theta',
      'zz',
    ];
    const record: Record<string, unknown> = {};
    for (let n = this.#stream.integer(4); n > 0; n--)
      record[this.#pick(names)] = this.any(depth + 1);
    return record;
  }

  /** Something of the library's own. */
  #part(): unknown {
    return this.#pick<() => unknown>([
      () => gradientDescent(0.1),
      () => gradientDescent(),
      () => cg({ maxIterations: 3 }),
      () => cg,
      () => implicit({ estimate: false }),
      () => ({ apply: (v: unknown) => v, dispose() {} }),
      () => ({ apply: () => 3, dispose() {} }),
      () => tf.train.sgd(0.1),
      () => problem,
    ])();
  }
}

/** A problem whose losses are what they should be. */
export const problem: LossProblem = {
  inner({ w }, { l }) {
    if (given(w).size !== 2 || given(l).size !== 2) throw new Thrown('vectors of two numbers');
    return tf.sum(tf.square(tf.sub(w!, l!))) as tf.Scalar;
  },
  outer: ({ w }) => tf.sum(tf.square(given(w))) as tf.Scalar,
};

/** A tensor that a function of ours needs; without it the fault is ours. */
export function given(x: unknown): tf.Tensor {
  if (x instanceof tf.Tensor) return x;
  throw new Thrown('a name is missing');
}
