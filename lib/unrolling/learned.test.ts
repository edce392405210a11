import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import { adam, gradientDescent, heavyBall, type Learned, type Method, nesterov } from '../methods';
import { random } from '../numbers';
import { bilevelQuadratic, type DerivativeProblem, type LossProblem } from '../problems';
import type { NamedTensors } from '../spaces';
import { type UnrolledOptions, unrolled } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const T = 7;
/** Two hyperparameters of the problem; what follows them is learned by the method. */
const known = bilevelQuadratic({ eigenvalues: [0.3, 1, 2.5], hyperparameters: 2, seed: 4 });
const own = (λ: Float64Array) => λ.subarray(0, 2);
const problem: DerivativeProblem = {
  innerGradient: (w, λ) => known.innerGradient(w, own(λ)),
  innerHessian: (w, λ) => known.innerHessian(w, own(λ)),
  innerMixed(w, λ) {
    const { jvp, vjp } = known.innerMixed(w, own(λ));
    return {
      jvp: (v) => jvp(own(v)),
      vjp: (u) => Float64Array.from(λ, (_, j) => vjp(u)[j] ?? 0),
    };
  },
  outer(w, λ) {
    const { value, dw, dλ } = known.outer(w, own(λ));
    return { value, dw, dλ: Float64Array.from(λ, (_, j) => dλ[j] ?? 0) };
  },
};
const w0 = Float64Array.of(1, -1, 0.5);
const common = [0.4, -0.3];

/** Methods of λ, with the λ to differentiate at. */
const methods: [string, (λ: readonly Learned[]) => Method, number[]][] = [
  ['gradientDescent', (λ) => gradientDescent(λ[2]!.exp()), [-1.2]],
  [
    'gradientDescent, a rate a step',
    (λ) => gradientDescent(λ.slice(2)),
    [1, 2, 3, 4, 5, 6, 7].map((t) => 0.1 + 0.03 * t),
  ],
  ['heavyBall', (λ) => heavyBall({ step: λ[2]!, momentum: λ[3]!.sigmoid() }), [0.25, 0.3]],
  ['nesterov', (λ) => nesterov({ step: λ[2]!, momentum: λ[3]! }), [0.25, 0.4]],
  [
    'adam',
    (λ) => adam(λ[2]!.exp(), { beta1: λ[3]!, beta2: λ[4]!, epsilon: λ[5]! }),
    [-2, 0.8, 0.95, 0.1],
  ],
  [
    'adam, rates and β a step',
    (λ) =>
      adam(λ.slice(2, 2 + T), {
        beta1: λ.slice(2 + T).map((β) => β.times(2).minus(0.1)),
        epsilon: 0.05,
      }),
    [
      ...[1, 2, 3, 4, 5, 6, 7].map((t) => 0.2 - 0.01 * t),
      ...[1, 2, 3, 4, 5, 6, 7].map((t) => 0.3 + 0.02 * t),
    ],
  ],
  [
    'a rate that is also a hyperparameter',
    (λ) => gradientDescent(λ[0]!.times(λ[2]!).over(2).plus(0.1)),
    [0.7],
  ],
];

const ways: [string, Partial<UnrolledOptions<Float64Array>>][] = [
  ['reverse', {}],
  ['reverse, √T states', { checkpoint: 'sqrt' }],
  ['reverse, two states', { checkpoint: { snapshots: 2 } }],
  ['forward', { mode: 'forward' }],
];

describe('float64: settings of a method learned with λ', () => {
  it.each(methods)('%s', async (_, method, settings) => {
    const at = Float64Array.from([...common, ...settings]);
    const end = async (λ: Float64Array) => {
      const how = unrolled<Float64Array>({ method, steps: T });
      const { w } = await how.differentiate(problem, w0, λ);
      return problem.outer(w, λ).value;
    };
    const expected: number[] = [];
    for (const j of at.keys()) {
      const moved = (by: number) => at.map((value, i) => (i === j ? value + by : value));
      const h = 1e-4;
      const [a, b] = [await end(moved(h)), await end(moved(-h))];
      const [c, d] = [await end(moved(2 * h)), await end(moved(-2 * h))];
      expected.push((8 * (a - b) - (c - d)) / (12 * h));
    }
    for (const [, rest] of ways) {
      const how = unrolled<Float64Array>({ method, steps: T, ...rest });
      const { value } = await how.differentiate(problem, w0, at);
      const largest = Math.max(...expected.map(Math.abs));
      expect(Math.abs(expected.at(-1)!)).toBeGreaterThan(1e-6 * largest);
      for (const j of at.keys()) {
        expect(Math.abs(value[j]! - expected[j]!)).toBeLessThan(1e-7 * (1 + largest));
      }
    }
  });

  it('keeps only the share of the last steps where it is truncated', async () => {
    const λ = Float64Array.from([...common, ...new Array(T).fill(0.2)]);
    const method = (λ: readonly Learned[]) => gradientDescent(λ.slice(2));
    const whole = await unrolled<Float64Array>({ method, steps: T }).differentiate(problem, w0, λ);
    const cut = unrolled<Float64Array>({ method, steps: T, truncate: 2 });
    const { value } = await cut.differentiate(problem, w0, λ);
    expect([...value.slice(2, T)]).toEqual(new Array(T - 2).fill(0));
    expect([...value.slice(T)]).toEqual([...whole.value.slice(T)]);
  });
});

