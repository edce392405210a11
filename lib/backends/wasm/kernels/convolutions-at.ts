import type * as tf from '@tensorflow/tfjs';
import { addKernel, type Call } from '../../kernels/kernel';
import { addProduct, FunctionBody, instantiated, type Local } from '../assembler';
import { transpose } from './convolutions-by-blas';
import { floats, type Heap, memoryOf, perHeap, zeros } from './heap';
import { runsOn } from './runs';

/** A window as the numbers that it sees of an image: lines of neighbours at equal distances. */
interface Window {
  lines: number;
  /** Numbers of a line. */
  length: number;
  /** Numbers from one line to the next in the image; in a filter they are one after the other. */
  distance: number;
}

/** Some numbers of a window: their bytes from its first one, in the image and in the filter. */
interface Piece {
  image: number;
  filter: number;
  load: 'v128.load' | 'v128.load32_zero';
  store: 'v128.store' | 'v128.store32_lane';
}

function piecesOf({ lines, length, distance }: Window): Piece[] {
  const pieces: Piece[] = [];
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; ) {
      const [image, filter] = [4 * (line * distance + i), 4 * (line * length + i)];
      const isFour = length - i >= 4;
      if (isFour) pieces.push({ image, filter, load: 'v128.load', store: 'v128.store' });
      else pieces.push({ image, filter, load: 'v128.load32_zero', store: 'v128.store32_lane' });
      i += isFour ? 4 : 1;
    }
  }
  return pieces;
}

/**
 * Goes through windows, one for each output, in turns through the channels: `each` is handed the address
 * of a window in the image, of the filter of its output's channel, and of the output.
 *
 * All parameters are addresses: where the windows begin and end, of which each is a distance from the
 * first number of the image; the image; the outputs; where the filters begin and end.
 */
