import * as tf from '@tensorflow/tfjs';
import { engine } from '../backends/engine';
import { DisposedError } from '../errors';
import { restorer } from './restorer';

/**
 * Runs a function of the user's that no tape records.
 *
 * @throws DisposedError where it uses a disposed tensor, for which TensorFlow.js has a TypeError of its own.
 */
export function refusingDisposed<T>(f: () => T): T {
  const e = engine();
  const restore = restorer(e, ['runKernel']);
  const { runKernel } = e;
  e.runKernel = function (kernelName, inputs, attrs) {
    try {
      return runKernel.call(this, kernelName, inputs, attrs);
    } catch (error) {
      throw (error instanceof TypeError && disposedAmong(kernelName, inputs)) || error;
    }
  };
  try {
    return f();
  } catch (error) {
    throw chainedDisposed(error);
  } finally {
    restore();
  }
}

/** Whether a tensor was disposed; those that a reset of the engine has freed do not know. */
export const isGone = (x: tf.Tensor): boolean =>
  x.isDisposed || !engine().state.tensorInfo.has(x.dataId);

/** An error of its own where a kernel was given something disposed, which TensorFlow.js does not look for. */
export function disposedAmong(
  kernelName: string,
  inputs: tf.NamedTensorMap,
): DisposedError | undefined {
  const gone = Object.values(inputs).find((x) => x instanceof tf.Tensor && isGone(x));
  return gone && disposed(`a disposed tensor of shape [${gone.shape}] in ${kernelName}`);
}

/** The same of what methods of a disposed tensor throw. */
export const chainedDisposed = (error: unknown): unknown =>
  error instanceof Error && error.message === 'Tensor is disposed.'
    ? disposed('a function that uses a disposed tensor')
    : error;

const disposed = (given: string) =>
  new DisposedError({
    given,
    expected: 'live tensors in a function that is called',
    remedy:
      'Dispose of what it captures after its last call, or `tf.keep` it where a surrounding tidy freed it.',
  });
