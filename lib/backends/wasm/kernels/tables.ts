import type * as tf from '@tensorflow/tfjs';
import { floats, type Heap, zeros } from './heap';
import { type Arrangement, runsOn } from './runs';
import type { Space } from './window';

/**
 * What the window sees of one image as a table of [outputs, places · channels]: a line of the window
 * is a run of neighbours in the input too, less what is in the padding.
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

/** What the window sees of a whole batch: a tensor [batch, outputs, places · channels]. */
export function tableOf(heap: Heap, x: tf.TensorInfo, space: Space): tf.TensorInfo {
  const { outputs, places } = tableSize(space);
  const runs = runsOn(heap, seenBy(space));
  const table = zeros(heap, [space.batch, outputs, places]);
  runs.gather(floats(heap, x), floats(heap, table), space.batch);
  return table;
}

/** Whether an input is given as the table of what the window sees of it. */
export const isTable = (x: tf.TensorInfo) => x.shape.length === 3;

/** Some images of a batch. */
export interface Block {
  /** Rows of their table, one for each output. */
  rows: number;
  /** A tensor's numbers for these images. */
  part(x: tf.TensorInfo): Float32Array;
  /** Their table: that of x, until the next one is asked for. */
  seen(x: tf.TensorInfo): Float32Array;
  /** A table to be filled, and to be added to where the window saw it. */
  table: Float32Array;
  addTable(to: tf.TensorInfo): void;
}

/** Bytes of a table that stays in the nearer caches while it is filled and multiplied. */
const NEAR = 2 ** 19;

/**
 * Goes through a batch, as many images at a time as have a table that stays in the nearer caches.
 *
 * Moving a table of the whole batch to memory and back takes as long as multiplying it; where there
 * is nothing to lay out, the whole batch is one block. A table starts as zeros, and what is in the
 * padding stays so as long as it is only gathered into.
 */
export function eachBlock(
  heap: Heap,
  space: Space,
  laysOut: boolean,
  work: (block: Block) => void,
): void {
  const { batch } = space;
  const { outputs, places } = tableSize(space);
  const most = laysOut ? Math.max(1, Math.floor(NEAR / (4 * outputs * places))) : batch;
  const runs = runsOn(heap, seenBy(space));
  const tables = zeros(heap, [laysOut ? Math.min(most, batch) : 0, outputs, places]);
  for (let first = 0; first < batch; first += most) {
    const images = Math.min(most, batch - first);
    const rows = images * outputs;
    const table = floats(heap, tables).subarray(0, rows * places);
    const part = (x: tf.TensorInfo) => {
      const values = floats(heap, x);
      const each = values.length / batch;
      return values.subarray(first * each, (first + images) * each);
    };
    work({
      rows,
      part,
      table,
      seen(x) {
        if (isTable(x)) return part(x);
        runs.gather(part(x), table, images);
        return table;
      },
      addTable: (to) => runs.scatter(table, part(to), images),
    });
  }
  heap.disposeData(tables.dataId);
}

/** Matrices [.., rows, n] next to each other, [.., rows, n · count]; a single one as it is. */
export function sideBySide(heap: Heap, matrices: tf.TensorInfo[]): tf.TensorInfo {
  const [first] = matrices as [tf.TensorInfo];
  if (matrices.length === 1) return first;
  const columns = first.shape[first.shape.length - 1]!;
  const placed = matrices.map((_, i) =>
    runsOn(heap, {
      name: `columns ${i} ${columns}`,
      each: (visit) => visit(i * columns, 0, columns),
    }),
  );
  const out = heap.makeOutput([...first.shape.slice(0, -1), columns * matrices.length], 'float32');
  matrices.forEach((matrix, i) => {
    const from = floats(heap, matrix);
    placed[i]!.gather(from, floats(heap, out), from.length / columns);
  });
  return out;
}
