import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../../test/needs';
import { random } from '../../numbers';
import { type BackendName, type BackendOptions, useBackend } from '..';
import { opTable } from '.';
import { compareWithCpu, emptyShapesOf, typesOf } from './columns';
import { randomCalls } from './random-calls';
import { type Answer, answer, inWords, type TypedCall } from './typed';

const blas = needs('blas');
const time = needs('time');

/** What wasm refuses, with an error, for want of a kernel. */
const missing =
  /^Kernel '(Complex|Real|Imag|FFT|IFFT|RaggedGather|RaggedTensorToTensor)' not registered/;

const source = random(5);
const columns: [string, TypedCall[]][] = [
  ['types', opTable.flatMap(typesOf)],
  ['empty shapes', opTable.flatMap(emptyShapesOf)],
  ['random calls', randomCalls(() => source.uniform(), 24)],
];

const answers = new Map<string, [TypedCall, Answer][]>();

beforeAll(async () => {
  if (!time.available) return;
  await useBackend('cpu');
  for (const [column, calls] of columns) {
    const pairs: [TypedCall, Answer][] = [];
    for (const c of calls) pairs.push([c, await answer(c)]);
    answers.set(column, pairs);
  }
});

test.skipIf(!time.available)('cpu gives as many numbers as there are entries', () => {
  const strange = [...answers.values()].flat().filter(([, found]) => {
    const outputs = 'outputs' in found ? found.outputs : [];
    return outputs.some(({ shape, values }) => values.length !== tf.util.sizeFromShape(shape));
  });
  expect(strange.map(([call]) => inWords(call))).toEqual([]);
});

/** Backends, and every which call is tried on them. */
const backends: [BackendName, BackendOptions, number][] = [
  ['wasm', { threads: 1, blas: false }, 1],
  ['wasm', { threads: 4, blas: false }, 5],
  ['wasm', { threads: 1 }, 3],
];

describe.skipIf(!time.available).each(backends)('%s, %o', (name, options, step) => {
  beforeAll(async () => {
    await useBackend(name, options);
  });
  test.each(columns)('%s: as on cpu', async (column) => {
    if (options.blas === undefined && !blas.available) return;
    const tried = answers.get(column)!.filter((_, i) => i % step === 0);
    const { right, wrong, tensors } = await compareWithCpu(tried, 1e-4, missing);
    expect(wrong).toEqual([]);
    expect(tensors).toBe(0);
    expect(right).toBeGreaterThan(tried.length / 4);
  });
});
