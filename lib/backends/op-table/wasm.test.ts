import os from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../../test/needs';
import { useBackend } from '..';
import type { Case, Evaluation } from '.';
import { compare, cpuAnswers } from './compare';

const library = needs('blas');
const time = needs('time');

let answers: Map<Case, Evaluation>;

beforeAll(async () => {
  if (time.available) answers = await cpuAnswers();
});

const most = Math.min(8, Math.max(2, os.availableParallelism()));

describe.skipIf(!time.available).each([
  { threads: 1, blas: false },
  { threads: most, blas: false },
  { threads: most, blas: true },
])('wasm, %o', (options) => {
  test('gives the values, gradients and Hessian products that cpu gives, and leaks nothing', async (context) => {
    const report = await useBackend('wasm', options);
    if (options.blas && !library.available) return context.skip();
    expect(report.blas !== undefined).toBe(options.blas);
    const before = tf.memory();
    const comparisons = await compare(answers);
    const refused = comparisons.filter((c) => c.refusal);
    const wrong = comparisons.filter((c) => !(c.error < 1e-4));
    console.log(
      `op table on wasm, ${options.threads} threads, ${report.blas ?? 'no BLAS'}: ` +
        `${comparisons.length - refused.length - wrong.length} calls as on cpu`,
    );
    expect(wrong).toEqual([]);
    expect(refused).toEqual([]);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numBytes).toBe(before.numBytes);
  });
});
