import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun, needs } from '../../test/needs';
import { useBackend } from '../backends';
import { implicitAdam, implicitSGD } from '../descent';
import { gradientDescent } from '../methods';
import { random } from '../numbers';
import type { LossProblem } from '../problems';
import { cg, dense, eigenvalues, minres, neumann, nystrom, trace } from '../solvers';
import type { LinearOperator, NamedTensors } from '../spaces';
import { unrolled } from '../unrolling';
import { bilevel, hypergradient, implicit } from '.';

leaveOutOfQuickRun();

const time = needs('time');

/** How long one product of the operators here takes, in milliseconds: far above a turn of the loop. */
const PRODUCT = 15;

/** Works for so long, as a product with a large network does. */
function work(): void {
  const end = performance.now() + PRODUCT;
  while (performance.now() < end);
}

/** Evaluations of `slow`, those of its products among them, and turns of the event loop between them. */
const seen = { evaluations: 0, inOneTurn: 0, most: 0 };

function note(): void {
  seen.evaluations++;
  seen.inOneTurn++;
  seen.most = Math.max(seen.most, seen.inOneTurn);
}

/** The identity, whose evaluation and whose derivatives take long. */
const slow = (x: tf.Tensor): tf.Tensor =>
  tf.customGrad((x, save) => {
    work();
    note();
    (save as (xs: tf.Tensor[]) => void)([x as tf.Tensor]);
    return { value: (x as tf.Tensor).clone(), gradFunc: (dy: tf.Tensor) => slow(dy) };
  })(x);

const target = tf.tensor1d(Float32Array.from(random(1).normals(6)));
const curvatures = tf.tensor1d([1, 2, 3, 4, 5, 6]);
const lossOf = (w: tf.Tensor): tf.Scalar =>
  tf.sum(tf.mul(curvatures, tf.square(tf.sub(slow(w), target))));

/** At most how many evaluations come one after the other without a turn in between. */
async function mostInOneTurn(run: () => Promise<unknown>): Promise<number> {
  Object.assign(seen, { evaluations: 0, inOneTurn: 0, most: 0 });
  let going = true;
  const turn = () => {
    seen.inOneTurn = 0;
    if (going) setTimeout(turn, 0);
  };
  setTimeout(turn, 0);
  await run();
  going = false;
  // Else nothing that takes long has been looked at.
  expect(seen.evaluations).toBeGreaterThan(5);
  return seen.most;
}

/** An operation that has only a gradient is evaluated and differentiated once more for the other way. */
const ONE_OPERATION = 3;
/** A batch that is evaluated again for a product, with its gradient, is one piece. */
const ONE_BATCH = 6;

beforeAll(async () => {
  await useBackend('cpu');
});
afterAll(() => {
  tf.dispose([target, curvatures]);
  tf.disposeVariables();
});

