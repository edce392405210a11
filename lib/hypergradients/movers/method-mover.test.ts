import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { leaveOutWithoutPrograms } from '../../../test/needs';
import { flatSpaceOn, switchPrograms } from '../../autodiff';
import { normal } from '../../autodiff/testing';
import { useBackend } from '../../backends';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { InputError } from '../../errors';
import { adam, gradientDescent, heavyBall, type Method, nesterov } from '../../methods';
import type { NamedTensors } from '../../spaces';
import { MethodMover } from './method-mover';
import type { Mover } from './mover';
import { placeOf } from './place';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));

const facts = { loss: 1, norm: 1, tolerance: 0 };
const gradient = (seed: number) => ({ a: normal([3, 2], seed), b: normal([], seed + 10) });
const numbers = (x: object) =>
  Object.values(x).map((each) => (each instanceof tf.Tensor ? [...each.dataSync()] : each));
const own: Method = {
  name: 'clipped',
  on: () => ({
    begin: (x) => ({ x }),
    step: (_, { x }, gradient, { combine }) => {
      const g = Object.fromEntries(
        Object.entries(gradient(x) as Record<string, tf.Tensor>).map(([name, value]) => [
          name,
          tf.clipByValue(value, -1, 1),
        ]),
      );
      return {
        x: combine([
          [1, x],
          [-1, g as never],
        ]),
      };
    },
  }),
};

it.each<Method>([gradientDescent(0.3), heavyBall({ step: 0.3, momentum: 0.8 }), adam(0.1), own])(
  'outer steps in the backend’s memory are to the last bit those of tensors: %s',
  async (method) => {
    const steps = async () => {
      const place = placeOf({ a: normal([3, 2], 1), b: normal([], 2) });
      const mover: Mover<NamedTensors> = new MethodMover(method, place);
      const seen: unknown[] = [];
      for (const seed of [3, 4, 5]) {
        const [g, tensors] = [gradient(seed), tf.memory().numTensors];
        const held = flatSpaceOn(tf.backend() as Heap).bytes;
        await mover.follow(g, facts);
        expect(flatSpaceOn(tf.backend() as Heap).bytes).toBe(held);
        // From the second step on a state takes the place of another.
        if (seed > 3) expect(tf.memory().numTensors).toBe(tensors);
        const { vectors, ...rest } = (await mover.remember())!;
        seen.push(
          numbers(place.value),
          Object.values(vectors).map((x) => numbers(x)),
          rest,
        );
        tf.dispose([g, ...Object.values(vectors)] as tf.TensorContainer);
      }
      mover.dispose();
      place.dispose();
      return seen;
    };
    const found = await steps();
    switchPrograms(false);
    const wanted = await steps();
    switchPrograms(true);
    expect(found).toEqual(wanted);
  },
);

it('a method that looks at other points is refused, and nothing is left behind', async () => {
  const place = placeOf(gradient(1));
  const mover: Mover<NamedTensors> = new MethodMover(nesterov({ step: 0.1, momentum: 0.9 }), place);
  const g = gradient(2);
  const [tensors, held] = [tf.memory().numTensors, flatSpaceOn(tf.backend() as Heap).bytes];
  for (let i = 0; i < 2; i++) {
    await mover.follow(g, facts).catch((error) => expect(error).toBeInstanceOf(InputError));
  }
  expect(tf.memory().numTensors).toBe(tensors);
  expect(flatSpaceOn(tf.backend() as Heap).bytes).toBe(held);
});
