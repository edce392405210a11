import * as tf from '@tensorflow/tfjs';
import { InputError, ShapeError } from '../errors';
import { checkMethods, checkNoMore, checkNumericTensor, checkRecord, phrase } from '../options';
import type { NamedTensors } from '../spaces';
import type { Model } from './model';

export interface Evaluation {
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** The fraction classified as labelled. */
  accuracy: number;
}

/**
 * Loss and accuracy of a model on inputs x, [n, features], with one-hot labels y, [n, classes].
 *
 * The model runs on all of them in one call, without a turn for timers: evaluate parts of many.
 *
 * @throws InputError for arguments of another kind; ShapeError for labels that are not shaped like the logits.
 */
export async function evaluate(
  model: Model,
  params: NamedTensors,
  examples: { x: tf.Tensor; y: tf.Tensor },
): Promise<Evaluation> {
  checkNoMore('evaluate', arguments, 3);
  checkMethods(model, 'the model of evaluate', ['predict']);
  checkRecord(params, 'the parameters of evaluate', 'a record of named tensors');
  checkRecord(examples, 'the examples of evaluate', 'a record { x, y }');
  const { x, y } = examples;
  for (const [name, value] of Object.entries({ x, y })) {
    if (value instanceof tf.Tensor) continue;
    throw new InputError({
      given: `${phrase(value)} as ${name} of the examples of evaluate`,
      expected: 'a tensor',
      remedy: 'Pass inputs x, [n, features], and one-hot labels y, [n, classes].',
    });
  }
  const both = tf.tidy(() => {
    const logits = model.predict(params, x);
    checkNumericTensor(logits, 'what the model of evaluate predicts');
    checkLabels(y, logits);
    const loss = tf.neg(tf.mean(tf.sum(tf.mul(y, tf.logSoftmax(logits)), -1)));
    const right = tf.equal(tf.argMax(logits, -1), tf.argMax(y, -1));
    return tf.stack([loss, tf.mean(tf.cast(right, 'float32'))]);
  });
  try {
    const [loss, accuracy] = await both.data<'float32'>();
    return { loss: loss!, accuracy: accuracy! };
  } finally {
    both.dispose();
  }
}

/** @throws ShapeError for labels that would be broadcast. */
function checkLabels(y: tf.Tensor, logits: tf.Tensor): void {
  if (logits.rank > 0 && tf.util.arraysEqual(y.shape, logits.shape)) return;
  throw new ShapeError({
    given: `labels of shape [${y.shape}] for logits of shape [${logits.shape}]`,
    expected: 'two matrices of one shape, [n, classes]',
    remedy: "Make them by tf.oneHot(labels, classes, 1, 0, 'float32').",
  });
}
