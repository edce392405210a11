import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun, leaveOutWithoutPrograms, needs } from '../../../test/needs';
import { useBackend } from '../../backends';
import { random } from '../../numbers';
import type { NamedTensors } from '../../spaces';
import { hessian } from '..';
import { numbers } from '../testing';
import { drawnLoss } from '../testing-graphs';
import { freePrograms, switchPrograms, tracedCounts } from '.';

leaveOutOfQuickRun();
leaveOutWithoutPrograms();

const point = (seed: number): NamedTensors => {
  const { normals } = random(seed);
  return { p: tf.tensor([...normals(12)], [3, 4]), q: tf.tensor([...normals(4)]) };
};

/** Value, gradient and two products at a point. */
function evaluated(loss: (x: NamedTensors) => tf.Scalar, seed: number): number[][] {
  const H = hessian(loss, point(seed));
  const found = [H.value, H.gradient, H.apply(point(seed + 1)), H.apply(point(seed + 2))].map(
    numbers,
  );
  H.dispose();
  return found;
}

const GRAPHS = needs('full').available ? 30 : 10;
/** Of the largest entry. Some graphs are steep: they make of rounding thousands of times as much. */
const TOLERANCE = 1e-3;

const libraries = needs('blas').available ? [true, false] : [false];

describe.each(libraries)('programs of random graphs, with OpenBLAS: %s', (blas) => {
  beforeAll(() => useBackend('wasm', { threads: 1, blas }));
  afterEach(() => {
    switchPrograms(true);
    freePrograms();
  });

  it('give what operations give, at points that they were not made at', () => {
    const before = tf.memory().numTensors;
    const wrong: string[] = [];
    let byProgram = 0;
    for (let seed = 0; seed < GRAPHS; seed++) {
      tf.tidy(() => {
        const loss = drawnLoss(seed);
        const points = [1000 + seed, 2000 + seed, 3000 + seed, 4000 + seed];
        loss(point(points[0]!));
        const { hits } = tracedCounts();
        const found = points.map((at) => evaluated(loss, at));
        if (tracedCounts().hits > hits) byProgram++;
        switchPrograms(false);
        const wanted = points.map((at) => evaluated(loss, at));
        switchPrograms(true);
        wanted.forEach((results, i) => {
          results.forEach((numbers, k) => {
            const scale = Math.max(1e-3, ...numbers.map(Math.abs));
            const far = numbers.filter(
              (x, j) => !(Math.abs(x - found[i]![k]![j]!) <= TOLERANCE * scale),
            );
            if (far.length > 0) wrong.push(`graph ${seed}, point ${i}, result ${k}: ${far}`);
          });
        });
      });
    }
    expect(wrong).toEqual([]);
    expect(byProgram).toBeGreaterThan(GRAPHS / 2);
    freePrograms();
    expect(tf.memory().numTensors).toBe(before);
  });
});
