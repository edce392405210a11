import * as tf from '@tensorflow/tfjs';
import { type Call, replaceKernel } from '../../kernels/kernel';
import { floats, type Heap } from './heap';
import { overImages, type Space } from './window';

/**
 * The position of the maximum of x + addend in each window: flat positions in x, the first of several.
 *
 * @param addend numbers for each place of the window and each channel
 */
function maxima(x: Float32Array, space: Space, addend: Float32Array): Int32Array {
  const { batch, channels, depth, height, width } = space;
  const places = new Int32Array(batch * depth.outputs * height.outputs * width.outputs * channels);
  // What the window sees of the input: where its pixels are, and their rows in the addend.
  const pixels = new Int32Array(depth.size * height.size * width.size);
  const rows = new Int32Array(pixels.length);
  let o = 0;
  for (let n = 0; n < batch; n++) {
    for (let d = 0; d < depth.outputs; d++) {
      for (let h = 0; h < height.outputs; h++) {
        for (let w = 0; w < width.outputs; w++, o += channels) {
          let count = 0;
          for (let i = 0; i < depth.size; i++) {
            const z = d * depth.stride - depth.before + i * depth.dilation;
            if (z < 0 || z >= depth.length) continue;
            for (let j = 0; j < height.size; j++) {
              const y = h * height.stride - height.before + j * height.dilation;
              if (y < 0 || y >= height.length) continue;
              const line = ((n * depth.length + z) * height.length + y) * width.length;
              const row = (i * height.size + j) * width.size;
              for (let k = 0; k < width.size; k++) {
                const at = w * width.stride - width.before + k * width.dilation;
                if (at < 0 || at >= width.length) continue;
                pixels[count] = (line + at) * channels;
                rows[count] = (row + k) * channels;
                count += 1;
              }
            }
          }
          largestSums(x, addend, pixels, rows, count, channels, places, o);
        }
      }
    }
  }
  return places;
}

/** For each channel the place of the largest sum among some pixels; of equal ones the first. */
function largestSums(
  x: Float32Array,
  addend: Float32Array,
  pixels: Int32Array,
  rows: Int32Array,
  count: number,
  channels: number,
  places: Int32Array,
  o: number,
): void {
  for (let c = 0; c < channels; c++) {
    let place = 0;
    let best = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const at = pixels[i]! + c;
      const value = x[at]! + addend[rows[i]! + c]!;
      if (value > best) {
        best = value;
        place = at;
      }
    }
    places[o + c] = place;
  }
}

interface Dilation {
  strides: number | [number, number];
  pad: 'same' | 'valid';
  dilations: number | [number, number];
}

/** The maximum over a window of input plus filter. */
function dilation2D({ inputs, attrs, backend }: Call<'x' | 'filter', Dilation>): tf.TensorInfo {
  const { x, filter } = inputs;
  const heap = backend as Heap;
  const space = overImages(
    tf.backend_util.computeDilation2DInfo(
      x.shape as [number, number, number, number],
      filter.shape as [number, number, number],
      attrs.strides,
      attrs.pad,
      'NHWC',
      attrs.dilations,
    ),
  );
  const out = heap.makeOutput(space.outShape, 'float32');
  const from = floats(heap, x);
  const weights = floats(heap, filter);
  const to = floats(heap, out);
  const { channels } = space;
  const places = maxima(from, space, weights);
  const { height, width } = space;
  for (let o = 0; o < places.length; o++) {
    const c = o % channels;
    const w = Math.floor(o / channels) % width.outputs;
    const h = Math.floor(o / channels / width.outputs) % height.outputs;
    const pixel = Math.floor(places[o]! / channels);
    const k = ((pixel % width.length) - w * width.stride + width.before) / width.dilation;
    const y = Math.floor(pixel / width.length) % height.length;
    const j = (y - h * height.stride + height.before) / height.dilation;
    to[o] = from[places[o]!]! + weights[(j * width.size + k) * channels + c]!;
  }
  return out;
}

/** The stock kernel starts from the least positive number, so that no maximum is negative. */
export const repairDilation = () => replaceKernel('Dilation2D', 'wasm', dilation2D);
