import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../test/needs';
import { compiled, freePrograms, markOutput, switchPrograms } from '../autodiff';
import { useBackend } from '../backends';
import { gradientDescent } from '../methods';
import { bilevelQuadratic, type LossProblem } from '../problems';
import { cg } from '../solvers';
import type { NamedTensors } from '../spaces';
import { unrolled } from '../unrolling';
import { bilevel, hypergradient, implicit } from '.';

const programs = needs('programs');

const w = () => ({ u: tf.tensor1d([0.3, -0.2]) });
const λ = () => ({ l: tf.tensor1d([0.1, 0.4]) });
const outer = ({ u }: NamedTensors) => tf.sum(tf.square(tf.sub(u!, 1))) as tf.Scalar;
const inner = ({ u }: NamedTensors, { l }: NamedTensors) => {
  const fit = tf.sum(tf.softplus(markOutput(tf.mul(u!, [1, 2]))));
  return tf.add(fit, tf.sum(tf.mul(tf.exp(l!), tf.square(u!)))) as tf.Scalar;
};
const plain: LossProblem = { inner, outer };
const declared: LossProblem = { inner: compiled(inner), outer: compiled(outer) };

const byImplicit = async (problem: LossProblem, options: Parameters<typeof implicit>[0] = {}) =>
  (await hypergradient(problem, w(), λ(), implicit(options))).stats.execution;
const byUnrolled = async (problem: LossProblem, mode?: 'forward') => {
  const how = unrolled({ method: gradientDescent(0.1), steps: 3, ...(mode && { mode }) });
  return (await hypergradient(problem, w(), λ(), how)).stats.execution;
};

async function byBilevel(problem: LossProblem) {
  const run = bilevel(problem, {
    w: w(),
    λ: λ(),
    inner: { optimizer: gradientDescent(0.1), steps: 2 },
    outer: { optimizer: gradientDescent(0.1) },
    how: implicit({ solver: cg() }),
    steps: 3,
  });
  const found = [];
  for await (const { execution } of run) found.push(execution);
  run.dispose();
  return found;
}

afterEach(() => {
  switchPrograms(true);
  freePrograms();
});

describe('stats say how a derivative was computed', () => {
  describe('on wasm', () => {
    beforeAll(async () => {
      await useBackend('wasm', { threads: 1 });
    });

    it.skipIf(!programs.available)('whole, where the losses are declared', async () => {
      expect(await byImplicit(declared)).toBe('compiled');
      expect(await byUnrolled(declared)).toBe('compiled');
      expect(await byBilevel(declared)).toEqual(['compiled', 'compiled', 'compiled']);
    });

    it.skipIf(!programs.available)(
      'in part, where they are called, from the second time on',
      async () => {
        expect(await byImplicit(plain)).toBe('interpreted');
        expect(await byImplicit(plain)).toBe('partly compiled');
        expect(await byImplicit(plain, { curvature: 'gauss-newton' })).toBe('partly compiled');
        expect(await byUnrolled(plain)).toBe('partly compiled');
        expect(await byUnrolled(plain, 'forward')).toBe('partly compiled');
        expect(await byBilevel(plain)).toEqual(Array(3).fill('partly compiled'));
      },
    );

    it('not at all, with programs switched off', async () => {
      switchPrograms(false);
      expect(await byImplicit(declared)).toBe('interpreted');
      expect(await byUnrolled(declared)).toBe('interpreted');
    });
  });

  it('not at all, on another backend', async () => {
    await useBackend('cpu');
    expect(await byImplicit(declared)).toBe('interpreted');
    expect(await byUnrolled(declared)).toBe('interpreted');
  });

  it('not in float64, where derivatives are the problem’s own', async () => {
    const problem = bilevelQuadratic({ eigenvalues: [1, 2], hyperparameters: 1, seed: 1 });
    const at = [new Float64Array(2), Float64Array.of(0.1)] as const;
    const found = await hypergradient(problem, ...at, implicit());
    expect(found.stats).not.toHaveProperty('execution');
  });
});
