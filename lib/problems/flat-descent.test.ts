import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutWithoutPrograms } from '../../test/needs';
import { compiled, type Flat, flatSpaceOn } from '../autodiff';
import { normal } from '../autodiff/testing';
import { useBackend } from '../backends';
import type { Heap } from '../backends/wasm/kernels/heap';
import {
  adam,
  gradientDescent,
  heavyBall,
  type Iteration,
  type Method,
  mapState,
  nesterov,
  type State,
} from '../methods';
import type { NamedTensors } from '../spaces';
import { type FlatProblem, flatProblem } from './flat-problem';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));

/** A loss of 5 · 3 + 3 numbers, which is not a multiple of four. */
function setting(): FlatProblem {
  const X = normal([7, 5], 1) as tf.Tensor2D;
  const loss = compiled(({ W, b }: NamedTensors, { λ }: NamedTensors) => {
    const z = tf.add(tf.matMul(X, W as tf.Tensor2D), b!);
    return tf.add(tf.mean(tf.softplus(z)), tf.mul(tf.sum(tf.square(W!)), tf.sum(λ!))) as tf.Scalar;
  });
  const w = { W: normal([5, 3], 2), b: normal([3], 3) };
  const problem = flatProblem({ inner: loss, outer: loss }, w, { λ: normal([2], 4, 0.01) }, 'pull');
  return problem!;
}

const begin = ({ space, w }: FlatProblem, iteration: Iteration) =>
  space.keep(mapState(iteration.begin(w), (x) => space.clone(x)));

function stepped(problem: FlatProblem, iteration: Iteration, state: State<Flat>, t: number) {
  const { space, form, arithmetic } = problem;
  const next = space.tidy(() =>
    space.keep(iteration.step(t, state, (x) => form.gradient(x, t), arithmetic)),
  );
  space.free(state, next);
  return next;
}

const numbersOf = ({ space }: FlatProblem, state: State<Flat>) =>
  Object.fromEntries(Object.entries(state).map(([name, x]) => [name, [...space.numbers(x)]]));

const rates = Array.from({ length: 9 }, (_, t) => 0.3 / (1 + t));
const methods: [string, Method][] = [
  ['gradient descent', gradientDescent(0.3)],
  ['a rate for each step', gradientDescent(rates)],
  ['momentum', heavyBall({ step: 0.2, momentum: 0.7 })],
  ['nesterov', nesterov({ step: 0.2, momentum: 0.5 })],
  ['adam', adam(0.05)],
];

describe('steps in one call', () => {
  it.each(methods)('are to the last bit those that are taken one by one: %s', (name, method) => {
    const problem = setting();
    const { space } = problem;
    const held = space.bytes;
    const iteration = method.on();
    let wanted = begin(problem, iteration);
    let found = begin(problem, iteration);
    const first = problem.descend(iteration, found, { from: 0, count: 3, enough: 0 });
    // Adam's first step has no averages yet.
    expect(first).toBe(name === 'adam' ? 0 : 3);
    if (first === 0) found = stepped(problem, iteration, found, 1);
    const from = Math.max(1, first);
    const last = problem.descend(iteration, found, { from, count: 9 - from, enough: 0 });
    expect(last).toBe(9 - from);
    for (let t = 1; t <= 9; t++) wanted = stepped(problem, iteration, wanted, t);
    expect(numbersOf(problem, found)).toEqual(numbersOf(problem, wanted));
    space.free([found, wanted]);
    expect(space.bytes).toBe(held);
    problem.dispose();
  });

  it('end where the gradient is small enough, and change nothing more', () => {
    const problem = setting();
    const { space, form } = problem;
    const iteration = gradientDescent(0.3).on();
    let state = begin(problem, iteration);
    const norms: number[] = [];
    for (let t = 1; t <= 9; t++) {
      norms.push(space.norm(space.tidy(() => form.gradient(state.x, t))));
      state = stepped(problem, iteration, state, t);
    }
    const enough = norms[5]!;
    const other = begin(problem, iteration);
    expect(problem.descend(iteration, other, { from: 0, count: 9, enough })).toBe(5);
    expect(problem.descend(iteration, other, { from: 5, count: 9, enough })).toBe(0);
    space.free([state, other]);
    problem.dispose();
  });

  it('end before a loss that is not finite, and after a memory that is not', () => {
    const problem = setting();
    const { space } = problem;
    const steep = gradientDescent(1e25).on();
    const state = begin(problem, steep);
    const taken = problem.descend(steep, state, { from: 0, count: 9, enough: 0 });
    expect(taken).toBe(1);
    space.numbers(state.x)[2] = Number.NaN;
    expect(problem.descend(steep, state, { from: 1, count: 9, enough: 0 })).toBe(0);
    const momentum = heavyBall({ step: 1e25, momentum: 0.5 }).on();
    const heavy = begin(problem, momentum);
    space.numbers(heavy.previous!)[1] = 1e38;
    expect(problem.descend(momentum, heavy, { from: 0, count: 9, enough: 0 })).toBeLessThan(9);
    space.free([state, heavy]);
    problem.dispose();
  });

  it('go on by themselves where the loss is finite, but beyond what is certain', () => {
    const X = normal([7, 5], 1) as tf.Tensor2D;
    const loss = compiled(({ W }: NamedTensors, { λ }: NamedTensors) => {
      const z = tf.matMul(X, W as tf.Tensor2D);
      return tf.sum(tf.mul(λ!, tf.softplus(tf.mul(z, 1e19)))) as tf.Scalar;
    });
    const w = { W: normal([5, 3], 2) };
    const problem = flatProblem({ inner: loss, outer: loss }, w, { λ: tf.scalar(1e-19) }, 'pull')!;
    const { space } = problem;
    const iteration = gradientDescent(1e-3).on();
    let state = begin(problem, iteration);
    expect(problem.descend(iteration, state, { from: 0, count: 3, enough: 0 })).toBe(0);
    const stretch = { from: 0, count: 3 };
    expect(problem.recordMany(iteration, state, stretch)).toBeUndefined();
    const before = numbersOf(problem, state);
    state = stepped(problem, iteration, state, 1);
    expect(numbersOf(problem, state)).not.toEqual(before);
    expect(problem.innerLoss(state.x)).toSatisfy(Number.isFinite);
    space.free(state);
    problem.dispose();
  });

  it('are none where the state is one vector twice, and as many as have rates', () => {
    const problem = setting();
    const { space } = problem;
    const momentum = heavyBall({ step: 0.1, momentum: 0.5 }).on();
    const x = space.keep(space.clone(problem.w));
    const twice = { x, previous: x };
    expect(problem.descend(momentum, twice, { from: 0, count: 2, enough: 0 })).toBe(0);
    const iteration = gradientDescent(rates).on();
    expect(problem.descend(iteration, { x }, { from: 4, count: 20, enough: 0 })).toBe(5);
    expect(() => problem.descend(iteration, { x }, { from: 9, count: 1, enough: 0 })).toThrow(
      'step 10 with a step for 9 steps',
    );
    space.free(x);
    problem.dispose();
    expect(flatSpaceOn(tf.backend() as Heap)).toBe(space);
  });
});
