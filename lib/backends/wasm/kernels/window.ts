import * as tf from '@tensorflow/tfjs';

type Rounding = 'floor' | 'round' | 'ceil';
type Pad = 'same' | 'valid' | number;

/** The attributes of a pool. */
export interface Pool {
  filterSize: number | number[];
  strides: number | number[];
  pad: Pad;
  dimRoundingMode?: Rounding;
}

/** A window that moves along one axis of space. */
export interface Axis {
  length: number;
  outputs: number;
  size: number;
  stride: number;
  dilation: number;
  before: number;
}

/** A window over images (depth 1) or volumes: everything is [batch, depth, height, width, channels]. */
export interface Space {
  batch: number;
  channels: number;
  depth: Axis;
  height: Axis;
  width: Axis;
  outShape: number[];
}

const flat: Axis = { length: 1, outputs: 1, size: 1, stride: 1, dilation: 1, before: 0 };

type Info2D = ReturnType<typeof tf.backend_util.computePool2DInfo>;
type Info3D = ReturnType<typeof tf.backend_util.computePool3DInfo>;

const heightAndWidth = (info: Info2D | Info3D): Pick<Space, 'height' | 'width'> => ({
  height: {
    length: info.inHeight,
    outputs: info.outHeight,
    size: info.filterHeight,
    stride: info.strideHeight,
    dilation: info.dilationHeight,
    before: info.padInfo.top,
  },
  width: {
    length: info.inWidth,
    outputs: info.outWidth,
    size: info.filterWidth,
    stride: info.strideWidth,
    dilation: info.dilationWidth,
    before: info.padInfo.left,
  },
});

/** The window of a pool or a convolution over images. */
export const overImages = (info: Info2D): Space => ({
  batch: info.batchSize,
  channels: info.inChannels,
  depth: flat,
  ...heightAndWidth(info),
  outShape: info.outShape,
});

/** The window of a pool over volumes. */
export const overVolumes = (info: Info3D): Space => ({
  batch: info.batchSize,
  channels: info.inChannels,
  depth: {
    length: info.inDepth,
    outputs: info.outDepth,
    size: info.filterDepth,
    stride: info.strideDepth,
    dilation: info.dilationDepth,
    before: info.padInfo.front,
  },
  ...heightAndWidth(info),
  outShape: info.outShape,
});

/** The window of a pool over images or volumes of a shape. */
export function poolSpace(shape: number[], { filterSize, strides, pad, dimRoundingMode }: Pool) {
  if (shape.length === 5) {
    return overVolumes(
      tf.backend_util.computePool3DInfo(
        shape as [number, number, number, number, number],
        filterSize as number,
        strides as number,
        1,
        pad,
        dimRoundingMode,
      ),
    );
  }
  return overImages(
    tf.backend_util.computePool2DInfo(
      shape as [number, number, number, number],
      filterSize as number,
      strides as number,
      1,
      pad,
      dimRoundingMode,
    ),
  );
}

/** The attributes of a convolution. */
export interface Convolution {
  strides: number | [number, number];
  /** Before and after each axis, where it is given for each. */
  pad: Pad | [number, number][];
  dimRoundingMode?: Rounding;
  dilations?: number | number[];
  dataFormat?: string;
}

/** The window of a convolution whose filter is not dilated. */
export function convolutionSpace(
  x: number[],
  filter: number[],
  { strides, pad, dimRoundingMode }: Convolution,
  depthwise = false,
): Space {
  if (x.length === 5) {
    return overVolumes(
      tf.backend_util.computeConv3DInfo(
        x as [number, number, number, number, number],
        filter as [number, number, number, number, number],
        strides as number,
        1,
        pad as Pad as 'same',
      ),
    );
  }
  return overImages(
    tf.backend_util.computeConv2DInfo(
      x as [number, number, number, number],
      filter as [number, number, number, number],
      strides as number,
      1,
      pad as Pad,
      dimRoundingMode,
      depthwise,
    ),
  );
}
