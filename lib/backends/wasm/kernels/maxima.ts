import type * as tf from '@tensorflow/tfjs';
import { FunctionBody, instantiated, type Local } from '../assembler';
import { floats, type Heap, memoryOf, perHeap } from './heap';
import { listOf } from './lists';
import type { Space } from './window';

/**
 * Finds the maxima of all windows in each image, for every channel. All in bytes; `whole` is the part of
 * a pixel's `channels` that is made of fours.
 */
function find(): FunctionBody {
  const f = new FunctionBody('find', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [windows, end, x, image, stop, whole, channels, indices] = f.parameters;
  const [start, window, next] = f.locals('i32', 'i32', 'i32');
  const [pixel, channel, at] = f.locals('i32', 'i32', 'i32');
  const [found, largest, value, greater] = f.locals('v128', 'v128', 'v128', 'v128');

  const findPixel = () =>
    f.get(x, channel).do('i32.add').get(pixel).memory('i32.load').do('i32.add').set(at);
  /** Finds the maxima of one window for some channels at a time, until `channel` reaches a local. */
  const findUntil = (
    until: Local,
    lanes: 1 | 4,
    load: 'v128.load' | 'v128.load32_zero',
    store: 'v128.store' | 'v128.store32_lane',
  ) =>
    f.while(channel, until, () => {
      f.get(window).i32(4).do('i32.add').set(pixel);
      findPixel();
      // As on cpu a NaN is not a maximum, not even the first.
      f.f32x4(Number.NEGATIVE_INFINITY).get(at).memory(load).do('f32x4.pmax').set(largest);
      f.get(at).do('i32x4.splat').set(found);
      f.advance(pixel, 4);
      f.while(pixel, next, () => {
        findPixel();
        f.get(at).memory(load).set(value);
        f.get(value, largest).do('f32x4.gt').set(greater);
        f.get(value, largest, greater).do('v128.bitselect').set(largest);
        f.get(at).do('i32x4.splat').get(found, greater).do('v128.bitselect').set(found);
        f.advance(pixel, 4);
      });
      f.get(indices, found, start).do('i32x4.splat', 'i32x4.sub');
      f.i32(2).do('i32x4.shr_u').i32x4(0, 1, 2, 3).do('i32x4.add').memory(store);
      f.advance(channel, 4 * lanes).advance(indices, 4 * lanes);
    });

  f.get(x).set(start);
  return f.while(x, stop, () => {
    f.get(windows).set(window);
    f.while(window, end, () => {
      f.get(window).memory('i32.load').get(window).do('i32.add').set(next);
      f.i32(0).set(channel);
      findUntil(whole, 4, 'v128.load', 'v128.store');
      findUntil(channels, 1, 'v128.load32_zero', 'v128.store32_lane');
      f.get(next).set(window);
    });
    f.advance(x, image);
  });
}

const finderOn = perHeap((heap) => instantiated(memoryOf(heap), [find()], []).find!);

/** The pixels of one image that each window covers: how far the next window is, then where they are. */
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
