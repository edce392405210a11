import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { compiled } from '../autodiff';
import { normal } from '../autodiff/testing';
import { useBackend } from '../backends';
import { cg } from '../solvers';
import type { NamedTensors } from '../spaces';
import { hypergradient, implicit } from '.';

beforeAll(() => useBackend('wasm', { threads: 1 }));

it('compiled losses find what they capture again after another backend has had it', async () => {
  const X = normal([30, 7], 1) as tf.Tensor2D;
  const misfit = ({ u }: NamedTensors) => tf.mean(tf.softplus(tf.matMul(X, u as tf.Tensor2D)));
  const problem = {
    inner: compiled(
      (w, { λ }) => tf.add(misfit(w), tf.sum(tf.mul(λ!, tf.square(w.u!)))) as tf.Scalar,
    ),
    outer: compiled((w) => misfit(w) as tf.Scalar),
  };
  const [w, λ] = [{ u: normal([7, 1], 2) }, { λ: tf.fill([7, 1], 0.6) }];
  const how = implicit({ solver: cg({ tolerance: 1e-5 }), estimate: false });
  const once = async () => [...(await hypergradient(problem, w, λ, how)).value.λ!.dataSync()];
  const wanted = (await once()).map((value) => expect.closeTo(value, 4));
  expect(await once()).toEqual(wanted);
  for (let i = 0; i < 2; i++) {
    await tf.setBackend('cpu');
    expect(await once()).toEqual(wanted);
    await tf.setBackend('wasm');
    // In the places that were given up.
    const others = Array.from({ length: 20 }, () => tf.fill([30, 7], Number.NaN));
    expect(await once()).toEqual(wanted);
    tf.dispose(others);
  }
});
