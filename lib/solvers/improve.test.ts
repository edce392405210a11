import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { driveAtOnce } from '../event-loop';
import { type NamedTensors, tensors } from '../spaces';
import { stateAt } from './accept';
import { conjugateGradients } from './cg';
import type { Control } from './control';
import { byMasks, byNumbers } from './controls';
import { improve } from './improve';
import type { LoopState } from './loop-state';
import { beginAt, type IterativeMethod, type LinearSystem } from './method';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const b = { x: tf.tensor1d([1, -2, 3, 0.5, 1]) };
const diagonal = (entries: number[], floor?: number) => ({
  apply: ({ x }: NamedTensors) => ({ x: tf.mul(x!, entries) }),
  ...(floor !== undefined && { floor }),
  dispose() {},
});

/** The state after the loop, as numbers. */
function after<M>(
  control: Control<NamedTensors, tf.Scalar, M>,
  method: IterativeMethod,
  A: LinearSystem<NamedTensors, tf.Scalar>['A'],
  of: (scalar: tf.Scalar) => M,
) {
  const s = control.scalars;
  const system = { space: tensors, A, b };
  const current = beginAt(system, method, undefined);
  const fixed = { system, method, goal: s.of(1e-6), limit: s.of(1e8), maxIterations: 4 };
  const state: LoopState<NamedTensors, tf.Scalar, M> = stateAt(
    control,
    fixed,
    current,
    of(current.residual),
  );
  driveAtOnce(improve(control, state), (scalars) => tensors.readSync(scalars));
  return state;
}

const numberOf = (scalar: tf.Scalar) => scalar.dataSync()[0]!;

it.each([
  ['definite', diagonal([1, 2, 3, 4, 5]), {}],
  ['solved before the last iteration', diagonal([1, 1, 1, 2, 2]), {}],
  ['indefinite', diagonal([1, 2, -3, 4, 5]), {}],
  ['below its floor', diagonal([1, 2, 0.5, 4, 5], 0.9), {}],
  ['for the energy', diagonal([1, 2, 300, 4, 5]), { minimisesEnergy: true }],
  ['a sum', diagonal([1, 2, 3, 4, 5]), { sums: true }],
])('numbers and masks lead the loop to the same state: %s', (_, A, kind) => {
  const method = { ...conjugateGradients(), ...kind };
  tf.tidy(() => {
    const read = after(byNumbers({ space: tensors, A, b }, method, undefined), method, A, numberOf);
    const masked = after(byMasks(tensors), method, A, (scalar) => scalar);
    expect(read.best.x.x!.dataSync()).toEqual(masked.best.x.x!.dataSync());
    expect(read.best.residual).toBe(numberOf(masked.best.residual));
    for (const what of ['iterations', 'curvature', 'sound', 'active'] as const) {
      expect([what, read[what]]).toEqual([what, numberOf(masked[what])]);
    }
    if (read.fallback) expect(read.fallback.residual).toBe(numberOf(masked.fallback!.residual));
  });
});
