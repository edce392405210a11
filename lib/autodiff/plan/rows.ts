import * as tf from '@tensorflow/tfjs';
import { concat, split } from '../kernels';
import type { Instruction } from '../program';
import type { Values } from '../values';

/** Tensors stacked along their rows; `sizes` are their numbers of rows. */
export class Join implements Instruction {
  readonly reads: readonly number[];
  readonly writes: readonly [number];
  readonly #sizes: number[];

  constructor(reads: readonly number[], slot: number, sizes: number[]) {
    this.reads = reads;
    this.writes = [slot];
    this.#sizes = sizes;
  }

  push(values: Values): void {
    values.put(this.writes[0], concat(this.reads.map((slot) => values.get(slot)!)));
  }

  pull(values: Values): void {
    const cotangent = values.get(this.writes[0]);
    if (cotangent === undefined) return;
    split(cotangent, this.#sizes).forEach((part, i) => {
      values.add(this.reads[i]!, part);
    });
  }
}

/** A tensor cut into parts with the given numbers of rows: the transpose of a concatenation. */
export class Cut implements Instruction {
  readonly reads: readonly [number];
  readonly writes: readonly number[];
  readonly sizes: number[];

  constructor(slot: number, writes: readonly number[], sizes: number[]) {
    this.reads = [slot];
    this.writes = writes;
    this.sizes = sizes;
  }

  push(values: Values): void {
    split(values.get(this.reads[0])!, this.sizes).forEach((part, i) => {
      values.put(this.writes[i]!, part);
    });
  }

  pull(values: Values): void {
    const parts = this.writes.map((slot) => values.get(slot));
    const row = parts.find((part) => part !== undefined)?.shape.slice(1);
    if (row === undefined) return;
    const filled = parts.map((part, i) => part ?? tf.zeros([this.sizes[i]!, ...row]));
    values.add(this.reads[0], concat(filled));
  }
}
