import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { float64, tensors } from '../spaces';
import { judge } from './accept';
import type { IterativeMethod } from './method';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const kinds: Record<string, Partial<IterativeMethod>> = {
  'least residual': {},
  contracts: { contracts: true },
  sums: { sums: true },
};
const residuals = [0, 0.5, 1, 2, 1e20, Number.POSITIVE_INFINITY, Number.NaN];
const curvatures = [1, 0, -1, Number.NaN];
const bounds = { limit: 1e8, growth: 1.001, previous: 1, best: 0.75, least: 0.6 };

it.each(Object.entries(kinds))(
  '%s: masks on the device are the decisions on numbers',
  (_, kind) => {
    const method = kind as IterativeMethod;
    const s = tensors.scalars;
    for (const active of [0, 1]) {
      for (const residual of residuals) {
        for (const curvature of curvatures) {
          const numbers = judge(float64.scalars, method, active, { residual, curvature }, bounds);
          const masks = tf.tidy(() => {
            const scalars = Object.fromEntries(
              Object.entries(bounds).map(([name, value]) => [name, s.of(value)]),
            ) as Record<keyof typeof bounds, tf.Scalar>;
            const facts = { residual: s.of(residual), curvature: s.of(curvature) };
            const { sound, taken, better, nearest } = judge(
              s,
              method,
              s.of(active),
              facts,
              scalars,
            );
            return tensors.readSync([sound, taken, better, nearest!]);
          });
          const { sound, taken, better, nearest } = numbers;
          expect(masks).toEqual([sound, taken, better, nearest]);
        }
      }
    }
  },
);

it('takes no NaN, no negative curvature and no growth of what can only shrink', () => {
  const taken = (kind: Partial<IterativeMethod>, residual: number, curvature = 1) =>
    judge(float64.scalars, kind as IterativeMethod, 1, { residual, curvature }, bounds).taken;
  expect(taken({}, Number.NaN)).toBe(0);
  expect(taken({}, 0.5, 0)).toBe(0);
  expect(taken({}, 2)).toBe(1);
  expect(taken({ contracts: true }, 2)).toBe(0);
  expect(taken({}, 1e9)).toBe(0);
});
