import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { findTensorflow } from '../../platform/node/tensorflow';
import { useBackend } from '..';
import { compare, cpuAnswers } from './compare';
import { leaks } from './leaks';

const found = findTensorflow();

/** What tfjs-node 4.22 has no kernel for, or TensorFlow does not do on a processor. */
const unavailable = [
  'bitwiseAnd',
  'conv2d, padding 1',
  'denseBincount',
  'depthwiseConv2d, dilated',
  'maxPoolWithArgmax',
  'sparse.sparseSegmentMean',
  'sparse.sparseSegmentSum',
];

test('tensorflow gives the values, gradients and Hessian products that cpu gives, and leaks nothing', async (context) => {
  if ('reason' in found) return context.skip(found.reason);
  const answers = await cpuAnswers();
  await useBackend('tensorflow');
  const before = tf.memory();
  const comparisons = await compare(answers);
  const refused = comparisons.filter((c) => c.refusal);
  const wrong = comparisons.filter((c) => !(c.error < 1e-4));
  console.log(
    `op table on tensorflow: ${comparisons.length - refused.length - wrong.length} calls as on cpu; ` +
      `refused: ${refused.map((c) => `${c.name} (${c.refusal})`).join('; ')}`,
  );
  expect(wrong).toEqual([]);
  expect(refused.map((c) => c.name).sort()).toEqual(unavailable);
  expect(tf.memory().numTensors).toBe(before.numTensors);
  expect(await leaks()).toEqual({ tensors: 0, bytes: 0 });
});
