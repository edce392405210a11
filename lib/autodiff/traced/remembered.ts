import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { UnsupportedError } from '../../errors';
import { isolated } from '../tape';
import type { Recipe } from './recipe';
import type { Trace } from './trace';

interface Entry {
  heap: Heap;
  recipe: Recipe;
  outside: tf.Tensor[];
}

/** Of how many names and shapes a loss keeps its recipes. */
const MOST = 32;

/** The recipe of one pure loss for each set of names and shapes, with the tensors that it captures. */
export class Remembered {
  /** Whether the loss has marked something by `markAuxiliary`, which a program would not. */
  marks = false;
  readonly #entries = new Map<string, Entry>();

  find(heap: Heap, key: string): Entry | undefined {
    const found = this.#entries.get(key);
    if (found?.heap !== heap) return undefined;
    // Last in the order, so that what was not used for longest comes first.
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  /**
   * What was not used for longest is forgotten where there are too many; who uses it has copies.
   *
   * @param outside copied; the copies are kept until they are forgotten
   */
  keep(heap: Heap, key: string, recipe: Recipe, outside: readonly tf.Tensor[]): void {
    this.#forget(key);
    recipe.retain();
    const copies = outside.map((x) => isolated(() => tf.keep(x.clone())));
    this.#entries.set(key, { heap, recipe, outside: copies });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MOST) this.#forget(oldest!);
  }

  free(): void {
    for (const key of [...this.#entries.keys()]) this.#forget(key);
  }

  #forget(key: string): void {
    const known = this.#entries.get(key);
    if (known === undefined) return;
    this.#entries.delete(key);
    known.recipe.release();
    tf.dispose(known.outside);
  }
}

/** @throws UnsupportedError for a loss that is more than a function of its tensors. */
export function checkPure(trace: Trace): void {
  if (!trace.read && !trace.sawVariable) return;
  throw new UnsupportedError({
    given: trace.read
      ? 'a compiled loss that reads the numbers of a tensor'
      : 'a compiled loss that uses a tf.Variable from outside',
    expected: 'a function of its named tensors, and of data that do not change',
    remedy: trace.read
      ? 'Compute with tensors throughout, or leave `compiled` out.'
      : 'Hand it over among the named tensors, or leave `compiled` out.',
  });
}
