import type * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { checkFunction, checkNoMore } from '../options';
import type { NamedTensors } from '../spaces';
import { collectAuxiliary } from './auxiliary';
import { namesOf } from './named';
import { Remembered } from './traced';

/** A loss of weights and hyperparameters, as `inner` of a problem is; or of weights alone. */
export type CompilableLoss = (w: NamedTensors, λ: NamedTensors) => tf.Scalar;

const remembered = new WeakMap<object, Remembered>();

/**
 * The same loss, declared to be a function of its named tensors alone: once traced it is not called
 * any more where its gradient and products are wanted, as `inner` or `outer` of a problem, in
 * `valueAndGradient` or in `hessian`.
 *
 * It is called for its first evaluation with tensors of some names and shapes, and traced; from then
 * on a program runs. Where `inner` is declared so, solves and inner loops make no tensors. What it
 * captures is held as it was then: data, not what changes. Random numbers that it draws stay what they
 * were. `free()` forgets the programs and lets go of what was captured. Where programs cannot run (on
 * other backends than wasm, inside a gradient, for operations that have no loop), it is called each
 * time, with the same result.
 *
 * @throws InputError for anything but a function of two records; while running, UnsupportedError where it reads numbers
 *   of tensors, or uses a `tf.Variable` that is not handed to it.
 */
export function compiled<F extends CompilableLoss>(loss: F): F & { free(): void } {
  checkNoMore('compiled', arguments, 1);
  checkFunction(loss, 'the loss to compile');
  if (loss.length > 2) {
    throw new InputError({
      given: `a loss of ${loss.length} arguments to compile`,
      expected: 'a function of w and λ alone',
      remedy: 'A batch or the number of a step would be held as it was: leave `compiled` out.',
    });
  }
  const known = new Remembered();
  const same = ((w: NamedTensors, λ: NamedTensors) => loss(w, λ)) as F;
  const result = Object.assign(same, { free: () => known.free() });
  remembered.set(result, known);
  return result;
}

/** What a loss that was declared so remembers; undefined for any other. */
export const rememberedOf = (loss: unknown): Remembered | undefined =>
  typeof loss === 'function' ? remembered.get(loss) : undefined;

/** How a loss of x alone is known to what remembers it. */
export const pureAt = (remembered: Remembered, x: NamedTensors) => ({
  remembered,
  names: namesOf(x, {}),
});

/** The same loss, whose marks are dropped; what remembers it learns that there are some. */
export function unmarked(
  loss: () => tf.Scalar,
  remembered: Remembered | undefined,
): () => tf.Scalar {
  return () => {
    const { result, auxiliary } = collectAuxiliary(loss);
    for (const marked of Object.values(auxiliary)) marked.dispose();
    if (remembered && Object.keys(auxiliary).length > 0) remembered.marks = true;
    return result;
  };
}
