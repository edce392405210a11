import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaveOutWithoutPrograms } from '../../../test/needs';
import { useBackend } from '../../backends';
import type { Heap } from '../../backends/wasm/kernels/heap';
import type { Pausing } from '../../event-loop';
import { traceLosses } from '../../problems';
import { slowClock } from '../../testing';
import { compiled } from '../compiled';
import {
  type Evaluation,
  evaluateInPieces,
  evaluateTraced,
  freePrograms,
  Recipe,
  tracedCounts,
} from '.';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));
beforeEach(freePrograms);
afterEach(() => {
  vi.restoreAllMocks();
});

const numbers = (seed: number, shape: number[]) =>
  tf.tidy(() => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tf.mul(0.4, tf.reshape(tf.sin(tf.mul(tf.range(seed, seed + size), 12.9898)), shape));
  });

/** A recurrence, whose program has many steps, each of them short. */
const STEPS = 4;
function lossOf(W: tf.Tensor, x: tf.Tensor): tf.Scalar {
  return tf.tidy(() => {
    let h = x;
    for (let t = 0; t < STEPS; t++) h = tf.tanh(tf.add(tf.matMul(h, W), tf.mul(x, 1 / (t + 2))));
    return tf.mean(tf.square(h)) as tf.Scalar;
  });
}

/** An evaluation whose structure is known, and whose programs are still to be made. */
function unmade(W: tf.Tensor, x: tf.Tensor): Evaluation {
  freePrograms();
  let found: Evaluation | undefined;
  for (let i = 0; i < 3; i++) {
    found?.dispose();
    found = evaluateTraced(() => lossOf(W, x), { all: [W], varied: 1 }, 'products');
  }
  expect(found!.recorded).toBeUndefined();
  return found!;
}

/** Goes on with some work for so many pauses; whether it has ended. */
function advance<T>(work: Pausing<T>, pauses: number): IteratorResult<void, T> {
  let turn = work.next();
  for (let i = 1; i < pauses && !turn.done; i++) turn = work.next();
  return turn;
}

const bits = (xs: readonly tf.Tensor[]) => xs.map((x) => [...x.dataSync()]);

describe('a program that is made in pieces', () => {
  const setting = () => ({ W: numbers(1, [5, 5]), x: numbers(50, [4, 5]), v: numbers(9, [5, 5]) });

  it('gives the same numbers as one that is made at once', () => {
    const { W, x, v } = setting();
    const atOnce = unmade(W, x);
    const expected = bits([...atOnce.product('pull', [v]), ...atOnce.gradient()]);
    atOnce.dispose();
    const inPieces = unmade(W, x);
    slowClock();
    const product = advance(inPieces.productInPieces('pull', [v]), Number.POSITIVE_INFINITY);
    const gradient = advance(inPieces.gradientInPieces(), Number.POSITIVE_INFINITY);
    if (!product.done || !gradient.done) throw new Error('it has not ended');
    expect(bits([...product.value, ...gradient.value])).toEqual(expected);
    tf.dispose([product.value, gradient.value]);
    inPieces.dispose();
    tf.dispose([W, x, v]);
  });

  it.each(['left for good', 'broken off'])('is used by nobody before it is whole: %s', (how) => {
    const { W, x, v } = setting();
    const { wasm } = tf.backend() as Heap;
    const known = unmade(W, x);
    const expected = bits(known.product('pull', [v]));
    known.dispose();
    let ended = false;
    for (let pauses = 1; !ended; pauses += 5) {
      const evaluation = unmade(W, x);
      const before = tf.memory().numTensors;
      const [taken, freed] = [vi.spyOn(wasm, '_malloc'), vi.spyOn(wasm, '_free')];
      slowClock();
      const work = evaluation.productInPieces('pull', [v]);
      const turn = advance(work, pauses);
      ended = turn.done === true;
      const making = taken.mock.calls.length === freed.mock.calls.length;
      if (turn.done) tf.dispose(turn.value);
      else if (how === 'broken off') work.return([]);
      // Memory is taken once all else is done.
      if (pauses < 40) {
        expect(making).toBe(true);
        expect(tf.memory().numTensors).toBe(before);
      }
      vi.restoreAllMocks();
      // What the products keep of their first half is one tensor.
      if (how === 'broken off') expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 1);
      const found = evaluation.product('pull', [v]);
      expect(bits(found)).toEqual(expected);
      tf.dispose(found);
      evaluation.dispose();
      expect(pauses).toBeLessThan(2000);
    }
    tf.dispose([W, x, v]);
  });

  it('is made for two at once, and kept once', () => {
    const { W, x, v } = setting();
    const known = unmade(W, x);
    const expected = bits(known.product('pull', [v]));
    known.dispose();
    for (const ahead of [1, 12, 30]) {
      const evaluation = unmade(W, x);
      const before = tf.memory().numTensors;
      slowClock();
      const works = [0, 1].map(() => evaluation.productInPieces('pull', [v]));
      advance(works[0]!, ahead);
      const results: tf.Tensor[][] = [];
      const going = new Set(works);
      while (going.size > 0) {
        for (const work of going) {
          const turn = work.next();
          if (!turn.done) continue;
          results.push(turn.value);
          going.delete(work);
        }
      }
      vi.restoreAllMocks();
      expect(results.map(bits)).toEqual([expected, expected]);
      tf.dispose(results);
      // What the products keep of their first half is one tensor.
      expect(tf.memory().numTensors).toBe(before + 1);
      evaluation.dispose();
    }
    tf.dispose([W, x, v]);
  });

  it('goes with its structure where that is forgotten meanwhile', () => {
    const { W, x, v } = setting();
    const { wasm } = tf.backend() as Heap;
    const known = unmade(W, x);
    const expected = bits(known.gradient());
    known.dispose();
    freePrograms();
    const [taken, freed] = [vi.spyOn(wasm, '_malloc'), vi.spyOn(wasm, '_free')];
    const evaluation = unmade(W, x);
    slowClock();
    const work = evaluation.gradientInPieces();
    advance(work, 5);
    freePrograms();
    const turn = advance(work, Number.POSITIVE_INFINITY);
    if (!turn.done) throw new Error('it has not ended');
    expect(bits(turn.value)).toEqual(expected);
    tf.dispose(turn.value);
    evaluation.dispose();
    expect(freed.mock.calls.length).toBe(taken.mock.calls.length);
    tf.dispose([W, x, v]);
  });
});

