import * as tf from '@tensorflow/tfjs';
import { add } from './kernels';

/** The tensors in a program's slots while it runs; one that is in no slot any more is freed. */
export class Values {
  readonly #slots: (tf.Tensor | undefined)[];
  readonly #uses = new Map<tf.Tensor, number>();

  readonly #given: Readonly<(tf.Tensor | undefined)[]>;

  /** @param given tensors of the caller, which are neither kept nor freed */
  constructor(slots: number, given: Readonly<(tf.Tensor | undefined)[]>) {
    this.#slots = new Array(slots);
    this.#given = given;
    for (const tensor of given) if (tensor !== undefined) this.#uses.set(tensor, 1);
  }

  get(slot: number): tf.Tensor | undefined {
    return this.#slots[slot];
  }

  /** Puts a tensor, which may be in other slots too, in place of what was there. */
  put(slot: number, tensor: tf.Tensor): void {
    this.#uses.set(tensor, (this.#uses.get(tensor) ?? 0) + 1);
    this.clear(slot);
    this.#slots[slot] = tensor;
  }

  /** Adds a tensor, which may be in other slots too, to what is there. */
  add(slot: number, tensor: tf.Tensor): void {
    const before = this.#slots[slot];
    this.put(slot, before === undefined ? tensor : add(before, tensor));
    if (!this.#uses.has(tensor)) tensor.dispose();
  }

  /** Keeps what is in the slots from the tidy around the call. */
  keep(): void {
    for (const tensor of this.#uses.keys()) if (!this.#given.includes(tensor)) tf.keep(tensor);
  }

  /** Frees what is in the slots, but for what is to stay. */
  dispose(staying: Readonly<(tf.Tensor | undefined)[]>): void {
    for (const tensor of this.#uses.keys()) {
      if (!this.#given.includes(tensor) && !staying.includes(tensor)) tensor.dispose();
    }
  }

  clear(slot: number): void {
    const tensor = this.#slots[slot];
    if (tensor === undefined) return;
    this.#slots[slot] = undefined;
    const uses = this.#uses.get(tensor)! - 1;
    if (uses > 0) {
      this.#uses.set(tensor, uses);
    } else {
      this.#uses.delete(tensor);
      tensor.dispose();
    }
  }
}