function walk(
  name: string,
  { lines, length }: Window,
  each: (f: FunctionBody, at: Local, filter: Local, output: Local) => void,
): FunctionBody {
  const f = new FunctionBody(name, {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [windows, end, image, output, filters, lastFilter] = f.parameters;
  const [at, filter] = f.locals('i32', 'i32');
  f.get(filters).set(filter);
  return f.while(windows, end, () => {
    f.get(image, windows).memory('i32.load').do('i32.add').set(at);
    each(f, at, filter, output);
    f.advance(windows, 4).advance(output, 4);
    f.advance(filter, 4 * lines * length);
    f.get(filter, lastFilter).do('i32.ge_u');
    f.if(() => f.get(filters).set(filter));
  });
}

/** Sums that are kept apart, so that an addition need not wait for the one before. */
const SUMS = 4;

/** Output = ⟨window, filter⟩. */
const dots = (window: Window) => {
  let sums: Local[] | undefined;
  return walk('dots', window, (f, at, filter, output) => {
    sums ??= f.localsOf('v128', SUMS);
    for (const sum of sums) f.f32x4(0).set(sum);
    piecesOf(window).forEach((piece, i) => {
      f.get(at).memory(piece.load, piece.image);
      f.get(filter).memory(piece.load, piece.filter);
      addProduct(f, sums![i % SUMS]!, 'f32x4');
    });
    const [a, b, c, d] = sums as [Local, Local, Local, Local];
    f.get(a, b).do('f32x4.add').get(c, d).do('f32x4.add', 'f32x4.add').set(a);
    f.get(output);
    for (const lane of [0, 1, 2, 3]) f.get(a).lane('f32x4.extract_lane', lane);
    f.do('f32.add', 'f32.add', 'f32.add').memory('f32.store');
  });
};

/** Filter += output · window. */
const toFilters = (window: Window) =>
  walk('toFilters', window, (f, at, filter, output) => {
    const [slope, sum] = f.locals('v128', 'v128');
    f.get(output).memory('v128.load32_splat').set(slope);
    for (const piece of piecesOf(window)) {
      f.get(filter).memory(piece.load, piece.filter).set(sum);
      addProduct(f.get(at).memory(piece.load, piece.image).get(slope), sum, 'f32x4');
      f.get(filter, sum).memory(piece.store, piece.filter);
    }
  });

/** Window += output · filter. */
const toWindows = (window: Window) =>
  walk('toWindows', window, (f, at, filter, output) => {
    const [slope, sum] = f.locals('v128', 'v128');
    f.get(output).memory('v128.load32_splat').set(slope);
    for (const piece of piecesOf(window)) {
      f.get(at).memory(piece.load, piece.image).set(sum);
      addProduct(f.get(filter).memory(piece.load, piece.filter).get(slope), sum, 'f32x4');
      f.get(at, sum).memory(piece.store, piece.image);
    }
  });

const makers = { dots, toFilters, toWindows };

/** Functions that were written for a window, by what they do and the window's sizes. */
const functionsOn = perHeap(() => new Map<string, (...addresses: number[]) => number>());

function functionFor(heap: Heap, what: keyof typeof makers, window: Window) {
  const { lines, length, distance } = window;
  const name = `${what} ${lines} ${length} ${distance}`;
  const functions = functionsOn(heap);
  const known =
    functions.get(name) ?? instantiated(memoryOf(heap), [makers[what](window)], [])[what]!;
  functions.set(name, known);
  return known;
}

/** What a filter sees of a padded image of [.., height, width, channels]. */
function windowOf(filterShape: number[], imageShape: number[]): Window {
  const [lines, columns, channels] = filterShape as [number, number, number];
  return { lines, length: columns * channels, distance: imageShape[2]! * channels };
}

/** Goes through some of the windows, which may be all. */
function run(
  heap: Heap,
  what: keyof typeof makers,
  window: Window,
  parts: Record<'image' | 'outputs' | 'filters', Float32Array> & { windows: Int32Array },
): void {
  const { windows, image, outputs, filters } = parts;
  functionFor(
    heap,
    what,
    window,
  )(
    ...[windows.byteOffset, windows.byteOffset + windows.byteLength, image.byteOffset],
    ...[outputs.byteOffset, filters.byteOffset, filters.byteOffset + filters.byteLength],
  );
}

const integers = (heap: Heap, x: tf.TensorInfo) => heap.typedArrayFromHeap(x) as Int32Array;

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

/** Where windows are in images that were padded, and by how much they move. */
interface WindowsAt {
  /** [height, width, channels] of a padded image. */
  image: [number, number, number];
  /** [height, width, channels] of what the convolution gives of it. */
  outputs: [number, number, number];
  strides: [number, number];
}

/** The windows of those outputs of a convolution that are at flat places: their distances in bytes. */
function windowsAt({ inputs: { places }, attrs, backend }: Call<'places', WindowsAt>) {
  const heap = backend as Heap;
  const [, width, channels] = attrs.image;
  const [down, across] = attrs.strides;
  const [rows, columns, filters] = attrs.outputs;
  const [outputsOfImage, bytesOfImage] = [
    rows * columns * filters,
    4 * attrs.image[0] * width * channels,
  ];
  const ofOne = new Int32Array(outputsOfImage);
  for (let i = 0, o = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, o += filters) {
      ofOne.fill(4 * (i * down * width + j * across) * channels, o, o + filters);
    }
  }
  const out = heap.makeOutput(places.shape, 'int32');
  const [from, to] = [integers(heap, places), integers(heap, out)];
  const batch = places.shape[0]!;
  const each = to.length / batch;
  for (let b = 0, o = 0; b < batch; b++) {
    const [first, begin] = [b * outputsOfImage, b * bytesOfImage];
    for (const end = o + each; o < end; o++) to[o] = ofOne[from[o]! - first]! + begin;
  }
  return out;
}

function convolvedAt({
  inputs: { x, filter, windows },
  backend,
}: Call<'x' | 'filter' | 'windows', object>) {
  const heap = backend as Heap;
  const filters = byChannel(heap, filter);
  const out = heap.makeOutput(windows.shape, 'float32');
  run(heap, 'dots', windowOf(filter.shape, x.shape), {
    windows: integers(heap, windows),
    image: floats(heap, x),
    outputs: floats(heap, out),
    filters: floats(heap, filters),
  });
  heap.disposeData(filters.dataId);
  return out;
}

/** How many terms are added to one number in float32; their totals are added in float64. */
const TERMS = 256;

type ToFilter = Call<'x' | 'dy' | 'windows', { filterShape: number[] }>;

function toFilterAt({ inputs: { x, dy, windows }, attrs: { filterShape }, backend }: ToFilter) {
  const heap = backend as Heap;
  const part = zeros(heap, filterShape);
  const out = heap.makeOutput(filterShape, 'float32');
  const window = windowOf(filterShape, x.shape);
  const [all, outputs] = [integers(heap, windows), floats(heap, dy)];
  const [image, filters] = [floats(heap, x), floats(heap, part)];
  const totals = new Float64Array(filters.length);
  const most = TERMS * filterShape[3]!;
  for (let i = 0; i < all.length; i += most) {
    const parts = { windows: all.subarray(i, i + most), outputs: outputs.subarray(i, i + most) };
    run(heap, 'toFilters', window, { ...parts, image, filters });
    for (let o = 0; o < totals.length; o++) totals[o]! += filters[o]!;
    filters.fill(0);
  }
  filters.set(totals);
  transpose(filters, floats(heap, out), filters.length / filterShape[3]!);
  heap.disposeData(part.dataId);
  return out;
}

type ToInput = Call<'dy' | 'filter' | 'windows', Margins & { inputShape: number[] }>;

function toInputAt({ inputs: { dy, filter, windows }, attrs, backend }: ToInput) {
  const heap = backend as Heap;
  const { inputShape } = attrs;
  const lines = linesOn(heap, inputShape, attrs, 'inwards');
  const filters = byChannel(heap, filter);
  const padded = zeros(heap, withMargins(inputShape, attrs));
  const out = heap.makeOutput(inputShape, 'float32');
  run(heap, 'toWindows', windowOf(filter.shape, padded.shape), {
    windows: integers(heap, windows),
    image: floats(heap, padded),
    outputs: floats(heap, dy),
    filters: floats(heap, filters),
  });
  lines.gather(floats(heap, padded), floats(heap, out), inputShape[0]!);
  for (const { dataId } of [filters, padded]) heap.disposeData(dataId);
  return out;
}

/**
 * Convolutions of padded images at some of their outputs, such as those that a pool has picked, and
 * their derivatives.
 *
 * `WindowsAt` finds the windows of outputs at flat places, with the channel of an output its last axis;
 * `Conv2DAt` gives the outputs, in the shape of the places; `Conv2DAtBackpropFilter` and
 * `Conv2DAtBackpropInput` are its transposes, the latter for images without their margins, which
 * `WithMargins` puts around them. None has a gradient: nothing that is recorded may use them.
 */
export function addConvolutionsAt(): void {
  addKernel('WithMargins', 'wasm', withMarginsOfZeros);
  addKernel('WindowsAt', 'wasm', windowsAt);
  addKernel('Conv2DAt', 'wasm', convolvedAt);
  addKernel('Conv2DAtBackpropFilter', 'wasm', toFilterAt);
  addKernel('Conv2DAtBackpropInput', 'wasm', toInputAt);
}
