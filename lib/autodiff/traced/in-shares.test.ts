import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { leaveOutOfQuickRun, leaveOutWithoutPrograms } from '../../../test/needs';
import { useBackend } from '../../backends';
import { Pool, shareAmong } from '../../backends/wasm/threads/pool';
import { Trial } from '../../backends/wasm/threads/trial';
import { random } from '../../numbers';
import type { NamedTensors } from '../../spaces';
import { hessian } from '..';
import { numbers } from '../testing';
import { drawnLoss } from '../testing-graphs';
import { freePrograms, switchPrograms, tracedCounts } from '.';

leaveOutOfQuickRun();
leaveOutWithoutPrograms();

// Every loop and kernel that can be divided is, however small it is.
vi.mock('../../backends/wasm/threads/limits', () => ({
  LEAST_WORK: 1,
  WORTH_STARTING: 0,
  UNIT: 4,
  LEAST_ROWS: 2,
}));

const point = (seed: number): NamedTensors => {
  const { normals } = random(seed);
  return { p: tf.tensor([...normals(12)], [3, 4]), q: tf.tensor([...normals(4)]) };
};

/** With rows for several shares; drawn graphs have five at most. */
function network(): (x: NamedTensors) => tf.Scalar {
  const X = tf.tensor2d([...random(5).normals(3 * 29)], [29, 3]);
  return ({ p, q }) => {
    const z = tf.tanh(tf.add(tf.matMul(X, p as tf.Tensor2D), q!));
    const each = tf.sub(tf.logSumExp(z, 1, true), tf.max(z, 1, true));
    return tf.sum(tf.mul(each, tf.exp(z)));
  };
}

/** Makers of losses. */
const LOSSES = [network, ...[0, 1, 2, 3].map((seed) => () => drawnLoss(seed))];

/** Value, gradient and a product at several points: programs are made at the first ones. */
function evaluated(make: (typeof LOSSES)[number], threads: number): number[][] {
  shareAmong(threads);
  // Programs that are known were made for another number of threads.
  freePrograms();
  return tf.tidy(() => {
    const loss = make();
    return [1000, 2000, 3000, 4000].flatMap((at) => {
      const H = hessian(loss, point(at));
      const found = [H.value, H.gradient, H.apply(point(at + 1))].map(numbers);
      H.dispose();
      return found;
    });
  });
}

beforeAll(async () => {
  await useBackend('wasm', { threads: 2 });
  vi.spyOn(Trial.prototype, 'choose').mockReturnValue('together');
  vi.spyOn(Pool.prototype, 'isReady', 'get').mockReturnValue(true);
});
afterEach(() => {
  switchPrograms(true);
  freePrograms();
});
afterAll(() => vi.restoreAllMocks());

it.each([true, false])('losses on two threads have the bits of one, by programs: %s', (by) => {
  const jobs = vi.spyOn(Pool.prototype, 'run');
  const { hits } = tracedCounts();
  switchPrograms(by);
  LOSSES.forEach((make, i) => {
    const alone = evaluated(make, 1);
    const before = jobs.mock.calls.length;
    expect(evaluated(make, 2), `loss ${i}`).toEqual(alone);
    expect(jobs.mock.calls.length, `loss ${i}`).toBeGreaterThan(before);
  });
  expect(tracedCounts().hits > hits).toBe(by);
});
