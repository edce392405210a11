import type * as tf from '@tensorflow/tfjs';
import {
  add,
  addIntegers,
  advance,
  areGreater,
  assembled,
  type Code,
  chooseBits,
  constant,
  floatConstant,
  forEach,
  fourIntegers,
  get,
  greaterOfFours,
  i32,
  loadFour,
  loadInteger,
  loadOne,
  set,
  shiftIntegersRight,
  spread,
  spreadInteger,
  storeFour,
  storeOne,
  subtractIntegers,
  v128,
} from './assembly';
import { floats, type Heap } from './heap';
import { listOf } from './lists';
import type { Space } from './window';

/** All in bytes; `whole` is the part of a pixel's `channels` that is made of fours. */
type Find = (
  windows: number,
  end: number,
  x: number,
  image: number,
  last: number,
  whole: number,
  channels: number,
  places: number,
) => void;

const [WINDOWS, END, X, IMAGE, STOP, WHOLE, CHANNELS, PLACES] = [0, 1, 2, 3, 4, 5, 6, 7];
const [START, WINDOW, NEXT, PIXEL, CHANNEL, AT, FOUND, LARGEST, VALUE, GREATER] = [
  8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
];

/** Finds the maxima of one window for some channels at a time, until CHANNEL reaches a local. */
function maximaUntil(
  until: number,
  width: 1 | 4,
  [load, store]: readonly [number[], number[]],
): number[] {
  const pixel = [
    ...[...get(X), ...get(CHANNEL), ...add, ...get(PIXEL), ...loadInteger(0), ...add],
    ...set(AT),
  ];
  return forEach(
    CHANNEL,
    until,
    [...get(WINDOW), ...constant(4), ...add, ...set(PIXEL)],
    pixel,
    // As on cpu a NaN is not a maximum, not even the first.
    [...floatConstant(Number.NEGATIVE_INFINITY), ...spread],
    [...get(AT), ...load, ...greaterOfFours, ...set(LARGEST)],
    [...get(AT), ...spreadInteger, ...set(FOUND)],
    advance(PIXEL, constant(4)),
    forEach(
      PIXEL,
      NEXT,
      pixel,
      [...get(AT), ...load, ...set(VALUE)],
      [...get(VALUE), ...get(LARGEST), ...areGreater, ...set(GREATER)],
      [...get(VALUE), ...get(LARGEST), ...get(GREATER), ...chooseBits, ...set(LARGEST)],
      [...get(AT), ...spreadInteger],
      [...get(FOUND), ...get(GREATER), ...chooseBits, ...set(FOUND)],
      advance(PIXEL, constant(4)),
    ),
    get(PLACES),
    [...get(FOUND), ...get(START), ...spreadInteger, ...subtractIntegers],
    [...constant(2), ...shiftIntegersRight, ...fourIntegers([0, 1, 2, 3]), ...addIntegers],
    store,
    advance(CHANNEL, constant(4 * width)),
    advance(PLACES, constant(4 * width)),
  );
}

const find: Code = {
  parameters: [i32, i32, i32, i32, i32, i32, i32, i32],
  locals: [i32, i32, i32, i32, i32, i32, v128, v128, v128, v128],
  body: [
    ...[...get(X), ...set(START)],
    ...forEach(
      X,
      STOP,
      [...get(WINDOWS), ...set(WINDOW)],
      forEach(
        WINDOW,
        END,
        [...get(WINDOW), ...loadInteger(0), ...get(WINDOW), ...add, ...set(NEXT)],
        [...constant(0), ...set(CHANNEL)],
        maximaUntil(WHOLE, 4, [loadFour(), storeFour()]),
        maximaUntil(CHANNELS, 1, [loadOne(), storeOne()]),
        [...get(NEXT), ...set(WINDOW)],
      ),
      advance(X, get(IMAGE)),
    ),
  ],
};

const ofBackends = new WeakMap<Heap, Find>();

function finderOn(heap: Heap): Find {
  const known = ofBackends.get(heap) ?? (assembled(heap, { find }).find as unknown as Find);
  ofBackends.set(heap, known);
  return known;
}

/** The pixels of one image that each window covers: how far the next window is, then where they lie. */
function windowsOf({ channels, depth, height, width }: Space): number[] {
  const list: number[] = [];
  const covered = ({ length, size, stride, dilation, before }: Space['depth'], output: number) =>
    Array.from({ length: size }, (_, i) => output * stride - before + i * dilation).filter(
      (at) => at >= 0 && at < length,
    );
  for (let d = 0; d < depth.outputs; d++) {
    for (let h = 0; h < height.outputs; h++) {
      for (let w = 0; w < width.outputs; w++) {
        const pixels = covered(depth, d).flatMap((z) =>
          covered(height, h).flatMap((y) =>
            covered(width, w).map((at) => (z * height.length + y) * width.length + at),
          ),
        );
        // What sees the padding alone has no maximum; some place there must be.
        if (pixels.length === 0) pixels.push(0);
        list.push(4 * (1 + pixels.length), ...pixels.map((pixel) => 4 * pixel * channels));
      }
    }
  }
  return list;
}

/** The position of the maximum of x in each window: flat positions in x, the first of several. */
export function maxima(heap: Heap, x: tf.TensorInfo, space: Space): tf.TensorInfo {
  const { batch, channels, depth, height, width } = space;
  const name = `windows ${JSON.stringify([channels, depth, height, width])}`;
  const { begin, end } = listOf(heap, name, () => windowsOf(space));
  const places = heap.makeOutput(space.outShape, 'int32');
  // Addresses are taken now, after the last allocation: an allocation may move the heap.
  const { byteOffset, byteLength } = floats(heap, x);
  finderOn(heap)(
    begin,
    end,
    byteOffset,
    byteLength / batch,
    byteOffset + byteLength,
    4 * (channels - (channels % 4)),
    4 * channels,
    heap.typedArrayFromHeap(places).byteOffset,
  );
  return places;
}
