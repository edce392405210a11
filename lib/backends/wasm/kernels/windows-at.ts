import type * as tf from '@tensorflow/tfjs';
import type { Call } from '../../kernels/kernel';
import { FunctionBody, instantiated } from '../assembler';
import { isFiniteThroughout } from './finite';
import { type Heap, memoryOf, perHeap } from './heap';
import { listOf } from './lists';

/**
 * Bytes of a pair: how far a window is from the first number of the images, and how far its output is from
 * the first one.
 */
export const PAIR = 8;

/** Where windows are in images that were padded, and by how much they move. */
interface WindowsAt {
  /** [height, width, channels] of a padded image. */
  image: [number, number, number];
  /** [height, width, channels] of what the convolution gives of it. */
  outputs: [number, number, number];
  strides: [number, number];
}

/**
 * Puts the pairs of the outputs of one image into the rows of their channels.
 *
 * Parameters are addresses: the first place and the end of those of the image; from a place to the slope of
 * the same output; a table of the windows of all flat places of the batch, as if it had those before the image
 * too; what a window of the image is further than in the first; the first place of all; and two cursors for
 * each channel: where the next pair goes that counts, and the next one that does not.
 */
function list(): FunctionBody {
  const f = new FunctionBody('list', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [place, end, toSlope, table, further, firstPlace, cursors, lastCursor] = f.parameters;
  const [cursor, window, output] = f.locals('i32', 'i32', 'i32');
  const [next, last, skipped] = f.locals('i32', 'i32', 'i32');
  f.get(cursors).set(cursor);
  return f.while(place, end, () => {
    f.get(place).memory('i32.load').i32(2).do('i32.shl').get(table).do('i32.add');
    f.memory('i32.load').get(further).do('i32.add').set(window);
    f.get(place, firstPlace).do('i32.sub').set(output);
    f.get(cursor).memory('i32.load').set(next);
    f.get(cursor).memory('i32.load', 4).set(last);
    // To both places, which are free: a branch would be mispredicted half of the time.
    for (const pair of [next, last]) {
      f.get(pair, window)
        .memory('i32.store')
        .get(pair, output)
        .memory('i32.store', PAIR / 2);
    }
    // A slope is 0 or 1, or else a NaN, all by their bits.
    f.get(place, toSlope).do('i32.add').memory('i32.load').do('i32.eqz').i32(3).do('i32.shl');
    f.set(skipped);
    f.get(cursor, next).i32(PAIR).do('i32.add').get(skipped).do('i32.sub').memory('i32.store');
    f.get(cursor, last, skipped).do('i32.sub').memory('i32.store', 4);
    f.advance(cursor, 8).advance(place, 4);
    f.get(cursor, lastCursor)
      .do('i32.ge_u')
      .if(() => f.get(cursors).set(cursor));
  });
}

const listOn = perHeap((heap) => instantiated(memoryOf(heap), [list()], []).list!);

/** The windows of all outputs of an image, in bytes from its first number. */
function tableOf(heap: Heap, { image, outputs, strides }: WindowsAt): number {
  const [, width, depth] = image;
  const [down, across] = strides;
  const [rows, columns, channels] = outputs;
  const name = `windows of outputs ${JSON.stringify([width, depth, outputs, strides])}`;
  const { begin } = listOf(heap, name, () =>
    Array.from({ length: rows * columns * channels }, (_, output) => {
      const pixel = Math.floor(output / channels);
      const [i, j] = [Math.floor(pixel / columns), pixel % columns];
      return 4 * (i * down * width + j * across) * depth;
    }),
  );
  return begin;
}

/** About how many bytes of images and outputs are gone through by all channels, one after the other. */
const BLOCK = 2 ** 15;

/**
 * The windows of those outputs of a convolution that are at flat places, and their outputs, as pairs.
 *
 * For each block of images and each channel there is a row of integers: how many pairs count, whose slope is
 * not 0, and how many there are, then the pairs, those first. Where images, filter or slopes are not finite the
 * first number is {@link ALL}.
 */
export function windowsAt({
  inputs: { places, slope, x, filter },
  attrs,
  backend,
}: Call<'places' | 'slope' | 'x' | 'filter', WindowsAt>): tf.TensorInfo {
  const heap = backend as Heap;
  const [height, width, depth] = attrs.image;
  const [rows, columns, channels] = attrs.outputs;
  const bytesOfImage = 4 * height * width * depth;
  const [batch] = places.shape as [number];
  const ofEach = places.shape.slice(1).reduce((a, b) => a * b, 1);
  const images = Math.min(batch, Math.max(1, Math.floor(BLOCK / (bytesOfImage + 4 * ofEach))));
  const blocks = Math.ceil(batch / images);
  const length = 2 + (2 * images * ofEach) / channels;
  const table = tableOf(heap, attrs);
  const out = heap.makeOutput([blocks, channels, length], 'int32');
  const marks = heap.makeOutput([channels, 2], 'int32');
  const all = integers(heap, out);
  const cursors = addresses(heap, marks);
  const first = integers(heap, places).byteOffset;
  const toSlope = integers(heap, slope).byteOffset - first;
  const compute = listOn(heap);
  for (let block = 0; block < blocks; block++) {
    const [low, high] = [block * images, Math.min(batch, (block + 1) * images)];
    const count = ((high - low) * ofEach) / channels;
    const row = (channel: number) => (block * channels + channel) * length;
    for (let c = 0; c < channels; c++) {
      cursors[2 * c] = all.byteOffset + 4 * row(c) + PAIR;
      cursors[2 * c + 1] = cursors[2 * c]! + PAIR * (count - 1);
    }
    for (let b = low; b < high; b++) {
      const from = first + 4 * b * ofEach;
      const before = 4 * b * rows * columns * channels;
      const { byteOffset, byteLength } = cursors;
      compute(
        ...[from, from + 4 * ofEach, toSlope, table - before, b * bytesOfImage, first],
        ...[byteOffset, byteOffset + byteLength],
      );
    }
    for (let c = 0; c < channels; c++) {
      all[row(c)] = (cursors[2 * c]! - all.byteOffset - 4 * row(c)) / PAIR - 1;
      all[row(c) + 1] = count;
    }
  }
  heap.disposeData(marks.dataId);
  if (![x, filter, slope].every((each) => isFiniteThroughout(heap, each))) all[0] = ALL;
  return out;
}

const integers = (heap: Heap, x: tf.TensorInfo) => {
  const { buffer, byteOffset, length } = heap.typedArrayFromHeap(x);
  return new Int32Array(buffer, byteOffset, length);
};

/** Addresses, which are from 2³¹ on beyond 2 GiB. */
const addresses = (heap: Heap, x: tf.TensorInfo) => {
  const { buffer, byteOffset, length } = heap.typedArrayFromHeap(x);
  return new Uint32Array(buffer, byteOffset, length);
};

/**
 * Goes through the pairs of a list: `compute` is called with the addresses of the first one and of the end of
 * at most as many of one channel at a time as were asked for.
 *
 * @param which whether pairs are left out whose outputs have the slope 0
 */
export function eachOf(
  heap: Heap,
  windows: tf.TensorInfo,
  which: Which,
  compute: (from: number, to: number, channel: number) => void,
  most = Number.POSITIVE_INFINITY,
): void {
  const list = integers(heap, windows);
  const [blocks, channels, length] = windows.shape as [number, number, number];
  for (let row = 0; row < blocks * channels; row++) {
    const begin = row * length;
    const count = list[which === 'all' ? begin + 1 : begin]!;
    const first = list.byteOffset + 4 * begin + PAIR;
    for (let i = 0; i < count; i += most) {
      compute(first + PAIR * i, first + PAIR * Math.min(count, i + most), row % channels);
    }
  }
}

/**
 * Which outputs have to be looked at: 0 times what is not finite is no 0.
 *
 * @param factors those that were not looked at when the windows were listed
 */
export function whichOf(
  heap: Heap,
  windows: tf.TensorInfo,
  factors: readonly tf.TensorInfo[],
): Which {
  const isListed = integers(heap, windows)[0]! >= 0;
  return isListed && factors.every((factor) => isFiniteThroughout(heap, factor))
    ? 'counting'
    : 'all';
}

/** All outputs, or those whose slope is not 0. */
export type Which = 'all' | 'counting';

/** The first of a list whose pairs all count. */
const ALL = -1;
