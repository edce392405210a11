import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { random } from '../../../numbers';
import { useBackend } from '../../use-backend';
import { floats, type Heap } from './heap';
import { type Arrangement, runsOn } from './runs';

const draw = random(3);

/** Runs of all lengths from 0 to 11, so that both whole fours and what is left over are moved. */
const arrangement = (name: string): Arrangement & { size: number } => {
  const runs = Array.from({ length: 12 }, (_, count) => ({
    table: 12 * count,
    image: draw.integer(100),
    count,
  }));
  return {
    name,
    size: 144,
    each: (visit) => {
      for (const { table, image, count } of runs) visit(table, image, count);
    },
  };
};

describe.each([1, 2])('runs of numbers on wasm with %i threads', (threads) => {
  const images = 3;
  const image = 120;
  const made: tf.TensorInfo[] = [];

  beforeAll(() => useBackend('wasm', { threads, blas: false }));
  // Another number of threads needs a backend that holds nothing.
  afterAll(() => made.forEach(({ dataId }) => void heap().disposeData(dataId)));

  const heap = () => tf.backend() as unknown as Heap;
  const values = (x: tf.TensorInfo) => floats(heap(), x);
  const onHeap = (numbers: Float32Array) => {
    const out = heap().makeOutput([numbers.length], 'float32');
    made.push(out);
    values(out).set(numbers);
    return out;
  };
  const random32 = (length: number) => Float32Array.from({ length }, () => draw.normal());

  it('are copied and added as a loop would, image by image, and nothing else is touched', () => {
    const by = arrangement(`a ${threads}`);
    const pictures = random32(images * image);
    const tables = random32(images * by.size);
    const copied = tables.slice();
    const added = pictures.slice();
    for (let n = 0; n < images; n++) {
      by.each((table, from, count) => {
        for (let i = 0; i < count; i++) {
          copied[n * by.size + table + i] = pictures[n * image + from + i]!;
          added[n * image + from + i]! += tables[n * by.size + table + i]!;
        }
      });
    }
    const runs = runsOn(heap(), by);
    const [from, table] = [onHeap(pictures), onHeap(tables)];
    const sums = onHeap(pictures);
    runs.scatter(values(table), values(sums), images);
    runs.gather(values(from), values(table), images);
    expect(Array.from(values(table))).toEqual(Array.from(copied));
    expect(Array.from(values(sums))).toEqual(Array.from(added));
  });

  it('are right for more arrangements than are kept, and when an old one comes back', () => {
    const all = Array.from({ length: 70 }, (_, i) => arrangement(`b ${threads} ${i}`));
    const picture = random32(image);
    for (const by of [...all, all[0]!]) {
      const runs = runsOn(heap(), by);
      const [from, table] = [onHeap(picture), onHeap(new Float32Array(by.size))];
      runs.gather(values(from), values(table), 1);
      const expected = new Float32Array(by.size);
      by.each((at, from, count) => expected.set(picture.subarray(from, from + count), at));
      expect(Array.from(values(table))).toEqual(Array.from(expected));
    }
  });
});
