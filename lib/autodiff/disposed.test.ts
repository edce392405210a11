import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { implicitSGD, proximalStep } from '../descent';
import { DisposedError } from '../errors';
import {
  argmin,
  argminAsync,
  attach,
  hypergradient,
  implicit,
  stationarity,
} from '../hypergradients';
import { gradientDescent } from '../methods';
import { cg } from '../solvers';
import type { NamedTensors } from '../spaces';
import { unrolled } from '../unrolling';
import { compiled, compiledMap, gaussNewton, hessian, linearize, valueAndGradient } from '.';

describe.each(['cpu', 'wasm'] as const)(
  'a function that captures a disposed tensor, %s',
  (name) => {
    const at = () => ({ w: tf.tensor1d([1, 2]) });

    it.each([
      ['an argument', (x: tf.Tensor, gone: tf.Tensor) => tf.sum(tf.mul(x, gone))],
      ['a method of it', (x: tf.Tensor, gone: tf.Tensor) => tf.sum(gone.mul(x))],
      ['one of a list', (x: tf.Tensor, gone: tf.Tensor) => tf.sum(tf.addN([x, gone]))],
    ])('is refused by an error that says so, and leaves nothing: %s', async (_, make) => {
      await useBackend(name);
      const gone = tf.tensor1d([3, 4]);
      gone.dispose();
      const loss = ({ w }: NamedTensors) => make(w!, gone) as tf.Scalar;
      const ofBoth = (w: NamedTensors) => loss(w);
      const point = at();
      const λ = { l: tf.scalar(1) };
      const variable = tf.variable(point.w);
      const live = ({ w }: NamedTensors) => tf.sum(tf.square(w!)) as tf.Scalar;
      const optimizer = implicitSGD(0.1);
      const steps = unrolled({ method: gradientDescent(0.1), steps: 2 });
      const map = (θ: tf.Tensor) => make(θ, gone);
      const traced = compiledMap(map);
      const root = (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, θ);
      const proximal = { solver: cg() };
      const calls: (() => unknown)[] = [
        () => traced(point.w),
        () => argmin(map, root)(point.w),
        () => argmin(traced, root)(point.w),
        () => argminAsync(map, root)(point.w),
        () => argminAsync(traced, root)(point.w),
        () => proximalStep({ loss, curvatureAt: (y) => hessian(live, y) }, point, 0.5, proximal),
        () =>
          proximalStep({ loss: live, curvatureAt: (y) => hessian(loss, y) }, point, 1, proximal),
        () => hessian(loss, point),
        () => valueAndGradient(loss, point),
        () => valueAndGradient(compiled(loss), point),
        () => linearize(loss, point),
        () =>
          gaussNewton(
            { predict: ({ w }) => tf.mul(w!, loss({ w: w! })), loss: live as never },
            point,
          ),
        () => optimizer.minimize(() => loss({ w: variable }), false, [variable]),
        () => optimizer.step(() => loss({ w: variable }), [variable]),
        () => hypergradient({ inner: ofBoth, outer: live }, point, λ, implicit()),
        () => hypergradient({ inner: live, outer: ofBoth }, point, λ, implicit()),
        () => hypergradient({ inner: ofBoth, outer: live }, point, λ, steps),
        () =>
          tf.grad((θ) =>
            tf.sum(attach(point.w, stationarity((w: tf.Tensor) => loss({ w })) as never)(θ)),
          )(λ.l),
      ];
      const before = tf.memory().numTensors;
      for (const call of calls) {
        await expect((async () => call())(), `${call}`).rejects.toThrow(DisposedError);
        expect(tf.memory().numTensors, `${call}`).toBe(before);
      }
      expect([...variable.dataSync()]).toEqual([1, 2]);
      optimizer.dispose();
      tf.dispose([point, λ, variable]);
    });
  },
);
