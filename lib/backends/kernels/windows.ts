import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../../errors';
import { type AnyCall, type Call, kernelFunction, replaceKernel } from './kernel';

type Four = [number, number, number, number];
type Five = [number, number, number, number, number];

/** The attributes of pools and convolutions. */
interface Window {
  filterSize: number;
  strides: number;
  pad: 'same' | 'valid' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dilations?: number | null;
  dataFormat?: string;
}

type Windowed = Call<string, Window>;
type ShapeOf = (x: number[], filter: number[], window: Window) => number[];

const { computeConv2DInfo, computeConv3DInfo, computePool2DInfo, computePool3DInfo } =
  tf.backend_util;

const ofPool: ShapeOf = (x, _, { filterSize, strides, pad, dimRoundingMode }) =>
  x.length === 5
    ? computePool3DInfo(x as Five, filterSize, strides, 1, pad, dimRoundingMode).outShape
    : computePool2DInfo(x as Four, filterSize, strides, 1, pad, dimRoundingMode).outShape;

const ofConvolution =
  (depthwise: boolean): ShapeOf =>
  (x, filter, { strides, pad, dilations, dimRoundingMode, dataFormat }) =>
    computeConv2DInfo(
      x as Four,
      filter as Four,
      strides,
      // Some gradients leave it null.
      dilations ?? 1,
      pad,
      dimRoundingMode,
      depthwise,
      dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast',
    ).outShape;

const shapes: Record<string, ShapeOf> = {
  AvgPool: ofPool,
  AvgPool3D: ofPool,
  MaxPool: ofPool,
  MaxPool3D: ofPool,
  MaxPoolWithArgmax: ofPool,
  Conv2D: ofConvolution(false),
  FusedConv2D: ofConvolution(false),
  DepthwiseConv2dNative: ofConvolution(true),
  FusedDepthwiseConv2D: ofConvolution(true),
  Conv3D: (x, filter, { strides, pad, dilations }) =>
    computeConv3DInfo(x as Five, filter as Five, strides, dilations ?? 1, pad as 'same').outShape,
};

/**
 * The shape of what a window gives, for the kernels that move one over images or volumes.
 *
 * What it sees may be given in place of the images, as a table, which has rank 3.
 */
export function windowShape(kernelName: string, call: AnyCall): number[] | undefined {
  const { inputs, attrs } = call as Windowed;
  const shapeOf = shapes[kernelName];
  if (shapeOf === undefined || inputs.x!.shape.length < 4) return undefined;
  return shapeOf(inputs.x!.shape, inputs.filter?.shape ?? [], attrs);
}

/**
 * Whether a pool over images has a window that sees the margin alone: it has no maximum and no mean.
 */
export function seesMarginAlone(kernelName: string, { inputs, attrs }: AnyCall): boolean {
  const x = inputs.x!.shape;
  if (!/^(Max|Avg)Pool$/.test(kernelName) || x.length !== 4) return false;
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as Window;
  const info = computePool2DInfo(x as Four, filterSize, strides, 1, pad, dimRoundingMode);
  const { padInfo } = info;
  const isBeside = (
    length: number,
    size: number,
    stride: number,
    before: number,
    outputs: number,
  ) => size <= before || (outputs - 1) * stride - before >= length;
  return (
    isBeside(info.inHeight, info.filterHeight, info.strideHeight, padInfo.top, info.outHeight) ||
    isBeside(info.inWidth, info.filterWidth, info.strideWidth, padInfo.left, info.outWidth)
  );
}

/**
 * Refuses a window that is larger than the image by two or more.
 *
 * TensorFlow.js works out a negative length then; two of them make a positive size, which is filled
 * with what happens to be there.
 */
export function refuseMisfits(backendName: string): void {
  for (const kernelName of Object.keys(shapes)) {
    if (!tf.getKernel(kernelName, backendName)) continue;
    const compute = kernelFunction(kernelName, backendName);
    replaceKernel<string, object>(kernelName, backendName, (call) => {
      const shape = windowShape(kernelName, call);
      if (shape?.some((length) => length < 0)) {
        throw new ShapeError({
          given: `${kernelName} of shape [${call.inputs.x!.shape}], which would give [${shape}]`,
          expected: 'a window that fits into the image',
          remedy: "Make it smaller, or pad the image with `pad: 'same'`.",
        });
      }
      return compute(call);
    });
  }
}
