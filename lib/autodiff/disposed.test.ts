import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { implicitSGD } from '../descent';
import { DisposedError } from '../errors';
import { attach, hypergradient, implicit, stationarity } from '../hypergradients';
import { gradientDescent } from '../methods';
import type { NamedTensors } from '../spaces';
import { unrolled } from '../unrolling';
import { compiled, gaussNewton, hessian, linearize, valueAndGradient } from '.';

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
      const calls: (() => unknown)[] = [
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
