import type * as tf from '@tensorflow/tfjs';
import { addKernel, type Call } from '../../kernels/kernel';
import { transpose } from './convolutions-by-blas';
import { floats, type Heap, zeros } from './heap';
import { runsOn } from './runs';
import { eachOf, type Which, whichOf, windowsAt } from './windows-at';
import { functionFor, type Window } from './windows-in-pairs';

/** What a filter sees of a padded image of [.., height, width, channels]. */
function windowOf(filterShape: number[], imageShape: number[]): Window {
  const [lines, columns, channels] = filterShape as [number, number, number];
  return { lines, length: columns * channels, distance: imageShape[2]! * channels };
}

/** A filter with its numbers for each channel one after the other. */
function byChannel(heap: Heap, filter: tf.TensorInfo): tf.TensorInfo {
  const out = heap.makeOutput(filter.shape, 'float32');
  transpose(floats(heap, filter), floats(heap, out), filter.shape[3]!);
  return out;
}

/** Margins of images: above and below, before and after. */
interface Margins {
  height: [number, number];
  width: [number, number];
}

/** The shape of images with their margins. */
function withMargins(shape: number[], { height, width }: Margins): number[] {
  const [batch, rows, columns, channels] = shape as [number, number, number, number];
  return [batch, rows + height[0] + height[1], columns + width[0] + width[1], channels];
}

/** The lines of an image, and where they are with its margins; the other way round for `'inwards'`. */
function linesOn(heap: Heap, shape: number[], margins: Margins, way: 'outwards' | 'inwards') {
  const [, rows, columns, channels] = shape as [number, number, number, number];
  const { height, width } = margins;
  const whole = withMargins(shape, margins)[2]!;
  return runsOn(heap, {
    name: `${way} ${JSON.stringify([rows, columns, channels, height, width])}`,
    each(visit) {
      for (let i = 0; i < rows; i++) {
        const [inner, outer] = [i * columns, (i + height[0]) * whole + width[0]].map(
          (pixel) => pixel * channels,
        );
        const [to, from] = way === 'outwards' ? [outer!, inner!] : [inner!, outer!];
        visit(to, from, columns * channels);
      }
    },
  });
}

function withMarginsOfZeros({ inputs: { x }, attrs, backend }: Call<'x', Margins>) {
  const heap = backend as Heap;
  const lines = linesOn(heap, x.shape, attrs, 'outwards');
  const out = zeros(heap, withMargins(x.shape, attrs));
  lines.gather(floats(heap, x), floats(heap, out), x.shape[0]!);
  return out;
}

/** Entry by entry, where numbers may be NaN or infinite. */
function multiplyBy(values: Float32Array, slopes: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i]! *= slopes[i]!;
}

type At = Call<'x' | 'filter' | 'windows' | 'slope', object> & {
  inputs: { dx?: tf.TensorInfo; dfilter?: tf.TensorInfo; bias?: tf.TensorInfo };
};

/** The product rule: x · dfilter + dx · filter + bias, times the slope. */
function convolvedAt({ inputs, backend }: At) {
  const heap = backend as Heap;
  const { x, filter, dx, dfilter, bias, windows, slope } = inputs;
  const terms: (readonly [tf.TensorInfo, tf.TensorInfo])[] = [];
  if (dfilter) terms.push([x, byChannel(heap, dfilter)]);
  if (dx) terms.push([dx, byChannel(heap, filter)]);
  const out = zeros(heap, slope.shape);
  const which = whichOf(
    heap,
    windows,
    [dx, dfilter, bias].filter((each) => each !== undefined),
  );
  const window = windowOf(filter.shape, x.shape);
  const compute = functionFor(heap, terms.length === 2 ? 'dotsOfTwo' : 'dots', window);
  const outputs = floats(heap, out);
  const addresses = terms.flat().map((each) => floats(heap, each).byteOffset);
  const biases = bias && floats(heap, bias);
  const bytes = 4 * window.lines * window.length;
  const [first, second] = addresses as [number, number];
  const { byteOffset } = outputs;
  const [third = 0, fourth = 0] = addresses.slice(2);
  eachOf(heap, windows, which, (from, to, channel) => {
    const [bias, filter] = [biases?.[channel] ?? 0, channel * bytes];
    compute(from, to, byteOffset, bias, first, second + filter, third, fourth + filter);
  });
  if (which === 'all') multiplyBy(outputs, floats(heap, slope));
  for (const [, { dataId }] of terms) heap.disposeData(dataId);
  return out;
}

/** The numbers of dy times the slope, where they will be looked at; to be freed where they are new. */
function slopedAt(heap: Heap, which: Which, dy: tf.TensorInfo, slope: tf.TensorInfo) {
  if (which === 'counting') return dy;
  const out = heap.makeOutput(dy.shape, 'float32');
  floats(heap, out).set(floats(heap, dy));
  multiplyBy(floats(heap, out), floats(heap, slope));
  return out;
}

