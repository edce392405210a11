import os from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '..';
import type { Case, Evaluation } from '.';
import { compare, cpuAnswers } from './compare';

let answers: Map<Case, Evaluation>;

beforeAll(async () => {
  answers = await cpuAnswers();
}, 120_000);

describe.each([1, Math.min(8, Math.max(2, os.availableParallelism()))])(
  'wasm with %i threads',
  (threads) => {
    test('gives the values, gradients and Hessian products that cpu gives, and leaks nothing', async () => {
      await useBackend('wasm', { threads });
      const before = tf.memory();
      const comparisons = await compare(answers);
      const refused = comparisons.filter((c) => c.refusal);
      const wrong = comparisons.filter((c) => !(c.error < 1e-4));
      console.log(
        `wasm, ${threads} threads: ${comparisons.length - refused.length - wrong.length} calls as on cpu, ` +
          `${refused.length} refused: ${refused.map((c) => `${c.name} (${c.refusal})`).join('; ')}`,
      );
      expect(wrong).toEqual([]);
      expect(refused).toEqual([]);
      expect(tf.memory().numTensors).toBe(before.numTensors);
      expect(tf.memory().numBytes).toBe(before.numBytes);
    });
  },
);
