import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun, leaveOutWithoutPrograms, needs } from '../../../test/needs';
import { useBackend } from '../../backends';
import { type Case, type Input, inputsOf, opTable } from '../../backends/op-table';
import type { NamedTensors } from '../../spaces';
import { hessian } from '..';
import { numbers } from '../testing';
import { freePrograms, switchPrograms, tracedCounts } from '.';

leaveOutOfQuickRun();
leaveOutWithoutPrograms();

const title = ({ op, variant }: Case) => (variant ? `${op}, ${variant}` : op);

const tensorsOf = (inputs: readonly Input[]): NamedTensors =>
  Object.fromEntries(inputs.map(({ shape, values }, i) => [`x${i}`, tf.tensor(values, shape)]));

/** A function of the op's results with a Hessian of its own. */
const lossOf = (c: Case) => (x: NamedTensors) => {
  const y = tf.cast(c.f(...Object.values(x)), 'float32');
  const weights = tf.sin(tf.add(tf.mul(tf.range(0, y.size), 1.7), 0.6)).reshape(y.shape);
  return tf.add(tf.sum(tf.mul(weights, y)), tf.mul(0.5, tf.sum(tf.square(y)))) as tf.Scalar;
};

/** Value, gradient and a product at the inputs of a case, after a number of evaluations. */
function evaluated(
  c: Case,
  after: number,
): { value: number[]; gradient: number[]; product: number[] } {
  const { inputs, directions } = inputsOf(c);
  return tf.tidy(() => {
    const [x, v] = [tensorsOf(inputs), tensorsOf(directions)];
    const loss = lossOf(c);
    for (let i = 0; i < after; i++) hessian(loss, x).dispose();
    const H = hessian(loss, x);
    const found = {
      value: numbers(H.value),
      gradient: numbers(H.gradient),
      product: numbers(H.apply(v)),
    };
    H.dispose();
    return found;
  });
}

const scaleOf = (xs: readonly number[]) => Math.max(1e-3, ...xs.map(Math.abs));

const libraries = needs('blas').available ? [true, false] : [false];

const cases = opTable.filter((c) => c.refusal === undefined);
/** What is computed otherwise where there is no library. */
const ofProducts = cases.filter(({ op }) => /conv|matMul|dot|einsum|dense|lstm|gru|rnn/i.test(op));

describe.each(libraries)('programs of every operation, with OpenBLAS: %s', (blas) => {
  beforeAll(() => useBackend('wasm', { threads: 1, blas }));
  afterEach(() => {
    switchPrograms(true);
    freePrograms();
  });

  it('give what operations give, and leave nothing behind', () => {
    const before = tf.memory().numTensors;
    const data = tf.engine().backend.numDataIds();
    const [wrong, refused]: string[][] = [[], []];
    for (const c of blas || libraries.length === 1 ? cases : ofProducts) {
      const counts = tracedCounts();
      const found = evaluated(c, 2);
      const { hits } = tracedCounts();
      if (hits === counts.hits) refused!.push(title(c));
      switchPrograms(false);
      const wanted = evaluated(c, 0);
      switchPrograms(true);
      freePrograms();
      for (const name of ['value', 'gradient', 'product'] as const) {
        const scale = scaleOf(wanted[name]);
        const far = wanted[name].filter(
          (value, i) => !(Math.abs(value - found[name][i]!) <= 2e-5 * scale),
        );
        if (far.length > 0) wrong!.push(`${title(c)}: ${name} ${far.slice(0, 3)}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(refused).toEqual([]);
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.engine().backend.numDataIds()).toBe(data);
  });
});