describe('tracing that is broken off', () => {
  /** The tracing of a loss that comes for the second time. */
  function tracing(W: tf.Tensor, x: tf.Tensor): Pausing<Evaluation> {
    const leaves = { all: [W], varied: 1 };
    freePrograms();
    evaluateTraced(() => lossOf(W, x), leaves, 'products')!.dispose();
    return evaluateInPieces(() => lossOf(W, x), leaves, 'products');
  }

  it('leaves no tensor and no program, wherever it is', () => {
    const [W, x] = [numbers(1, [5, 5]), numbers(50, [4, 5])];
    let ended = false;
    for (let pauses = 1; !ended; pauses += 7) {
      const work = tracing(W, x);
      const before = tf.memory().numTensors;
      const { refused } = tracedCounts();
      slowClock();
      const turn = advance(work, pauses);
      ended = turn.done === true;
      if (turn.done) turn.value.dispose();
      else expect(() => work.throw(new Error('an interrupt'))).toThrow('an interrupt');
      vi.restoreAllMocks();
      expect(tf.memory().numTensors).toBe(before);
      // Neither is it remembered that it cannot be traced.
      expect(tracedCounts().refused).toBe(refused);
      const { hits } = tracedCounts();
      const next = evaluateTraced(() => lossOf(W, x), { all: [W], varied: 1 }, 'products')!;
      expect(tracedCounts().hits).toBe(hits + (ended ? 1 : 0));
      next.dispose();
    }
    tf.dispose([W, x]);
  });

  it('by the interrupt of a notebook is not taken for a loss without programs', () => {
    const [W, x] = [numbers(1, [5, 5]), numbers(50, [4, 5])];
    const leaves = { all: [W], varied: 1 };
    freePrograms();
    evaluateTraced(() => lossOf(W, x), leaves, 'products')!.dispose();
    const interrupt = Object.assign(new Error('interrupted'), { name: 'KeyboardInterrupt' });
    const before = tf.memory().numTensors;
    const { refused } = tracedCounts();
    const e = tf.engine();
    const { runKernel } = e;
    let interrupted = 0;
    for (let ended = false, at = 1; !ended; at += 9) {
      let left = at;
      const spy = vi.spyOn(e, 'runKernel').mockImplementation((...given) => {
        // Not within a kernel: TensorFlow.js frees nothing there.
        if (e.state.kernelDepth === 0) left--;
        if (left === 0 && e.state.kernelDepth === 0) throw interrupt;
        return runKernel.apply(e, given);
      });
      try {
        evaluateTraced(() => lossOf(W, x), leaves, 'products')!.dispose();
        ended = left > 0;
      } catch (error) {
        expect(error).toBe(interrupt);
        interrupted++;
      }
      spy.mockRestore();
      expect(tf.memory().numTensors).toBe(before);
      expect(tracedCounts().refused).toBe(refused);
    }
    expect(interrupted).toBeGreaterThan(10);
    const { hits } = tracedCounts();
    evaluateTraced(() => lossOf(W, x), leaves, 'products')!.dispose();
    expect(tracedCounts().hits).toBe(hits + 1);
    tf.dispose([W, x]);
  });

  it('of a loss that is declared pure leaves it to be traced again', () => {
    const [W, x] = [numbers(1, [5, 5]), numbers(50, [4, 5])];
    const loss = compiled(({ W }, { l }) => tf.mul(l!, lossOf(W!, x)) as tf.Scalar);
    const problem = { inner: loss, outer: compiled(({ W }) => lossOf(W!, x)) };
    const λ = { l: tf.scalar(2) };
    const before = tf.memory().numTensors;
    for (const pauses of [3, 20, 60]) {
      freePrograms();
      loss.free();
      slowClock();
      const work = traceLosses(problem, { W }, λ);
      advance(work, pauses);
      expect(() => work.throw(new Error('an interrupt'))).toThrow('an interrupt');
      vi.restoreAllMocks();
      problem.outer.free();
      loss.free();
      expect(tf.memory().numTensors).toBe(before);
    }
    expect(advance(traceLosses(problem, { W }, λ), Number.POSITIVE_INFINITY).done).toBe(true);
    for (const each of [loss, problem.outer]) each.free();
    tf.dispose([W, x, λ]);
  });
});

