import * as tf from '@tensorflow/tfjs';
import { formatNumber } from '../../output';
import { FEW, gridText, rangeWords } from './grid';

/** What is read of a tensor to be shown; a larger one is shown by its beginning. */
const MOST_READ = 1_000_000;

/** A tensor in one line: shape, type, range. */
export async function tensorLine(tensor: tf.Tensor): Promise<string> {
  const head = `${tensor.shape.length === 0 ? 'scalar' : `[${tensor.shape.join(', ')}]`} ${tensor.dtype}`;
  if (tensor.isDisposed) return `${head}, disposed`;
  if (!isNumeric(tensor) || tensor.size > MOST_READ) return head;
  if (tensor.size === 0) return head;
  const values = (await tensor.data()) as Float32Array;
  if (tensor.dtype !== 'bool') return `${head}: ${rangeWords(values)}`;
  const count = values.reduce((sum, value) => sum + value, 0);
  return `${head}: ${formatNumber(count)} of ${formatNumber(values.length)} true`;
}

/** A tensor in a few lines: shape, type, range, and its first numbers. */
export async function tensorText(tensor: tf.Tensor): Promise<string> {
  const kind = tensor instanceof tf.Variable ? `Variable '${tensor.name}'` : 'Tensor';
  const head = `${kind}: ${await tensorLine(tensor)}`;
  const isComplete = tensor.isDisposed || tensor.dtype === 'complex64' || tensor.size === 0;
  const rank = tensor.shape.filter((size) => size > 1).length;
  const listed = rank < 2 && tensor.size <= FEW && isNumeric(tensor) && tensor.dtype !== 'bool';
  return isComplete || listed ? head : `${head}\n\n${await beginningOf(tensor)}`;
}

const isNumeric = ({ dtype }: tf.Tensor) => dtype !== 'string' && dtype !== 'complex64';

async function beginningOf(tensor: tf.Tensor): Promise<string> {
  if (tensor.dtype === 'string') {
    const texts = (await tensor.data<'string'>()).slice(0, 8).map((text) => JSON.stringify(text));
    return texts.join(', ') + (tensor.size > 8 ? ', …' : '');
  }
  if (tensor.size <= MOST_READ) return gridText(await tensor.data(), tensor.shape);
  const rank = tensor.shape.length;
  // The first rows of the first slice, whole: what is left out of them is counted by the shape.
  const size = tensor.shape.map((n, i) =>
    i === rank - 1 ? n : i === rank - 2 ? Math.min(n, 7) : 1,
  );
  const slice = tensor.slice(new Array(rank).fill(0), size);
  try {
    return gridText(await slice.data(), slice.shape);
  } finally {
    slice.dispose();
  }
}
