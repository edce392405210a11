import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { compiled, flatSpaceOn, markOutput, switchPrograms } from '../autodiff';
import { normal, relativeError } from '../autodiff/testing';
import { useBackend } from '../backends';
import type { Heap } from '../backends/wasm/kernels/heap';
import { adam, gradientDescent } from '../methods';
import { cg, dense, gmres, minres, neumann } from '../solvers';
import type { NamedTensors } from '../spaces';
import { bilevel, hypergradient, implicit } from '.';

beforeAll(() => useBackend('wasm', { threads: 1 }));

const X = normal([9, 4], 1) as tf.Tensor2D;
const Xv = normal([8, 4], 2) as tf.Tensor2D;
const fit = (w: NamedTensors, X: tf.Tensor2D) =>
  tf.mean(tf.square(tf.sub(tf.tanh(tf.matMul(X, w.W as tf.Tensor2D)), 0.3)));
const inner = (w: NamedTensors, { λ }: NamedTensors) =>
  tf.add(fit(w, X), tf.sum(tf.mul(tf.exp(λ!), tf.square(w.W!)))) as tf.Scalar;
const outer = (w: NamedTensors, { λ }: NamedTensors) =>
  tf.add(fit(w, Xv), tf.mul(0.1, tf.sum(tf.square(λ!)))) as tf.Scalar;
const plain = { inner, outer };
const declared = { inner: compiled(inner), outer: compiled(outer) };
const at = () => ({ w: { W: normal([4, 3], 3, 0.5) }, λ: { λ: normal([4, 3], 4, 0.3) } });

it.each([
  ['the Hessian', { estimate: false }, 1],
  ['the Hessian, with the error', {}, 2],
  ['Gauss–Newton', { curvature: 'gauss-newton', estimate: false }, 2],
  ['Gauss–Newton, with the error', { curvature: 'gauss-newton' }, 3],
] as const)('the inner loss is evaluated as often as is said: %s', async (_, options, calls) => {
  let count = 0;
  const counted = (w: NamedTensors, { λ }: NamedTensors) => {
    count += 1;
    const z = markOutput(tf.tanh(tf.matMul(X, w.W as tf.Tensor2D)));
    const rest = tf.mean(tf.square(tf.sub(z, 0.3)));
    return tf.add(rest, tf.sum(tf.mul(tf.exp(λ!), tf.square(w.W!)))) as tf.Scalar;
  };
  const { w, λ } = at();
  const how = implicit({ solver: cg(), ...options });
  await hypergradient({ inner: counted, outer }, w, λ, how);
  expect(count).toBe(calls);
});

