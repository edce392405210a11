import * as tf from '@tensorflow/tfjs';
import type { NamedTensors } from '../spaces';
import type { Model } from './model';

export interface Evaluation {
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** The fraction classified as labelled. */
  accuracy: number;
}

/** Loss and accuracy of a model on inputs x, [n, features], with one-hot labels y, [n, classes]. */
export async function evaluate(
  model: Model,
  params: NamedTensors,
  { x, y }: { x: tf.Tensor; y: tf.Tensor },
): Promise<Evaluation> {
  const both = tf.tidy(() => {
    const logits = model.predict(params, x);
    const loss = tf.neg(tf.mean(tf.sum(tf.mul(y, tf.logSoftmax(logits)), -1)));
    const right = tf.equal(tf.argMax(logits, -1), tf.argMax(y, -1));
    return tf.stack([loss, tf.mean(tf.cast(right, 'float32'))]);
  });
  try {
    const [loss, accuracy] = (await both.data()) as unknown as [number, number];
    return { loss, accuracy };
  } finally {
    both.dispose();
  }
}
