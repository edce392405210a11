import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import {
  adam,
  arithmeticOf,
  gradientDescent,
  heavyBall,
  type Iteration,
  iterationOf,
  mapState,
  nesterov,
  type State,
  stepInPieces,
} from '../methods';
import type { GradientDerivative } from '../problems';
import { float64, type NamedTensors, tensors } from '../spaces';
import { recordStep } from './record-step';

beforeAll(async () => {
  await useBackend('cpu');
});

const methods = {
  gradientDescent: gradientDescent(0.1),
  heavyBall: heavyBall({ step: 0.1, momentum: 0.5 }),
  nesterov: nesterov({ step: 0.1, momentum: 0.5 }),
  adam: adam(0.1),
};
const x = Float64Array.of(1, -2, 3);
const memory = { space: float64, arithmetic: arithmeticOf(x) };
/** Of `Σ i wᵢ² + λ Σ wᵢ`. */
const gradient = (w: Float64Array) => w.map((value, i) => 2 * i * value + 0.5);

/** Drives work, and counts the turns that it could have been left for. */
function driven<Q, A, T>(work: Generator<Q | undefined, T, A | undefined>, answer: (q: Q) => A) {
  let [turns, questions] = [0, 0];
  let turn = work.next();
  while (!turn.done) {
    if (turn.value === undefined) turns++;
    else questions++;
    turn = work.next(turn.value === undefined ? undefined : answer(turn.value));
  }
  return { turns, questions, result: turn.value };
}

/** How many operations a step asks of its arithmetic. */
function operationsOf(iteration: Iteration, t: number, state: State<Float64Array>): number {
  let count = 0;
  const counting = Object.fromEntries(
    Object.entries(memory.arithmetic).map(([name, f]) => [
      name,
      (...args: unknown[]) => {
        count++;
        return (f as (...args: unknown[]) => unknown)(...args);
      },
    ]),
  ) as unknown as typeof memory.arithmetic;
  iteration.step(t, state, gradient, counting);
  return count;
}

describe.each(Object.entries(methods))('a step of %s', (_, method) => {
  const iteration = iterationOf(method);

  it('in pieces is to the last bit the one at once, and is left after each operation', () => {
    let state = iteration.begin(x);
    for (let t = 1; t < 4; t++) {
      const operations = operationsOf(iteration, t, state);
      const whole = iteration.step(t, state, gradient, memory.arithmetic);
      const { turns, questions, result } = driven(
        stepInPieces(iteration, t, state, memory),
        gradient,
      );
      expect(result).toEqual(whole);
      expect([turns, questions]).toEqual([operations, 1]);
      state = result;
    }
  });

  it('is walked back an operation at a time', () => {
    const derivative = (w: Float64Array): GradientDerivative<Float64Array> => ({
      value: gradient(w),
      jvp: (dw) => dw.map((value, i) => 2 * i * value),
      vjp: (u) => ({
        w: u.map((value, i) => 2 * i * value),
        λ: Float64Array.of(u.reduce((a, b) => a + b)),
      }),
      dispose() {},
    });
    const state = driven(stepInPieces(iteration, 1, iteration.begin(x), memory), gradient).result;
    const setting = { ...memory, λ: Float64Array.of(0.5) };
    const { result: step } = driven(recordStep(iteration, 2, state, setting), derivative);
    const u = Float64Array.of(0.3, -1, 2);
    const { turns, questions, result } = driven(step.pull({ x: u }), ({ derivative, u }) =>
      derivative.vjp(u),
    );
    expect(questions).toBe(1);
    expect(turns).toBeGreaterThanOrEqual(operationsOf(iteration, 2, state) / 2);
    const h = 1e-6;
    const moved = (i: number, by: number) =>
      iteration.step(
        2,
        { ...state, x: state.x.map((value, j) => value + (i === j ? by : 0)) },
        gradient,
        memory.arithmetic,
      ).x;
    state.x.forEach((_, i) => {
      const slope = (float64.dot(u, moved(i, h)) - float64.dot(u, moved(i, -h))) / (2 * h);
      expect(result.state.x![i]).toBeCloseTo(slope, 6);
    });
  });

  it('leaves nothing behind where its gradient or its product fails', () => {
    const start = { w: tf.tensor1d([1, -2]) };
    const setting = { space: tensors, arithmetic: arithmeticOf<NamedTensors>(start), λ: start };
    const state = driven(
      stepInPieces<NamedTensors>(iteration, 1, iteration.begin(start), setting),
      ({ w }) => ({ w: w!.clone() }),
    ).result;
    const before = tf.memory().numTensors;
    const fails = () => {
      throw new Error('no product');
    };
    const work = recordStep(iteration, 2, state, setting);
    expect(() => throughout(work, fails)).toThrow('no product');
    expect(tf.memory().numTensors).toBe(before);
    const { result: step } = driven(recordStep(iteration, 2, state, setting), ({ w }) => {
      const value = { w: w!.clone() };
      return { value, jvp: fails, vjp: fails, dispose: () => value.w.dispose() };
    });
    const recorded = tf.memory().numTensors;
    expect(() => throughout(step.pull({ x: start }), fails)).toThrow('no product');
    expect(tf.memory().numTensors).toBe(recorded);
    step.dispose();
    tensors.free(step.next, state);
    expect(tf.memory().numTensors).toBe(before);
    tensors.free([mapState(state, (each) => each), start]);
  });
});

/** Drives work whose questions are answered by an error. */
function throughout<Q, T>(work: Generator<Q | undefined, T, never>, answer: () => never): T {
  let turn = work.next();
  while (!turn.done) {
    if (turn.value === undefined) {
      turn = work.next();
      continue;
    }
    try {
      answer();
    } catch (error) {
      turn = work.throw(error);
    }
  }
  return turn.value;
}
