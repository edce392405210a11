import * as tf from '@tensorflow/tfjs';

/** What is left behind after each product shows after a hundred; with `FULL=1` there are a thousand. */
const PRODUCTS = process.env.FULL === '1' ? 1000 : 100;

/** What is left behind by many Hessian products on the current backend. */
export async function leaks(): Promise<{ tensors: number; bytes: number }> {
  const x = tf.randomNormal([4, 3], 0, 1, 'float32', 1);
  const w = tf.randomNormal([3, 2], 0, 1, 'float32', 2);
  const loss = (w: tf.Tensor) => tf.sum(tf.square(tf.tanh(tf.matMul(x, w))));
  const gradient = tf.grad(loss);
  const product = tf.grad((w: tf.Tensor) => tf.sum(tf.mul(gradient(w), w)));
  product(w).dispose();
  const before = tf.memory();
  for (let i = 0; i < PRODUCTS; i++) {
    const p = product(w);
    // A software GPU fails where the queue is never waited for.
    if (i % 20 === 0) await p.data();
    p.dispose();
  }
  const after = tf.memory();
  tf.dispose([x, w]);
  return {
    tensors: after.numTensors - before.numTensors,
    bytes: after.numBytes - before.numBytes,
  };
}
