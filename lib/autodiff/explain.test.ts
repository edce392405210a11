import { inspect } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { DisposedError, InputError } from '../errors';
import type { NamedTensors } from '../spaces';
import { explain, gaussNewton, hessian, linearize } from '.';
import { crossEntropy, kernels, normal } from './testing';
import { freePrograms } from './traced';

const x = { W1: [4, 3], b1: [3], W2: [3, 2] };
const weights = () =>
  Object.fromEntries(Object.entries(x).map(([name, shape], i) => [name, normal(shape, i)]));
const predict = ({ W1, b1, W2 }: NamedTensors) =>
  tf.matMul(tf.tanh(tf.add(tf.matMul(normal([5, 4], 9), W1!), b1!)), W2!);
const loss = () =>
  crossEntropy(
    tf.tensor2d([
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 1],
      [0, 1],
    ]),
  );

/** The names in a column of kernels, repeated as often as they are counted. */
const namesIn = (column: string) =>
  column
    .split(', ')
    .filter((name) => name !== '')
    .flatMap((name) => {
      const [kernel, count = '1'] = name.split(' × ');
      return Array<string>(Number(count)).fill(kernel!);
    });

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend, { threads: 1 });
  });

  it('shows the operations of a Hessian also where a program computes it', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const w = weights();
      const f = loss();
      const shown = [1, 2, 3].map(() => {
        const H = hessian((x) => f(predict(x)), w);
        const { product, steps } = explain(H);
        H.dispose();
        expect(() => explain(H)).toThrow(DisposedError);
        return { product, operations: steps.map(({ operation, rule }) => [operation, rule]) };
      });
      expect(shown[0]!.operations.length).toBeGreaterThan(5);
      expect(shown[2]).toEqual(shown[0]);
    });
    freePrograms();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names operations, shapes and rules in the order in which they ran', () => {
    const w = weights();
    const J = linearize(predict, w);
    const { product, steps, edges } = explain(J);
    expect(product).toBe('J v');
    expect(steps.map(({ operation, shapes, rule }) => [operation, shapes, rule])).toEqual([
      ['BatchMatMul', '[4,3] → [5,3]', 'matMul'],
      ['Add', '[5,3] [3] → [5,3]', 'sum'],
      ['Tanh', '[5,3] → [5,3]', 'elementwise'],
      ['BatchMatMul', '[5,3] [3,2] → [5,2]', 'matMul'],
    ]);
    expect(steps.map(({ plan }) => plan)).toEqual(['C·x', 'rule', 'd ⊙ x', 'x·C + C·x']);
    expect(edges).toEqual([
      { from: -1, to: 0 },
      { from: 0, to: 1 },
      { from: -1, to: 1 },
      { from: 1, to: 2 },
      { from: 2, to: 3 },
      { from: -1, to: 3 },
    ]);
    J.dispose();
  });

  it('counts the kernels that a product runs, no more and no fewer', () => {
    const w = weights();
    const of = loss();
    const H = hessian((w) => of(predict(w)), w);
    const G = gaussNewton({ predict, loss: of }, w);
    const J = linearize(predict, w);
    const v = Object.fromEntries(
      Object.entries(x).map(([name, s], i) => [name, normal(s, 20 + i)]),
    );
    H.apply(v);
    J.jvp(v);
    const listed = (recorded: Parameters<typeof explain>[0]) =>
      explain(recorded)
        .steps.flatMap(({ kernels }) => namesIn(kernels))
        .sort();
    expect(listed(H)).toEqual(kernels(() => tf.tidy(() => void H.apply(v))).sort());
    expect(listed(J)).toEqual(kernels(() => tf.tidy(() => void J.jvp(v))).sort());
    expect(listed(G)).toEqual(listed(J));
    for (const each of [H, G, J]) each.dispose();
  });

  it('leaves products as they were, and no tensor after the recording is disposed', () => {
    const w = weights();
    const of = loss();
    const before = tf.memory().numTensors;
    const numbers = tf.tidy(() => {
      const H = hessian((w) => of(predict(w)), w);
      const first = H.apply(w).W1!.dataSync().slice();
      explain(H);
      const second = H.apply(w).W1!.dataSync().slice();
      H.dispose();
      return [[...first], [...second]] as never;
    }) as unknown as number[][];
    expect(numbers[1]).toEqual(numbers[0]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('prints as a table with a heading, a line per operation and aligned columns', () => {
  const J = linearize(({ a }) => tf.reverse(tf.exp(a!)), { a: normal([3], 1) });
  const lines = String(explain(J)).split('\n');
  expect(inspect(explain(J))).toBe(lines.join('\n'));
  expect(lines.slice(0, 2)).toEqual(['J v', 'operation  shapes     rule         plan   kernels']);
  expect(lines.slice(2).map((line) => line.indexOf('[3] → [3]'))).toEqual([11, 11]);
  J.dispose();
});

it('marks a custom gradient, and a rule that goes backwards', () => {
  const square = tf.customGrad((x, save) => {
    (save as unknown as (t: tf.Tensor[]) => void)([x as tf.Tensor]);
    return { value: tf.square(x as tf.Tensor), gradFunc: (u, [x]) => tf.mul(tf.mul(u, 2), x!) };
  });
  const J = linearize(({ a }) => square(a!), { a: normal([3], 1) });
  const [step] = explain(J).steps;
  expect(step!.operation).toMatch(/\(custom\)$/);
  expect(step).toMatchObject({ rule: 'reverse', plan: 'rule, backwards' });
  J.dispose();
});

it('refuses what was not recorded, and what was disposed', () => {
  const J = linearize(({ a }) => tf.exp(a!), { a: normal([3], 1) });
  J.dispose();
  expect(() => explain(J)).toThrow(DisposedError);
  for (const wrong of [undefined, 3, {}, { jvp() {}, value: 1 }]) {
    expect(() => explain(wrong as never)).toThrow(/hessian, gaussNewton, recordGradient/);
    expect(() => explain(wrong as never)).toThrow(InputError);
  }
});
