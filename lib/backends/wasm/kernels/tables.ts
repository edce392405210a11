import type * as tf from '@tensorflow/tfjs';
import { floats, type Heap, zeros } from './heap';
import { type Arrangement, type Runs, runsOn } from './runs';
import type { Space } from './window';

/**
 * What the window sees of one image as a table of [outputs, places · channels]: a line of the window
 * is a run of neighbours in the input too, less what lies in the padding.
 */
export function seenBy({ channels, depth, height, width }: Space): Arrangement {
  const run = width.size * channels;
  return {
    name: JSON.stringify([channels, depth, height, width]),
    each(visit) {
      let row = 0;
      for (let d = 0; d < depth.outputs; d++) {
        for (let h = 0; h < height.outputs; h++) {
          for (let w = 0; w < width.outputs; w++) {
            const first = w * width.stride - width.before;
            const begin = Math.max(0, first);
            const lead = (begin - first) * channels;
            const inside = (Math.min(width.length, first + width.size) - begin) * channels;
            for (let i = 0; i < depth.size; i++) {
              const z = d * depth.stride - depth.before + i;
              for (let j = 0; j < height.size; j++, row += run) {
                const y = h * height.stride - height.before + j;
                if (z < 0 || z >= depth.length || y < 0 || y >= height.length) continue;
                const line = (z * height.length + y) * width.length;
                visit(row + lead, (line + begin) * channels, inside);
              }
            }
          }
        }
      }
    },
  };
}

/** How many rows and columns the table of one image has. */
export const tableSize = ({ depth, height, width, channels }: Space) => ({
  outputs: depth.outputs * height.outputs * width.outputs,
  places: depth.size * height.size * width.size * channels,
});

/** Some images of a batch, with the table of what the window sees of them. */
export interface Block extends Runs {
  images: number;
  /** Rows of the table, one for each output. */
  rows: number;
  table: Float32Array;
  /** A tensor's numbers for these images. */
  part(x: tf.TensorInfo): Float32Array;
}

/** Bytes of a table that stays in the nearer caches while it is filled and multiplied. */
const NEAR = 2 ** 19;

/**
 * Goes through a batch, as many images at a time as have a table that stays in the nearer caches.
 *
 * Moving a table of the whole batch to memory and back takes as long as multiplying it. A table
 * starts as zeros, and what lies in the padding stays so as long as it is only gathered into.
 */
export function eachBlock(heap: Heap, space: Space, work: (block: Block) => void): void {
  const { batch } = space;
  const { outputs, places } = tableSize(space);
  const several = Math.max(1, Math.floor(NEAR / (4 * outputs * places)));
  const runs = runsOn(heap, seenBy(space));
  const tables = zeros(heap, [Math.min(several, batch), outputs, places]);
  for (let first = 0; first < batch; first += several) {
    const count = Math.min(several, batch - first);
    const rows = count * outputs;
    work({
      ...runs,
      images: count,
      rows,
      table: floats(heap, tables).subarray(0, rows * places),
      part(x) {
        const values = floats(heap, x);
        const each = values.length / batch;
        return values.subarray(first * each, (first + count) * each);
      },
    });
  }
  heap.disposeData(tables.dataId);
}