describe('products', () => {
  const setting = () => ({ W: numbers(1, [5, 5]), x: numbers(50, [4, 5]), v: numbers(9, [5, 5]) });

  it('of a kind that is announced share their evaluation with the gradient, to the same bits', () => {
    const { W, x, v } = setting();
    unmade(W, x).dispose();
    const evaluated = (purpose: 'products' | 'pull') => {
      const run = () => evaluateTraced(() => lossOf(W, x), { all: [W], varied: 1 }, purpose)!;
      const before = tracedCounts().bytes;
      const evaluation = run();
      const found = [...evaluation.gradient(), ...evaluation.product('pull', [v])];
      const first = { bits: bits(found), bytes: tracedCounts().bytes - before };
      const other = evaluation.product('push', [v]);
      const again = evaluation.product('pull', [v]);
      expect(bits(again)).toEqual([first.bits[1]]);
      tf.dispose([found, other, again]);
      evaluation.dispose();
      return first;
    };
    const tensors = tf.memory().numTensors;
    const [apart, together] = [evaluated('products'), evaluated('pull')];
    expect(tf.memory().numTensors).toBe(tensors);
    expect(together.bits).toEqual(apart.bits);
    expect(together.bytes).toBeLessThan(0.9 * apart.bytes);
    tf.dispose([W, x, v]);
  });

  it('are the same where the gradient alone was asked for before', () => {
    const { W, x, v } = setting();
    const atOnce = unmade(W, x);
    const expected = bits(atOnce.product('pull', [v]));
    atOnce.dispose();
    for (const inPieces of [false, true]) {
      freePrograms();
      const run = (purpose: 'gradient' | 'products') =>
        evaluateTraced(() => lossOf(W, x), { all: [W], varied: 1 }, purpose)!;
      for (let i = 0; i < 3; i++) run('gradient').dispose();
      const { traced } = tracedCounts();
      let found: Evaluation;
      if (inPieces) {
        slowClock();
        const leaves = { all: [W], varied: 1 };
        const work = evaluateInPieces(() => lossOf(W, x), leaves, 'products');
        const turn = advance(work, Number.POSITIVE_INFINITY);
        if (!turn.done) throw new Error('it has not ended');
        found = turn.value;
        vi.restoreAllMocks();
      } else found = run('products');
      expect(tracedCounts().traced).toBe(traced);
      const product = found.product('pull', [v]);
      expect(bits(product)).toEqual(expected);
      tf.dispose(product);
      found.dispose();
    }
    tf.dispose([W, x, v]);
  });

  it('that have no loop run operation by operation, the gradient by its program', () => {
    const { W, x, v } = setting();
    const atOnce = unmade(W, x);
    const expected = atOnce.product('pull', [v])[0]!;
    atOnce.dispose();
    freePrograms();
    vi.spyOn(Recipe.prototype, 'findProducts').mockImplementation(function* () {
      yield;
      return false;
    });
    const run = (purpose: 'gradient' | 'products') =>
      evaluateTraced(() => lossOf(W, x), { all: [W], varied: 1 }, purpose)!;
    for (let i = 0; i < 2; i++) run('gradient').dispose();
    const [gradient, whole] = [run('gradient'), run('products')];
    expect(gradient.recorded).toBeUndefined();
    expect(whole.recorded).toBeDefined();
    const product = whole.product('pull', [v])[0]!;
    expect(tf.max(tf.abs(tf.sub(product, expected))).arraySync()).toBeLessThan(1e-6);
    for (const each of [gradient, whole]) each.dispose();
    tf.dispose([W, x, v, product, expected]);
  });
});
