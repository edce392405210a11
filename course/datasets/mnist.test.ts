import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { DataError, InputError } from 'implicit-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batches, type Digits, type Mnist, mnist, PIXELS, subset, toTensors } from './mnist';

describe('mnist, on the real files', () => {
  let data: Mnist;
  beforeAll(() => {
    data = mnist();
  });

  it('makes numbers of those digits alone that are drawn, and the same ones as of all', () => {
    const before = process.memoryUsage().arrayBuffers;
    const { test } = mnist();
    const drawn = subset(test, 300, 4);
    const batch = batches(test, { size: 7, seed: 2 }).next().value!;
    const more = process.memoryUsage().arrayBuffers - before;
    // As numbers, the 10,000 test digits alone would take 31 MB; the files take 55.
    expect(more).toBeLessThan(65e6);
    expect(test.images.length).toBe(10_000 * PIXELS);
    expect(subset(test, 300, 4)).toEqual(drawn);
    expect(batches(test, { size: 7, seed: 2 }).next().value).toEqual(batch);
  });

  it('keeps what is written into grey values and labels, and reads the file again', () => {
    const { test } = mnist();
    test.images.fill(0.5, 0, PIXELS);
    test.labels[0] = 3;
    const all = subset(test, test.count, 1);
    expect(all.images.filter((value) => value === 0.5)).toHaveLength(PIXELS);
    test.images = new Float32Array(test.images.length).fill(0.25);
    expect(subset(test, 1, 1).images).toEqual(new Float32Array(PIXELS).fill(0.25));
    expect(mnist().test.labels[0]).toBe(7);
  });

  it('finds 60,000 and 10,000 digits', () => {
    expect(data.train.count).toBe(60_000);
    expect(data.train.images.length).toBe(60_000 * PIXELS);
    expect(data.train.labels.length).toBe(60_000);
    expect(data.test.count).toBe(10_000);
    expect(data.test.images.length).toBe(10_000 * PIXELS);
  });

  it('finds the labels of the published set, in its order', () => {
    const histogram = new Array<number>(10).fill(0);
    for (const label of data.train.labels) histogram[label]! += 1;
    expect(histogram).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect([...data.train.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect([...data.test.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
  });

  it('scales grey values to 0 … 1 with the known mean .1307 and deviation .3081', () => {
    let sum = 0;
    let squares = 0;
    let largest = 0;
    for (const value of data.train.images) {
      sum += value;
      squares += value * value;
      if (value > largest) largest = value;
    }
    const mean = sum / data.train.images.length;
    expect(mean).toBeCloseTo(0.1307, 4);
    expect(Math.sqrt(squares / data.train.images.length - mean ** 2)).toBeCloseTo(0.3081, 4);
    expect(largest).toBe(1);
  });

  it('draws a seeded subset without repetition', () => {
    const small = subset(data.test, 200, 1);
    expect(small.count).toBe(200);
    expect(subset(data.test, 200, 1)).toEqual(small);
    expect(subset(data.test, 200, 2)).not.toEqual(small);
    expect(distinctImages(small)).toBe(200);
  });
});

describe('mnist, on small files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mnist-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  function idx(magic: number, dimensions: number[], bytes: number): Buffer {
    const buffer = Buffer.alloc(4 * (1 + dimensions.length) + bytes);
    [magic, ...dimensions].forEach((word, i) => {
      buffer.writeUInt32BE(word, 4 * i);
    });
    return buffer;
  }

  const whole = {
    'train-images-idx3-ubyte': idx(0x803, [3, 28, 28], 3 * PIXELS),
    'train-labels-idx1-ubyte': idx(0x801, [3], 3),
    't10k-images-idx3-ubyte': idx(0x803, [2, 28, 28], 2 * PIXELS),
    't10k-labels-idx1-ubyte': idx(0x801, [2], 2),
  };

  function reading(broken: Partial<Record<keyof typeof whole, Buffer | null>>): () => Mnist {
    for (const [name, bytes] of Object.entries({ ...whole, ...broken })) {
      if (bytes) writeFileSync(join(directory, name), bytes);
      else rmSync(join(directory, name));
    }
    return () => mnist({ directory });
  }

  function complaint(broken: Parameters<typeof reading>[0]): string {
    const read = reading(broken);
    expect(read).toThrow(DataError);
    try {
      read();
    } catch (error) {
      return (error as DataError).message;
    }
    throw new Error('no complaint');
  }

  it('reads whole files from a directory', () => {
    const { train, test } = reading({})();
    expect([train.count, test.count]).toEqual([3, 2]);
  });

  it('names a missing file', () => {
    expect(complaint({ 't10k-labels-idx1-ubyte': null })).toMatch(/t10k-labels.*ENOENT.*npm ci/);
  });

  it('says that a file is cut short or too long, and by how much', () => {
    const name = 'train-images-idx3-ubyte';
    expect(complaint({ [name]: whole[name].subarray(0, -1) })).toMatch(/2368.*2367.*cut short/);
    expect(complaint({ [name]: whole[name].subarray(0, 7) })).toMatch(/16 bytes.*7 bytes/);
    expect(complaint({ [name]: Buffer.alloc(0) })).toMatch(/with 0 bytes/);
    expect(complaint({ [name]: Buffer.concat([whole[name], Buffer.alloc(1)]) })).toMatch(
      /too long/,
    );
  });

  it('says that a file is of another format', () => {
    const labels = whole['train-labels-idx1-ubyte'];
    expect(complaint({ 'train-images-idx3-ubyte': Buffer.concat([labels, labels]) })).toMatch(
      /0x00000803.*0x00000801/,
    );
    expect(
      complaint({ 'train-labels-idx1-ubyte': Buffer.from('1f8b080000000000', 'hex') }),
    ).toMatch(/gunzip/);
  });

  it('says that images are of another size', () => {
    expect(complaint({ 'train-images-idx3-ubyte': idx(0x803, [3, 32, 32], 3 * 1024) })).toMatch(
      /28 × 28.*32 × 32/,
    );
  });

  it('says that there are not as many labels as images', () => {
    expect(complaint({ 'train-labels-idx1-ubyte': idx(0x801, [4], 4) })).toMatch(
      /3 images.*4 labels/,
    );
  });

  it('says which label is none', () => {
    const labels = Buffer.from(whole['train-labels-idx1-ubyte']);
    labels[9] = 10;
    expect(complaint({ 'train-labels-idx1-ubyte': labels })).toMatch(/label 10 at position 1/);
  });
});

describe('batches', () => {
  const digits = numbered(10);

  it('visits every digit once an epoch, with its own label', () => {
    const seen: number[] = [];
    for (const batch of batches(digits, { size: 4, seed: 1 })) {
      expect(batch.images.length).toBe(batch.count * PIXELS);
      batch.labels.forEach((label, i) => {
        expect(batch.images[i * PIXELS]).toBe(label);
        seen.push(label);
      });
    }
    expect(seen.sort()).toEqual([...digits.labels]);
  });

  it('ends with a smaller batch where the size does not divide the count', () => {
    expect([...batches(digits, { size: 4, seed: 1 })].map((b) => b.count)).toEqual([4, 4, 2]);
  });

  it('keeps its order for a seed and changes it with the seed', () => {
    const order = (seed: number) => [...batches(digits, { size: 10, seed })][0]!.labels;
    expect(order(1)).toEqual(order(1));
    expect(order(1)).not.toEqual(order(2));
  });

  it('copies, so that a changed batch leaves the set alone', () => {
    const before = Float32Array.from(digits.images);
    for (const batch of batches(digits, { size: 4, seed: 1 })) batch.images.fill(-1);
    subset(digits, 10, 1).images.fill(-1);
    expect(digits.images).toEqual(before);
  });

  it('refuses sizes that make no batch or no subset', () => {
    for (const size of [0, -1, 1.5, Number.NaN]) {
      expect(() => [...batches(digits, { size, seed: 1 })]).toThrow(InputError);
      expect(() => subset(digits, size, 1)).toThrow(InputError);
    }
    expect(() => subset(digits, 11, 1)).toThrow(InputError);
  });
});

describe('toTensors', () => {
  it('gives the images as rows and the labels one-hot, and leaves nothing else behind', () => {
    const before = tf.memory().numTensors;
    const { x, y } = toTensors(numbered(3));
    expect(tf.memory().numTensors).toBe(before + 2);
    expect([x.shape, y.shape]).toEqual([
      [3, PIXELS],
      [3, 10],
    ]);
    expect(x.arraySync().map((row) => row[0])).toEqual([0, 1, 2]);
    expect(y.arraySync()).toEqual([
      [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    ]);
    tf.dispose([x, y]);
  });
});

/** Digits 0 … count − 1 whose pixels all hold the label. */
function numbered(count: number): Digits {
  return {
    images: Float32Array.from({ length: count * PIXELS }, (_, i) => Math.floor(i / PIXELS)),
    labels: Uint8Array.from({ length: count }, (_, i) => i),
    count,
  };
}

function distinctImages({ images, count }: Digits): number {
  const rows = Array.from({ length: count }, (_, i) =>
    images.subarray(i * PIXELS, (i + 1) * PIXELS).join(),
  );
  return new Set(rows).size;
}