describe.each([
  ['operation by operation', plain],
  ['by programs', declared],
])('without a diagnosis, %s', (_, problem) => {
  it.each([
    ['one term', neumann({ terms: 1, scale: 0.2 })],
    ['seven terms', neumann({ terms: 7, scale: 0.2 })],
    ['seven damped terms', neumann({ terms: 7, scale: 0.2, damping: 0.3 })],
    ['terms that are scaled by themselves', neumann({ terms: 4 })],
    ['conjugate gradients', cg({ tolerance: 0, maxIterations: 3, best: 'energy' })],
  ])('the derivative is the same, for fewer products: %s', async (_, solver) => {
    const { w, λ } = at();
    const of = (diagnose: boolean) =>
      hypergradient(problem, w, λ, implicit({ solver, estimate: false, diagnose }));
    const [with_, without] = [await of(true), await of(false)];
    expect(relativeError(without.value.λ!, with_.value.λ!)).toBeLessThan(1e-5);
    expect(relativeError(without.adjoint.W!, with_.adjoint.W!)).toBeLessThan(1e-5);
    expect(without.stats.products).toBe(with_.stats.products - 1);
    expect(without.stats.iterations).toBe(with_.stats.iterations);
    expect(without.stats.status).toBe('max-iterations');
    expect([without.stats.residual, without.stats.innerGradientNorm]).toEqual([
      Number.NaN,
      Number.NaN,
    ]);
    expect(with_.stats.innerGradientNorm).toBeGreaterThan(0);
    const norm = tf.norm(without.value.λ!).dataSync()[0]!;
    expect(without.stats.norm).toBeCloseTo(norm, 5);
  });

  it('a series that diverges says so', async () => {
    const { w, λ } = at();
    const how = implicit({
      solver: neumann({ terms: 9, scale: 40 }),
      estimate: false,
      diagnose: false,
    });
    const { stats } = await hypergradient(problem, w, λ, how);
    expect(stats.status).toBe('diverged');
  });

  it('one term of a series takes no product but the mixed one', async () => {
    const { w, λ } = at();
    const how = implicit({
      solver: neumann({ terms: 1, scale: 0.2 }),
      estimate: false,
      diagnose: false,
    });
    expect((await hypergradient(problem, w, λ, how)).stats.products).toBe(1);
  });

  it('bilevel reports the losses, and leaves nothing behind', async () => {
    const run = async (diagnose: boolean) => {
      const { w, λ } = at();
      const held = flatSpaceOn(tf.backend() as Heap).bytes;
      const how = implicit({
        solver: neumann({ terms: 5, scale: 0.2 }),
        estimate: false,
        diagnose,
      });
      const steps = bilevel(problem, {
        w,
        λ,
        how,
        inner: { optimizer: gradientDescent(0.1), steps: 4 },
        outer: { optimizer: adam(0.05) },
        steps: 3,
      });
      const found: number[] = [];
      for await (const { innerLoss, outerLoss, hypergradientNorm } of steps) {
        found.push(innerLoss, outerLoss, hypergradientNorm);
      }
      steps.dispose();
      expect(flatSpaceOn(tf.backend() as Heap).bytes).toBe(held);
      return found;
    };
    const [with_, without] = [await run(true), await run(false)];
    without.forEach((value, i) => {
      expect(value).toBeCloseTo(with_[i]!, 5);
    });
    switchPrograms(false);
    const wanted = await run(true);
    switchPrograms(true);
    with_.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i]!, 4);
    });
  });
});

describe('the report holds in every unit', () => {
  const [w, λ, target, curvature] = [
    [0.5, -1, 2],
    [0.4, -0.9, 1.8],
    [1, 1, -1],
    [1, 2, 3],
  ] as const;

  it.each([
    [1e-30, 1e-30],
    [1e-30, 1],
    [1e-20, 1e-10],
    [1e-20, 1e-20],
    [1, 1],
    [1e10, 1e-10],
    [1e20, 1e-10],
    [1e30, 1e20],
  ])('inner loss %d, outer loss %d', async (s, c) => {
    const problem = {
      inner: ({ w }: NamedTensors, { l }: NamedTensors) =>
        tf.mul(s / 2, tf.sum(tf.mul([...curvature], tf.square(tf.sub(w!, l!))))) as tf.Scalar,
      outer: ({ w }: NamedTensors) =>
        tf.mul(c / 2, tf.sum(tf.square(tf.sub(w!, [...target])))) as tf.Scalar,
    };
    const at = {
      w: { w: tf.tensor1d([...w]) },
      λ: { l: tf.tensor1d([...λ]), unused: tf.scalar(1) },
    };
    for (const solver of [cg({ best: 'energy' }), minres(), gmres(), dense()]) {
      const { stats } = await hypergradient(problem, at.w, at.λ, implicit({ solver }));
      const close = (found: number, exact: number) => expect(found / exact).toBeCloseTo(1, 3);
      expect(stats.status).toBe('converged');
      expect(stats.zero).toEqual(['unused']);
      close(stats.norm, c * Math.hypot(...w.map((x, i) => x - target[i]!)));
      close(
        stats.innerGradientNorm,
        s * Math.hypot(...w.map((x, i) => curvature[i]! * (x - λ[i]!))),
      );
      // At the inner solution w = λ the value is c (λ − target).
      const off = c * Math.hypot(...w.map((x, i) => x - λ[i]!));
      expect(stats.error!.bound / off).toBeGreaterThan(0.999);
      expect(stats.error!.bound / off).toBeLessThan(10);
    }
  });
});
