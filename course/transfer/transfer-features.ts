import * as tf from '@tensorflow/tfjs';
import { type NamedTensors, random } from 'implicit-lab';
import {
  checkCount,
  checkNoMore,
  checkNumericTensor,
  checkOptionNames,
  checkRecord,
  cnnFeatures,
} from 'implicit-lab/support';
import { type Digits, type Mnist, mnist, PIXELS } from '../datasets';
import { weights } from './weights';

/** Inputs with their one-hot labels, row by row. */
export interface FeatureExamples {
  x: tf.Tensor2D;
  y: tf.Tensor2D;
}

/** The digits 5 to 9. */
const FIRST = 5;
const CLASSES = 5;
/** Images that pass through the network together. */
const CHUNK = 500;

export interface TransferOptions {
  /** How many training digits, the first ones of their kind. Default all, 29,404. */
  train?: number;
  /** How many test digits. Default all, 4,861. */
  test?: number;
  /** The digits. Default `mnist()`. */
  digits?: Mnist;
}

/**
 * The digits 5 to 9 as features of a frozen network, which was trained on 0 to 4 only: the task of a
 * transfer head.
 *
 * `x` holds what the network's second pool gives, [count, 784] numbers of at least 0, and `y` the
 * labels, one-hot, [count, 5]. The features are computed once, here, in a few seconds for all digits;
 * training a head does not touch the network again. The tensors belong to the caller; all of them
 * take about 110 MB.
 *
 * @throws InputError for a count below 1 or above the digits there are; DataError as `mnist` does.
 * @see the weights are made by `data/transfer/train.ts`.
 */
export function transferFeatures(options: TransferOptions = {}): {
  train: FeatureExamples;
  test: FeatureExamples;
} {
  checkNoMore('transferFeatures', arguments, 1);
  checkOptionNames('transferFeatures', options, ['train', 'test', 'digits']);
  const { train, test, digits = mnist() } = options;
  const lessons = upperDigits(digits.train, train, 'training');
  const exam = upperDigits(digits.test, test, 'test');
  const filters = frozenFilters();
  try {
    return { train: examplesOf(lessons, filters), test: examplesOf(exam, filters) };
  } finally {
    tf.dispose(filters);
  }
}

/**
 * One epoch: every example once, in a random order, in batches of `size` (the last may be smaller).
 *
 * Each batch belongs to the caller. A new order for each epoch: `seed: epoch`.
 *
 * @throws InputError if `size` is not a whole number of at least 1
 */
export function* exampleBatches(
  examples: FeatureExamples,
  options: { size: number; seed: number },
): Generator<FeatureExamples, void, undefined> {
  checkNoMore('exampleBatches', arguments, 2);
  checkRecord(examples, 'the examples', '{ x, y }');
  checkOptionNames('exampleBatches', options, ['size', 'seed']);
  const { x, y } = examples;
  const { size, seed } = options;
  checkNumericTensor(x, 'x of the examples');
  checkNumericTensor(y, 'y of the examples');
  checkCount(size, 'a batch size of', {
    remedy: 'Pass the number of examples per batch, 256 for example.',
  });
  const order = Int32Array.from(random(seed).permutation(x.shape[0]));
  for (let start = 0; start < order.length; start += size) {
    yield tf.tidy(() => {
      const rows = tf.tensor1d(order.subarray(start, start + size), 'int32');
      return { x: tf.gather(x, rows), y: tf.gather(y, rows) };
    });
  }
}

/** The weights K1, c1, K2, c2 of the frozen network. */
function frozenFilters(): NamedTensors {
  const filters: NamedTensors = {};
  for (const [name, { shape, base64 }] of Object.entries(weights)) {
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    filters[name] = tf.tensor(new Float32Array(bytes.buffer), shape);
  }
  return filters;
}

/** The first digits from 5 on, as a copy. */
function upperDigits({ images, labels }: Digits, count: number | undefined, set: string): Digits {
  const upper = [...labels.keys()].filter((i) => labels[i]! >= FIRST);
  const wanted = count ?? upper.length;
  checkCount(wanted, `a number of ${set} digits of`, {
    most: upper.length,
    remedy: 'Ask for fewer of the digits from 5 to 9, or leave the number out for all.',
  });
  const chosen = upper.slice(0, wanted);
  const copies = new Float32Array(wanted * PIXELS);
  chosen.forEach((from, to) => {
    copies.set(images.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
  });
  return { images: copies, labels: Uint8Array.from(chosen, (i) => labels[i]!), count: wanted };
}

function examplesOf({ images, labels, count }: Digits, filters: NamedTensors): FeatureExamples {
  return tf.tidy(() => {
    const parts: tf.Tensor2D[] = [];
    for (let start = 0; start < count; start += CHUNK) {
      const rows = Math.min(CHUNK, count - start);
      const pixels = images.subarray(start * PIXELS, (start + rows) * PIXELS);
      parts.push(tf.tidy(() => cnnFeatures(filters, tf.tensor2d(pixels, [rows, PIXELS]))));
    }
    const classes = tf.tensor1d(
      Int32Array.from(labels, (label) => label - FIRST),
      'int32',
    );
    const y = tf.cast(tf.oneHot(classes, CLASSES), 'float32') as tf.Tensor2D;
    return { x: tf.concat(parts, 0), y };
  });
}
