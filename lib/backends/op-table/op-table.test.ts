import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '..';
import { type Case, evaluate, inputsOf, opTable, quotients } from '.';
import { withoutDerivative } from './without-derivative';

const largest = (a: number[]) => a.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
/** Errors are measured relative to the largest entry, and to 1 where all entries are small. */
const scale = (a: number[]) => Math.max(1, largest(a));
const distance = (a: number[], b: number[]) => largest(a.map((x, i) => x - b[i]!)) / scale(b);
const title = ({ op, variant }: Case) => (variant ? `${op}, ${variant}` : op);

const right = new Set<string>();
const refused = new Set<string>();
let calls = 0;

beforeAll(() => useBackend('cpu'));

afterAll(() => {
  const missing = [...refused].filter((op) => !right.has(op)).sort();
  console.log(
    `op table: ${right.size} ops right to second order (${calls} calls); ` +
      `${missing.length} refused by name: ${missing.join(', ')}`,
  );
});

describe('against finite differences', () => {
  test.each(opTable.filter((c) => !c.refusal).map((c) => [title(c), c] as const))(
    '%s',
    async (_, c) => {
      const before = tf.memory().numTensors;
      const { gradient, product } = await evaluate(c);
      expect(gradient.every(Number.isFinite) && product.every(Number.isFinite)).toBe(true);

      const direction = inputsOf(c).directions.flatMap(({ values }) => values);
      const slope = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
      const differences = await quotients(c);
      const slopeErrors = differences.map((q) => Math.abs(q.slope - slope) / scale(gradient));
      const productErrors = differences.map((q) => distance(q.product, product));
      expect(Math.min(...slopeErrors)).toBeLessThan(1e-4);
      expect(Math.min(...productErrors)).toBeLessThan(1e-4);
      expect(tf.memory().numTensors).toBe(before);
      right.add(c.op);
      calls++;
    },
  );
});

describe('refused by an error that names the op', () => {
  test.each(opTable.filter((c) => c.refusal).map((c) => [title(c), c] as const))(
    '%s',
    async (_, c) => {
      const before = tf.memory().numTensors;
      await expect(evaluate(c)).rejects.toThrow(new RegExp(c.refusal!));
      expect(tf.memory().numTensors).toBe(before);
      refused.add(c.op);
    },
  );
});

test('the table forgets no op', () => {
  const { losses, image, linalg, signal, sparse, fused, layers } = tf;
  const spaces = { losses, image, linalg, signal, sparse, fused, layers };
  const core = Object.entries(tf)
    .filter(([name, f]) => typeof f === 'function' && f.name === `${name}__op`)
    .map(([name]) => name);
  const spaced = Object.entries(spaces).flatMap(([space, members]) =>
    Object.keys(members).map((name) => `${space}.${name}`),
  );
  const known = new Set([...opTable.map((c) => c.op), ...withoutDerivative]);
  expect([...core, ...spaced].filter((op) => !known.has(op))).toEqual([]);
});

test('at least 165 ops are right', () => {
  expect(right.size).toBeGreaterThanOrEqual(165);
});
