import * as tf from '@tensorflow/tfjs';
import { giveWay } from '../event-loop';
import { mapTensors, spaceOf, type Vector } from '../spaces';

/** How many numbers a vector has. */
export function sizeOf(x: Vector): number {
  if (x instanceof Float64Array) return x.length;
  return Object.values(x).reduce((sum, value) => sum + value.size, 0);
}

/** The numbers of some vectors of one space, name after name, in one transfer. */
export async function readVectors(vectors: readonly Vector[]): Promise<Float64Array[]> {
  await giveWay();
  const packed = pack(vectors);
  if (packed === undefined) return vectors as Float64Array[];
  try {
    return unpack(await packed.data(), vectors);
  } finally {
    packed.dispose();
  }
}

/**
 * The same without waiting.
 *
 * @throws UnsupportedError on a GPU backend.
 */
export function readVectorsSync(vectors: readonly Vector[]): Float64Array[] {
  if (vectors[0] !== undefined) spaceOf(vectors[0]).readSync([]);
  const packed = pack(vectors);
  if (packed === undefined) return vectors as Float64Array[];
  const numbers = unpack(packed.dataSync(), vectors);
  packed.dispose();
  return numbers;
}

/** All the tensors as one; undefined if there are none. */
function pack(vectors: readonly Vector[]): tf.Tensor | undefined {
  const parts = vectors.flatMap((x) => (x instanceof Float64Array ? [] : Object.values(x)));
  if (parts.length === 0) return undefined;
  return tf.tidy(() => tf.concat(parts.map((value) => tf.reshape(value, [-1]))));
}

function unpack(numbers: ArrayLike<number>, vectors: readonly Vector[]): Float64Array[] {
  const all = Float64Array.from(numbers);
  let from = 0;
  return vectors.map((x) => {
    const to = from + sizeOf(x);
    const part = all.slice(from, to);
    from = to;
    return part;
  });
}

/** The vector of these numbers, shaped like another. */
export function vectorOf<V extends Vector>(numbers: Float64Array, like: V): V {
  if (like instanceof Float64Array) return numbers.slice() as V;
  let from = 0;
  return mapTensors(like, (value) => {
    const part = Float32Array.from(numbers.subarray(from, from + value.size));
    from += value.size;
    return tf.tensor(part, value.shape);
  }) as V;
}

/** The i-th unit vector, shaped like another. */
export function unitVector<V extends Vector>(i: number, like: V): V {
  const numbers = new Float64Array(sizeOf(like));
  numbers[i] = 1;
  return vectorOf(numbers, like);
}
