import * as tf from '@tensorflow/tfjs';
import { engine } from '../engine';
import { unrecorded } from '../unrecorded';
import { differentiate, zerosLike } from './gradient';
import { placesOf, type Window, windows } from './windows';

type Triple = [number, number, number];

interface Pool {
  filterSize: number | Triple;
  strides: number | Triple;
  pad: 'same' | 'valid' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** The two or three windows of a pool over images or volumes. */
function windowsOf(x: tf.Tensor, pool: Pool): Window[] {
  if (x.rank === 5) {
    const info = tf.backend_util.computePool3DInfo(
      x.shape as [number, number, number, number, number],
      pool.filterSize,
      pool.strides,
      1,
      pool.pad,
      pool.dimRoundingMode,
    );
    const { padInfo } = info;
    return [
      [info.filterDepth, info.strideDepth, padInfo.front, info.outDepth],
      [info.filterHeight, info.strideHeight, padInfo.top, info.outHeight],
      [info.filterWidth, info.strideWidth, padInfo.left, info.outWidth],
    ].map(toWindow);
  }
  const info = tf.backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    pool.filterSize as number,
    pool.strides as number,
    1,
    pool.pad,
    pool.dimRoundingMode,
  );
  return [
    [info.filterHeight, info.strideHeight, info.padInfo.top, info.outHeight],
    [info.filterWidth, info.strideWidth, info.padInfo.left, info.outWidth],
  ].map(toWindow);
}

const toWindow = ([size, stride, before, outputs]: number[]): Window => ({
  size: size!,
  stride: stride!,
  dilation: 1,
  before: before!,
  outputs: outputs!,
});

/** The elements of `t` at the places where the maxima of x lie. */
function takeAtMaxima(t: tf.Tensor, x: tf.Tensor, y: tf.Tensor, pool: Pool): tf.Tensor {
  const places = unrecorded(() => {
    const axes = windowsOf(x, pool);
    return placesOf(y, windows(x, axes, Number.NEGATIVE_INFINITY), x, axes);
  });
  const taken = tf.gather(tf.reshape(t, [-1]), tf.reshape(places, [-1]) as tf.Tensor1D);
  return tf.reshape(taken, y.shape);
}

/** Pools, whose derivatives are linear in dy and have none themselves. */
export function repairPooling(): void {
  const run = engine();
  for (const kernel of ['AvgPool', 'AvgPool3D']) {
    differentiate<tf.NamedAttrMap>(`${kernel}Grad`, {
      inputs: ['input'],
      gradient: (dx, [input], pool) => ({
        dy: () => run.runKernel(kernel, { x: dx }, pool),
        input: zerosLike(input!),
      }),
    });
  }
  for (const kernel of ['MaxPool', 'MaxPool3D']) {
    differentiate<Pool>(`${kernel}Grad`, {
      inputs: ['input', 'output'],
      gradient: (dx, [input, output], pool) => ({
        dy: () => takeAtMaxima(dx, input!, output!, pool),
        input: zerosLike(input!),
        output: zerosLike(output!),
      }),
    });
  }
  // Only the values are differentiated; the positions carry no derivative.
  tf.registerGradient({
    kernelName: 'MaxPoolWithArgmax',
    inputsToSave: ['x'],
    outputsToSave: [true, false],
    gradFunc: (dys, [input, output], attributes) => ({
      x: () =>
        run.runKernel(
          'MaxPoolGrad',
          { dy: (dys as tf.Tensor[])[0]!, input: input!, output: output! },
          attributes,
        ),
    }),
  });
}
