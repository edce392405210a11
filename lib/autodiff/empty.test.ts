import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { type NamedTensors, tensors } from '../spaces';
import { compiled, freePrograms, hessian, valueAndGradient } from '.';

const squares = (x: tf.Tensor) => tf.sum(tf.square(x));
const x = () => ({ x: tf.tensor1d([1, -2, 3]) });
const w = () => ({ w: tf.tensor2d([1, 2, 3, 4], [2, 2]) });

/** Losses in which something has no entries; each is Σ x², so that the gradient is 2 x and H is 2 I. */
const losses: [string, () => NamedTensors, (x: NamedTensors) => tf.Tensor][] = [
  [
    'a sum over no rows of a parameter',
    () => ({ ...x(), z: tf.zeros([0, 3]) }),
    ({ x, z }) => squares(tf.add(x!, tf.sum(z!, 0))),
  ],
  [
    'a sum along rows of no entries',
    () => ({ ...x(), z: tf.zeros([3, 0]) }),
    ({ x, z }) => squares(tf.add(x!, tf.sum(z!, 1))),
  ],
  [
    'a bias of no rows',
    x,
    ({ x }) => tf.add(squares(x!), tf.sum(tf.tanh(tf.add(tf.zeros([0, 3]), x!)))),
  ],
  ['data of no rows', w, ({ w }) => tf.add(squares(w!), squares(tf.matMul(tf.zeros([0, 2]), w!)))],
  [
    'a product with no terms',
    () => ({ ...w(), z: tf.zeros([0, 2]) }),
    ({ w, z }) => squares(tf.add(w!, tf.matMul(z!, z!, true))),
  ],
  [
    'a product of no factors',
    () => ({ ...x(), z: tf.zeros([0]) }),
    ({ x, z }) => tf.mul(squares(x!), tf.prod(z!)),
  ],
  [
    'what is broadcast along an axis without entries',
    () => ({ x: tf.tensor2d([1, 2], [2, 1]) }),
    ({ x }) => tf.add(squares(x!), tf.sum(tf.mul(tf.zeros([2, 0]), x!))),
  ],
  [
    'a part without entries',
    x,
    ({ x }) => tf.add(squares(x!), squares(tf.gather(x!, tf.tensor1d([], 'int32')))),
  ],
];

const numbers = (x: NamedTensors) => Object.values(x).flatMap((t) => [...t.dataSync()]);
const twice = (values: number[]) => values.map((value) => 2 * value);

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend);
  });

  it.each(losses)('%s: operation by operation, by a program and compiled', (_, at, f) => {
    const loss = f as (x: NamedTensors) => tf.Scalar;
    const pure = compiled(loss);
    for (const evaluated of [loss, loss, loss, pure, pure]) {
      tf.tidy(() => {
        const x = at();
        const { gradient } = valueAndGradient(evaluated, x);
        expect(numbers(gradient)).toEqual(twice(numbers(x)));
        const v = tensors.scale(tf.scalar(-3), x);
        const H = hessian(evaluated, x);
        expect(numbers(H.gradient)).toEqual(twice(numbers(x)));
        expect(numbers(H.apply(v))).toEqual(twice(numbers(v)));
        H.dispose();
      });
    }
    pure.free();
    freePrograms();
  });
});
