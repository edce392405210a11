import * as tf from '@tensorflow/tfjs';
import type { Flat, FlatSpace } from '../autodiff';
import { random } from '../numbers';
import { mapTensors, type NamedTensors, normsOf, type Space, type Vector } from '../spaces';

/**
 * The names of the parts of a derivative on which nothing depends. That a part is 0 does not show
 * it, since the adjoint may be 0, or orthogonal to it: `Bᵀu` of a random u shows it.
 */
export async function zeroParts<V>(
  space: Space<V, unknown>,
  zerosOf: (xs: V[]) => Promise<string[]>,
  vectors: V[],
  pulled: () => V,
): Promise<string[]> {
  const candidates = await zerosOf(vectors);
  if (candidates.length === 0) return [];
  const pull = space.keep(space.tidy(pulled));
  try {
    const zeros = new Set(await zerosOf([pull]));
    return candidates.filter((name) => zeros.has(name));
  } finally {
    space.free(pull);
  }
}

/** The names of the parts that are exactly 0 in all of some vectors. */
export async function zerosOf<V extends Vector>(
  space: Space<V, unknown>,
  xs: V[],
): Promise<string[]> {
  const [first] = xs as [V];
  if (first instanceof Float64Array) {
    return [...first.keys()]
      .filter((i) => xs.every((x) => (x as Float64Array)[i] === 0))
      .map(String);
  }
  const names = Object.keys(first);
  const norms = await Promise.all(
    xs.map((x) =>
      normsOf(
        space,
        names.map((name) => ({ [name]: (x as NamedTensors)[name]! }) as V),
      ),
    ),
  );
  return names.filter((_, i) => norms.every((each) => each[i] === 0));
}

/** The same of flat vectors. */
export function flatZerosOf(space: FlatSpace, xs: readonly Flat[]): string[] {
  const { names, offsets, sizes } = xs[0]!.layout;
  const all = xs.map((x) => space.numbers(x));
  return names.filter((_, i) => {
    const [from, to] = [offsets[i]! / 4, offsets[i]! / 4 + sizes[i]!];
    return all.every((numbers) => {
      for (let k = from; k < to; k++) if (numbers[k] !== 0) return false;
      return true;
    });
  });
}

/** A random vector of the shape of another, the same each time. */
export function probe<V extends Vector>(like: V): V {
  const draw = random(1);
  if (like instanceof Float64Array) return draw.normals(like.length) as V;
  return mapTensors(like as NamedTensors, ({ size, shape }) =>
    tf.tensor(Float32Array.from(draw.normals(size)), shape),
  ) as V;
}