describe('float32: the same methods on tensors', () => {
  const X = tf.tensor2d([...random(2).normals(12)], [4, 3]);
  const y = tf.tensor1d([1, -1, 0.5, 0.2]);
  const losses: LossProblem = {
    inner: ({ w }, { penalty }) =>
      tf.add(
        tf.mean(tf.square(tf.sub(tf.dot(X, w!), y))),
        tf.mul(tf.exp(penalty!), tf.sum(tf.square(w!))),
      ) as tf.Scalar,
    outer: ({ w }) => tf.sum(tf.square(tf.sub(w!, 0.3))) as tf.Scalar,
  };
  const start = { w: tf.tensor1d([1, -1, 0.5]) };
  const penalty = tf.scalar(-2);
  const rates = tf.tensor1d([1, 2, 3, 4, 5, 6, 7].map((t) => 0.02 + 0.01 * t));
  const cases: [string, (λ: NamedTensors) => Method, NamedTensors][] = [
    [
      'gradientDescent',
      ({ rate }) => gradientDescent(tf.exp(rate!)),
      { penalty, rate: tf.scalar(-3) },
    ],
    ['gradientDescent, a rate a step', ({ rates }) => gradientDescent(rates!), { penalty, rates }],
    [
      'heavyBall',
      ({ rate, β }) => heavyBall({ step: rate!, momentum: tf.sigmoid(β!) }),
      { penalty, rate: tf.scalar(0.05), β: tf.scalar(0.4) },
    ],
    [
      'nesterov',
      ({ both }) => {
        const [step, momentum] = tf.unstack(both!) as [tf.Scalar, tf.Scalar];
        return nesterov({ step, momentum });
      },
      { penalty, both: tf.tensor1d([0.05, 0.5]) },
    ],
    [
      'adam',
      ({ rates, β }) => adam(rates!, { beta1: β!, epsilon: tf.mul(0.01, tf.exp(β!)) }),
      { penalty, rates, β: tf.scalar(0.7) },
    ],
  ];

  it.each(cases)('%s', async (_, method, λ) => {
    const before = tf.memory().numTensors;
    const end = async (λ: NamedTensors) => {
      const { w, value, adjoint } = await unrolled({ method, steps: T }).differentiate(
        losses,
        start,
        λ,
      );
      const loss = tf.tidy(() => losses.outer(w, λ));
      const [number] = await loss.data();
      tf.dispose([w, value, loss, adjoint]);
      return number!;
    };
    for (const rest of [{}, { checkpoint: 'sqrt' as const }, { mode: 'forward' as const }]) {
      const { value, w, adjoint } = await unrolled({ method, steps: T, ...rest }).differentiate(
        losses,
        start,
        λ,
      );
      for (const name of Object.keys(λ)) {
        // Along the derivative itself, so that the difference is well above rounding.
        const slope = value[name]!.dataSync();
        const length = Math.hypot(...slope);
        const h = 0.01 * Math.max(0.05, Math.hypot(...λ[name]!.dataSync()));
        const moved = (by: number) => ({
          ...λ,
          [name]: tf.tidy(() => tf.add(λ[name]!, tf.mul(by / length, value[name]!))),
        });
        const at = async (by: number) => {
          const there = moved(by);
          const loss = await end(there);
          there[name]!.dispose();
          return loss;
        };
        const [near, far] = [
          (await at(h)) - (await at(-h)),
          (await at(2 * h)) - (await at(-2 * h)),
        ];
        const difference = (8 * near - far) / (12 * h);
        // The second term is the rounding of a loss near 1.
        expect(Math.abs(difference - length)).toBeLessThan(0.01 * length + 2e-7 / h);
      }
      tf.dispose([value, w, adjoint]);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<[string, unknown]>([
    ['no method', () => 3],
    ['a rate that is negative', ({ rate }: NamedTensors) => gradientDescent(rate!)],
    ['a rate of another shape', () => gradientDescent(tf.zeros([2, 2]))],
    ['too few rates', () => gradientDescent([0.1, 0.1])],
    ['a list with a hole', () => gradientDescent([0.1, undefined as never])],
    [
      'a momentum of 1',
      ({ rate }: NamedTensors) => heavyBall({ step: 0.1, momentum: tf.abs(rate!) }),
    ],
  ])('refuses %s', async (_, method) => {
    const before = tf.memory().numTensors;
    const λ = { rate: tf.scalar(-1) };
    const how = unrolled({ method: method as () => Method, steps: 3 });
    const inner: LossProblem = { inner: ({ w }) => tf.sum(tf.square(w!)), outer: losses.outer };
    await expect(how.differentiate(inner, start, λ)).rejects.toThrow(InputError);
    λ.rate.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses a tensor where nothing is learned', () => {
    expect(() => gradientDescent(tf.scalar(0.1)).on()).toThrow(/learned by unrolled/);
  });
});