/** How many terms are added to one number in float32; their totals are added in float64. */
const TERMS = 256;

type ToFilter = Call<'x' | 'dy' | 'windows' | 'slope', { filterShape: number[] }>;

function toFilterAt({ inputs, attrs: { filterShape }, backend }: ToFilter) {
  const heap = backend as Heap;
  const { x, dy, windows, slope } = inputs;
  const channels = filterShape[3]!;
  const which = whichOf(heap, windows, [dy]);
  const sloped = slopedAt(heap, which, dy, slope);
  const window = windowOf(filterShape, x.shape);
  const size = window.lines * window.length;
  const part = heap.makeOutput([size], 'float32');
  const out = heap.makeOutput(filterShape, 'float32');
  const compute = functionFor(heap, 'toFilters', window);
  const sums = floats(heap, part);
  const [outputs, image, to] = [sloped, x, part].map((each) => floats(heap, each).byteOffset);
  const totals = new Float64Array(size * channels);
  const addUp = (from: number, end: number, channel: number) => {
    compute(from, end, outputs!, image!, to!);
    for (let i = 0, o = channel; i < size; i++, o += channels) totals[o]! += sums[i]!;
  };
  eachOf(heap, windows, which, addUp, TERMS);
  floats(heap, out).set(totals);
  heap.disposeData(part.dataId);
  if (sloped !== dy) heap.disposeData(sloped.dataId);
  return out;
}

function toBiasAt({ inputs, backend }: Call<'dy' | 'windows' | 'slope', object>) {
  const heap = backend as Heap;
  const { dy, windows, slope } = inputs;
  const which = whichOf(heap, windows, [dy]);
  const sloped = slopedAt(heap, which, dy, slope);
  const channels = slope.shape[3]!;
  const out = heap.makeOutput([channels], 'float32');
  const compute = functionFor(heap, 'total', { lines: 0, length: 0, distance: 0 });
  const { byteOffset } = floats(heap, sloped);
  const totals = new Float64Array(channels);
  eachOf(heap, windows, which, (from, end, channel) => {
    totals[channel]! += compute(from, end, byteOffset);
  });
  floats(heap, out).set(totals);
  if (sloped !== dy) heap.disposeData(sloped.dataId);
  return out;
}

type ToInput = Call<'dy' | 'filter' | 'windows' | 'slope', Margins & { inputShape: number[] }>;

function toInputAt({ inputs, attrs, backend }: ToInput) {
  const heap = backend as Heap;
  const { dy, filter, windows, slope } = inputs;
  const { inputShape } = attrs;
  const lines = linesOn(heap, inputShape, attrs, 'inwards');
  const filters = byChannel(heap, filter);
  const padded = zeros(heap, withMargins(inputShape, attrs));
  const out = heap.makeOutput(inputShape, 'float32');
  const which = whichOf(heap, windows, [dy]);
  const sloped = slopedAt(heap, which, dy, slope);
  const window = windowOf(filter.shape, padded.shape);
  const compute = functionFor(heap, 'toWindows', window);
  const [outputs, image, first] = [sloped, padded, filters].map(
    (each) => floats(heap, each).byteOffset,
  ) as [number, number, number];
  const bytes = 4 * window.lines * window.length;
  eachOf(heap, windows, which, (from, to, channel) =>
    compute(from, to, outputs, image, first + channel * bytes),
  );
  lines.gather(floats(heap, padded), floats(heap, out), inputShape[0]!);
  for (const { dataId } of [filters, padded]) heap.disposeData(dataId);
  if (sloped !== dy) heap.disposeData(sloped.dataId);
  return out;
}

/**
 * Convolutions of padded images at some of their outputs, such as those that a pool has picked, and
 * their derivatives.
 *
 * `WindowsAt` lists the windows of outputs at flat places, with the channel of an output its last axis, and the
 * outputs. Each output has a slope that it is multiplied by; those of slope 0 are left out of all that follows,
 * where no number that is not finite would be multiplied by it. `Conv2DAt` gives the derivative of the outputs
 * along `dx`, `dfilter` or both, and a bias that is added to them; `Conv2DAtBackpropFilter`,
 * `Conv2DAtBackpropInput` and `Conv2DAtBackpropBias` are the transposes, the second for images without the margins that
 * `WithMargins` puts around them. None has a gradient: nothing that is recorded may use them.
 */
export function addConvolutionsAt(): void {
  addKernel('WithMargins', 'wasm', withMarginsOfZeros);
  addKernel('WindowsAt', 'wasm', windowsAt);
  addKernel('Conv2DAt', 'wasm', convolvedAt);
  addKernel('Conv2DAtBackpropFilter', 'wasm', toFilterAt);
  addKernel('Conv2DAtBackpropBias', 'wasm', toBiasAt);
  addKernel('Conv2DAtBackpropInput', 'wasm', toInputAt);
}
