import * as tf from '@tensorflow/tfjs';
import { engine } from '../backends';

/** The largest number of bytes that tensors take while f runs, beyond those that were there before. */
export function peakBytes(f: () => void): number {
  const e = engine();
  const { runKernel } = e;
  const own = Object.hasOwn(e, 'runKernel');
  const before = tf.memory().numBytes;
  let peak = before;
  e.runKernel = function (name, inputs, attrs) {
    const result = runKernel.call(this, name, inputs, attrs);
    peak = Math.max(peak, tf.memory().numBytes);
    return result;
  };
  try {
    f();
  } finally {
    if (own) e.runKernel = runKernel;
    else delete (e as Partial<typeof e>).runKernel;
  }
  return peak - before;
}
