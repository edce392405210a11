import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { UnsupportedError } from '../../errors';
import { Portions } from '../../event-loop';
import { isolated } from '../tape';
import type { Counted } from './counted';
import type { Recipe } from './recipe';
import type { Trace } from './trace';

interface Entry<R extends Counted> {
  heap: Heap;
  recipe: R;
  captured: Captured;
}

/** Copies of the tensors that a loss captures: alive as long as anyone uses them. */
export class Captured {
  readonly tensors: readonly tf.Tensor[];
  /** How many steps or iterations fit into a turn of the event loop, as far as it is known. */
  readonly portions = { steps: new Portions(), solves: new Portions() };
  readonly #heap: Heap;
  #places: readonly object[];
  #addresses: readonly number[];
  #users = 1;

  constructor(heap: Heap, outside: readonly tf.Tensor[]) {
    this.#heap = heap;
    this.tensors = outside.map((x) => isolated(() => tf.keep(x.clone())));
    this.#places = this.tensors.map(this.#placeOf);
    this.#addresses = this.tensors.map(this.#addressOf);
  }

  /** Where their numbers are, which are somewhere else once another backend has had them. */
  get addresses(): readonly number[] {
    const { tensors } = this;
    for (let i = 0; i < tensors.length; i++) {
      if (this.#placeOf(tensors[i]!) === this.#places[i]) continue;
      this.#places = tensors.map(this.#placeOf);
      this.#addresses = tensors.map(this.#addressOf);
      break;
    }
    return this.#addresses;
  }

  readonly #placeOf = ({ dataId }: tf.Tensor): object => this.#heap.dataIdMap.get(dataId);

  readonly #addressOf = (x: tf.Tensor): number => this.#heap.typedArrayFromHeap(x).byteOffset;

  retain(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) tf.dispose([...this.tensors]);
  }
}

/** Of how many names and shapes a loss keeps its recipes. */
const MOST = 32;

/** The recipe of one pure loss or map for each set of names and shapes, with the tensors that it captures. */
export class Remembered<R extends Counted = Recipe> {
  /** Whether the loss has marked something by `markAuxiliary`, which a program would not. */
  marks = false;
  readonly #entries = new Map<string, Entry<R>>();

  find(heap: Heap, key: string): Entry<R> | undefined {
    const found = this.#entries.get(key);
    if (found?.heap !== heap) return undefined;
    // Last in the order, so that what was not used for longest comes first.
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  /**
   * What was not used for longest is forgotten where there are too many; who uses it retains it.
   *
   * @param outside copied; the copies are kept until they are forgotten
   */
  keep(heap: Heap, key: string, recipe: R, outside: readonly tf.Tensor[]): void {
    this.#forget(key);
    recipe.retain();
    this.#entries.set(key, { heap, recipe, captured: new Captured(heap, outside) });
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
    known.captured.release();
  }
}

/** How what is declared a function of its tensors alone is spoken of: by whom it was declared, and what it is of. */
const declared = {
  loss: { by: 'compiled', of: 'its named tensors' },
  map: { by: 'compiledMap', of: 'its tensors' },
};

/** @throws UnsupportedError for a loss or a map that is more than a function of its tensors. */
export function checkPure(trace: Trace, what: keyof typeof declared = 'loss'): void {
  if (!trace.read && !trace.sawVariable) return;
  const { by, of } = declared[what];
  throw new UnsupportedError({
    given: trace.read
      ? `a compiled ${what} that reads the numbers of a tensor`
      : `a compiled ${what} that uses a tf.Variable from outside`,
    expected: `a function of ${of}, and of data that do not change`,
    remedy: trace.read
      ? `Compute with tensors throughout, or leave \`${by}\` out.`
      : `Hand it over among ${of}, or leave \`${by}\` out.`,
  });
}