describe.skipIf(!time.available)(
  'timers get a turn between products, not only between steps',
  () => {
    const H: LinearOperator<NamedTensors> = {
      apply({ w }) {
        work();
        note();
        return { w: tf.mul(curvatures, w!) };
      },
      dispose() {},
    };
    const like = () => ({ w: tf.ones([6]) });
    const problem: LossProblem = {
      inner: ({ w }, { l }) => tf.add(lossOf(w!), tf.sum(tf.mul(l!, tf.square(w!)))) as tf.Scalar,
      outer: ({ w }) => tf.sum(tf.square(w!)) as tf.Scalar,
    };

    it.each([
      ['cg', () => cg({ tolerance: 1e-12, maxIterations: 12 }).solve(H, like())],
      ['neumann, its scale too', () => neumann({ terms: 4 }).solve(H, like())],
      ['minres', () => minres({ tolerance: 1e-12, maxIterations: 12 }).solve(H, like())],
      ['dense', () => dense().solve(H, like())],
      ['eigenvalues', () => eigenvalues(H, { largest: 6, like: like() })],
      ['trace', () => trace(H, { probes: 12, like: like() })],
      [
        'nystrom',
        async () => {
          await nystrom(H, like(), { rank: 6 });
          return trace(H, { probes: 6, like: like() });
        },
      ],
    ])('%s', async (_, run) => {
      // One product, and a second where the first was over before the turn was due.
      expect(await mostInOneTurn(run)).toBeLessThanOrEqual(2);
    });

    it.each([
      [
        'implicitSGD',
        () => implicitSGD(1, { solver: cg({ tolerance: 1e-12, maxIterations: 20 }) }),
      ],
      [
        'implicitAdam',
        () => implicitAdam(1, { solver: cg({ tolerance: 1e-12, maxIterations: 20 }) }),
      ],
      ['exact steps', () => implicitSGD(1, { exact: true })],
    ])('a step of %s', async (_, make) => {
      const w = tf.variable(tf.zeros([6]));
      const optimizer = make();
      const most = await mostInOneTurn(() => optimizer.step(() => lossOf(w), [w]));
      expect(most).toBeLessThanOrEqual(ONE_OPERATION);
      optimizer.dispose();
      w.dispose();
    });

    it.each([
      ['implicitSGD', () => implicitSGD(1, { solver: cg({ tolerance: 1e-12, maxIterations: 6 }) })],
      ['by MINRES', () => implicitSGD(1, { solver: minres({ maxIterations: 6 }) })],
      ['by a Neumann series', () => implicitSGD(0.1, { solver: neumann({ terms: 4 }) })],
      ['implicitAdam', () => implicitAdam(1, { solver: cg({ maxIterations: 6 }) })],
    ])('between the batches of a product: %s', async (_, make) => {
      const w = tf.variable(tf.zeros([6]));
      const losses = Array.from({ length: 5 }, () => () => lossOf(w));
      // A product evaluates each loss again: three evaluations to a batch, fifteen to a product.
      const optimizer = make();
      const most = await mostInOneTurn(() => optimizer.step(losses, [w]));
      expect(most).toBeLessThanOrEqual(ONE_BATCH);
      optimizer.dispose();
      w.dispose();
    });

    it.each([
      ['implicit', implicit({ solver: cg({ tolerance: 1e-12 }) })],
      ['unrolled in reverse', unrolled({ method: gradientDescent(0.05), steps: 6 })],
      ['unrolled forwards', unrolled({ method: gradientDescent(0.05), steps: 2, mode: 'forward' })],
    ])('hypergradient, %s', async (_, how) => {
      const [w, l] = [{ w: tf.zeros([6]) }, { l: tf.ones([6]) }];
      const most = await mostInOneTurn(() =>
        hypergradient(problem, w, l, how as ReturnType<typeof implicit>),
      );
      expect(most).toBeLessThanOrEqual(ONE_OPERATION);
    });

    it('bilevel', async () => {
      const run = bilevel(problem, {
        w: { w: tf.zeros([6]) },
        λ: { l: tf.ones([6]) },
        inner: { optimizer: implicitSGD(1), steps: 2 },
        outer: { optimizer: gradientDescent(0.01) },
        how: implicit(),
        steps: 2,
      });
      const most = await mostInOneTurn(async () => {
        for await (const _ of run);
      });
      expect(most).toBeLessThanOrEqual(ONE_OPERATION);
      run.dispose();
    });

    it('bilevel, between any two evaluations of the losses', async () => {
      const noted = (loss: tf.Scalar): tf.Scalar => {
        work();
        note();
        return loss;
      };
      const squares = (x: tf.Tensor) => tf.sum(tf.mul(curvatures, tf.square(x))) as tf.Scalar;
      const run = bilevel(
        {
          inner: ({ w }, { l }) => noted(squares(tf.sub(tf.mul(l!, w!), target))),
          outer: ({ w }) => noted(squares(w!)),
        },
        {
          w: { w: tf.zeros([6]) },
          λ: { l: tf.ones([6]) },
          inner: { optimizer: gradientDescent(0.01), steps: 2 },
          outer: { optimizer: gradientDescent(0.01) },
          how: implicit(),
          steps: 2,
        },
      );
      const most = await mostInOneTurn(async () => {
        for await (const _ of run);
      });
      expect(most).toBe(1);
      run.dispose();
    });
  },
);
