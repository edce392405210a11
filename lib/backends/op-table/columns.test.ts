import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../../test/needs';
import { random } from '../../datasets';
import { type BackendName, type BackendOptions, useBackend } from '..';
import { opTable } from '.';
import { emptyShapesOf, typesOf } from './columns';
import { randomCalls } from './random-calls';
import { type Answer, answer, difference, inWords, type TypedCall } from './typed';

const blas = needs('blas');

/** What wasm has no kernel for, and says so. */
const missing =
  /^refused: Kernel '(Complex|Real|Imag|FFT|IFFT|RaggedGather|RaggedTensorToTensor)' not registered/;

const source = random(5);
const columns: [string, TypedCall[]][] = [
  ['types', opTable.flatMap(typesOf)],
  ['empty shapes', opTable.flatMap(emptyShapesOf)],
  ['random calls', randomCalls(() => source.uniform(), 24)],
];

let expected: Map<TypedCall, Answer>;

beforeAll(async () => {
  await useBackend('cpu');
  expected = new Map();
  for (const [, calls] of columns) for (const c of calls) expected.set(c, await answer(c));
}, 120_000);

/** What is wrong on the current backend, and what the calls that are right leave behind. */
async function compare(calls: TypedCall[], tolerance: number) {
  const wrong: string[] = [];
  let [right, left] = [0, 0];
  for (const c of calls) {
    const wanted = expected.get(c)!;
    if ('refusal' in wanted) continue;
    const before = tf.memory().numTensors;
    const found = await answer(c);
    const what = difference(wanted, found, tolerance);
    if (what === undefined) right++;
    else if (!missing.test(what)) wrong.push(`${inWords(c)}: ${what}`);
    if ('outputs' in found) left += tf.memory().numTensors - before;
  }
  return { right, wrong, left };
}

/** Backends, and every which call is tried on them. */
const backends: [BackendName, BackendOptions, number][] = [
  ['wasm', { threads: 1, blas: false }, 1],
  ['wasm', { threads: 4, blas: false }, 5],
  ['wasm', { threads: 1 }, 3],
];

test('cpu keeps numbers in the arrays of their types, and as many as there are entries', async () => {
  const strange: string[] = [];
  for (const [, calls] of columns) {
    for (const c of calls) {
      const found = expected.get(c)!;
      if (!('outputs' in found)) continue;
      for (const { shape, values } of found.outputs) {
        if (values.length !== tf.util.sizeFromShape(shape)) strange.push(inWords(c));
      }
    }
  }
  expect(strange).toEqual([]);
});

describe.each(backends)('%s, %o', (name, options, step) => {
  beforeAll(async () => {
    await useBackend(name, options);
  });
  test.each(columns)('%s: as on cpu', async (_, calls) => {
    if (options.blas === undefined && !blas.available) return;
    const { right, wrong, left } = await compare(
      calls.filter((_, i) => i % step === 0),
      1e-4,
    );
    expect(wrong).toEqual([]);
    expect(left).toBe(0);
    expect(right).toBeGreaterThan(calls.length / (4 * step));
  });
});
