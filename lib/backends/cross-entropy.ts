import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors';
import { checkNoMore, checkNumericTensor } from '../options';
import { engine } from './engine';
import { withEach } from './per-example';
import { differentiate } from './repairs/gradient';
import { unrecorded } from './unrecorded';

function checkShapes(labels: tf.Tensor, logits: tf.Tensor) {
  checkNumericTensor(labels, 'labels');
  checkLogits(logits);
  if (tf.util.arraysEqual(labels.shape, logits.shape)) return;
  throw new ShapeError({
    given: `labels of shape [${labels.shape}] and logits of shape [${logits.shape}]`,
    expected: 'labels and logits of the same shape',
    remedy: 'Labels are probabilities: turn class numbers into `tf.oneHot(numbers, classes)`.',
  });
}

function checkLogits(logits: tf.Tensor): void {
  checkNumericTensor(logits, 'logits');
}

/** @throws ShapeError for a tensor without an axis of classes. */
function checkClasses(logits: tf.Tensor): void {
  if (logits.rank > 0) return;
  throw new ShapeError({
    given: 'logits of shape []',
    expected: 'logits of shape [..., classes]',
    remedy: 'For a single yes or no take sigmoidCrossEntropy.',
  });
}

/**
 * The logarithm of the softmax over the last axis, right in every derivative.
 *
 * log softmax(z)ᵢ = zᵢ − m − log Σⱼ exp(zⱼ − m) with m = max z, which is held constant: the result
 * does not depend on it.
 *
 * @param logits shape [..., classes]
 * @throws InputError for anything but a tensor of numbers; DisposedError for one that is disposed
 */
export function logSoftmax(logits: tf.Tensor): tf.Tensor {
  checkNoMore('logSoftmax', arguments, 1);
  checkLogits(logits);
  checkClasses(logits);
  return tf.tidy(() => {
    const shifted = tf.sub(
      logits,
      unrecorded(() => tf.max(logits, -1, true)),
    );
    return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), -1, true)));
  });
}

/**
 * The cross-entropy −Σ y log softmax(z) of each example.
 *
 * @param labels probabilities y, shape [..., classes]
 * @param logits z, the same shape; −∞ rules out a class whose label is 0
 * @returns shape [...]
 * @throws ShapeError where the shapes differ
 */
export function softmaxCrossEntropies(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  checkNoMore('softmaxCrossEntropies', arguments, 2);
  checkShapes(labels, logits);
  checkClasses(logits);
  const inOne = tf.getKernel(kernelName, tf.getBackend()) !== undefined;
  if (inOne && logits.rank > 0) return engine().runKernel(kernelName, { labels, logits });
  return tf.tidy(() => tf.neg(tf.sum(tf.mul(labels, countedLogarithms(labels, logits)), -1)));
}

/** log softmax(z), but 0 where that is −∞ and the label 0: such a class is ruled out, and 0 · ∞ would be NaN. */
function countedLogarithms(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  const logarithms = logSoftmax(logits);
  const isRuledOut = unrecorded(() =>
    tf.logicalAnd(tf.equal(labels, 0), tf.less(logarithms, LOWEST)),
  );
  return tf.where(isRuledOut, tf.zeros(logits.shape), logarithms);
}

/** The lowest number of float32. */
const LOWEST = -(2 - 2 ** -23) * 2 ** 127;

/** A kernel of our own, on the backends that have it. */
const kernelName = 'SoftmaxCrossEntropies';

/** Its derivative for the logits is softmax(z) Σ y − y, for the labels −log softmax(z), 0 for those of ruled-out classes. */
export function differentiateCrossEntropies(): void {
  differentiate(kernelName, {
    inputs: ['labels', 'logits'],
    gradient(dy, [y, z]) {
      const each = tf.expandDims(dy, -1);
      return {
        labels: () => tf.neg(tf.mul(each, countedLogarithms(y!, z!))),
        logits: () => tf.mul(each, tf.sub(tf.mul(tf.softmax(z!), tf.sum(y!, -1, true)), y!)),
      };
    },
  });
}

/**
 * The cross-entropy between labels and the softmax of logits, averaged over the examples.
 *
 * −1/n Σ y log softmax(z); right to second order in both arguments, unlike
 * `tf.losses.softmaxCrossEntropy` before its repair.
 *
 * @param labels probabilities y, shape [..., classes], often one-hot
 * @param logits z, the same shape
 * @returns a scalar
 * @throws ShapeError where the shapes differ
 */
export function softmaxCrossEntropy(labels: tf.Tensor, logits: tf.Tensor): tf.Scalar {
  checkNoMore('softmaxCrossEntropy', arguments, 2);
  return tf.tidy(() => tf.mean(softmaxCrossEntropies(labels, logits)));
}

/**
 * The cross-entropy of each independent yes-or-no label, log(1 + exp(z)) − y z.
 *
 * @param labels probabilities y, any shape
 * @param logits z, the same shape
 * @throws ShapeError where the shapes differ
 */
export function sigmoidCrossEntropies(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  checkNoMore('sigmoidCrossEntropies', arguments, 2);
  checkShapes(labels, logits);
  return tf.tidy(() => {
    // A softplus of integers would be rounded to one.
    const z = logits.dtype === 'float32' ? logits : tf.cast(logits, 'float32');
    return tf.sub(tf.softplus(z), tf.mul(labels, z));
  });
}

/**
 * The cross-entropy between yes-or-no labels and the sigmoid of logits, averaged over all of them.
 *
 * @param labels probabilities y, any shape
 * @param logits z, the same shape
 * @returns a scalar
 * @throws ShapeError where the shapes differ
 */
export function sigmoidCrossEntropy(labels: tf.Tensor, logits: tf.Tensor): tf.Scalar {
  checkNoMore('sigmoidCrossEntropy', arguments, 2);
  return tf.tidy(() => tf.mean(sigmoidCrossEntropies(labels, logits)));
}

withEach(softmaxCrossEntropy, softmaxCrossEntropies);
withEach(sigmoidCrossEntropy, sigmoidCrossEntropies);
