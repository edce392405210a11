import * as tf from '@tensorflow/tfjs';
import { engine } from '../engine';
import { unrecorded } from '../unrecorded';
import { differentiate, scatterTo, zerosLike } from './gradient';
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

/** Where the maxima of x are. */
const maximaOf = (x: tf.Tensor, y: tf.Tensor, pool: Pool): tf.Tensor =>
  unrecorded(() => {
    const axes = windowsOf(x, pool);
    return placesOf(y, windows(x, axes, Number.NEGATIVE_INFINITY), x, axes);
  });

/** The elements of `t` at the places where the maxima of x are. */
function takeAtMaxima(t: tf.Tensor, x: tf.Tensor, y: tf.Tensor, pool: Pool): tf.Tensor {
  const places = maximaOf(x, y, pool);
  const taken = tf.gather(tf.reshape(t, [-1]), tf.reshape(places, [-1]) as tf.Tensor1D);
  return tf.reshape(taken, y.shape);
}

/**
 * Whether the stock kernel knows where the maxima are: it rounds the number of windows down, and over
 * volumes takes the height of a window for its width.
 */
function hasStockPlaces(x: tf.Tensor, pool: Pool): boolean {
  const axes = windowsOf(x, pool);
  const roundedDown = windowsOf(x, { ...pool, dimRoundingMode: 'floor' });
  const [height, width] = axes.slice(-2);
  return (
    axes.every(({ outputs }, i) => outputs === roundedDown[i]!.outputs) &&
    (x.rank < 5 || height!.size === width!.size)
  );
}

/** How many elements of the input, not of the padding, a window covers at each place. */
function counts(n: number, { size, stride, before, outputs }: Window): number[] {
  return Array.from({ length: outputs }, (_, o) => {
    const start = o * stride - before;
    return Math.min(start + size, n) - Math.max(start, 0);
  });
}

/** Writes zeros between and around the elements of an axis, so that a window over it spreads them. */
function loosen(dy: tf.Tensor, axis: number, n: number, { size, stride, before, outputs }: Window) {
  const insert = (t: tf.Tensor, shape: number[], margin: [number, number]) =>
    tf.pad(
      tf.reshape(t, shape),
      shape.map((_, i): [number, number] =>
        i === axis + (shape.length - t.rank) ? margin : [0, 0],
      ),
    );
  const head = dy.shape.slice(0, axis);
  const tail = dy.shape.slice(axis + 1);
  const split = insert(dy, [...head, outputs, 1, ...tail], [0, stride - 1]);
  const front = size - 1 - before;
  const length = Math.min(outputs * stride, n + size - 1 - front);
  const apart = tf.slice(
    tf.reshape(split, [...head, outputs * stride, ...tail]),
    Array(dy.rank).fill(0),
    [...head, length, ...tail],
  );
  return insert(apart, apart.shape, [front, n + size - 1 - front - length]);
}

/**
 * The derivative of an average that leaves the padding out of account.
 *
 * Each output's share is spread over its window, which is a sum over a moving window again. The
 * stock kernels divide by the whole window's size instead, but for those of tfjs-node.
 */
function spreadAverage(kernel: string, dy: tf.Tensor, x: tf.Tensor, axes: Window[]): tf.Tensor {
  const shares = axes.reduce<tf.Tensor>((t, window, i) => {
    const shape = t.shape.map((_, axis) => (axis === i + 1 ? -1 : 1));
    return tf.div(t, tf.reshape(counts(x.shape[i + 1]!, window), shape));
  }, dy);
  const loose = axes.reduce((t, window, i) => loosen(t, i + 1, x.shape[i + 1]!, window), shares);
  const filterSize = axes.map((w) => w.size);
  const strides = axes.map(() => 1);
  const sizes = filterSize.reduce((a, b) => a * b, 1);
  const attributes = { filterSize, strides, pad: 'valid', dataFormat: 'NDHWC' };
  return tf.mul(engine().runKernel(kernel, { x: loose }, attributes), sizes);
}

/** Whether some window covers padding. */
const isPadded = (x: tf.Tensor, axes: Window[]) =>
  axes.some((window, i) => counts(x.shape[i + 1]!, window).some((n) => n !== window.size));

/** Pools, whose derivatives are linear in dy and have none themselves. */
export function repairPooling(): void {
  const run = engine();
  for (const kernel of ['AvgPool', 'AvgPool3D']) {
    differentiate<Pool>(kernel, {
      inputs: ['x'],
      gradient: (dy, [x], pool) => ({
        x: () => {
          const axes = windowsOf(x!, pool);
          return isPadded(x!, axes)
            ? spreadAverage(kernel, dy, x!, axes)
            : run.runKernel(`${kernel}Grad`, { dy, input: x! }, { ...pool } as tf.NamedAttrMap);
        },
      }),
    });
    differentiate<tf.NamedAttrMap>(`${kernel}Grad`, {
      inputs: ['input'],
      gradient: (dx, [input], pool) => ({
        dy: () => run.runKernel(kernel, { x: dx }, pool),
        input: zerosLike(input!),
      }),
    });
  }
  for (const kernel of ['MaxPool', 'MaxPool3D']) {
    differentiate<Pool>(kernel, {
      inputs: ['x'],
      output: true,
      gradient: (dy, [x, y], pool) => ({
        x: () =>
          hasStockPlaces(x!, pool)
            ? run.runKernel(`${kernel}Grad`, { dy, input: x!, output: y! }, {
                ...pool,
              } as tf.NamedAttrMap)
            : scatterTo(maximaOf(x!, y!, pool), dy, x!.shape),
      }),
    });
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
