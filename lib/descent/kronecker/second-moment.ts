import * as tf from '@tensorflow/tfjs';
import type { Pausing } from '../../event-loop';
import { eigenSymmetricInPieces } from '../../numbers';

/** Eigenvectors of a second moment, as columns, and their eigenvalues, none of them 0. */
export interface Spectrum {
  vectors: tf.Tensor2D;
  values: tf.Tensor1D;
}

/** Eigenvalues below this share of the largest one are rounding. */
const LEAST = 1e-6;

/**
 * The mean of `w wᵀ` over samples w of `n × m`: whole where n is at most `rank`, else of as many random
 * combinations of their columns. It has to be read before its eigenvectors are known.
 */
export class SecondMoment {
  readonly #rank: number;
  readonly #samples: number;
  #sum: tf.Tensor2D | undefined;
  readonly #columns: tf.Tensor2D[] = [];

  constructor(rank: number, samples: number) {
    this.#rank = rank;
    this.#samples = samples;
  }

  /** Adds a sample; `mix` makes a matrix of normal numbers of a shape. */
  add(w: tf.Tensor2D, mix: (shape: [number, number]) => tf.Tensor2D): void {
    const [rows, columns] = w.shape;
    const few = Math.max(1, Math.floor(this.#rank / this.#samples));
    if (rows <= this.#rank) {
      const before = this.#sum;
      this.#sum = tf.tidy(() => {
        const square = tf.matMul(w, w, false, true) as tf.Tensor2D;
        return tf.keep(before ? tf.add(before, square) : square);
      });
      before?.dispose();
    } else if (columns <= few) this.#columns.push(tf.keep(w.clone()));
    else {
      this.#columns.push(
        tf.tidy(() =>
          tf.keep(tf.matMul(w, tf.mul(mix([columns, few]), few ** -0.5)) as tf.Tensor2D),
        ),
      );
    }
  }

  /** The matrix whose eigenvalues are to be computed, n × n or of the columns that are held; the caller's, kept. */
  gram(): tf.Tensor2D {
    return tf.tidy(() => {
      if (this.#sum) return tf.keep(tf.div(this.#sum, this.#samples) as tf.Tensor2D);
      const all = this.#all();
      return tf.keep(tf.div(tf.matMul(all, all, true), this.#samples) as tf.Tensor2D);
    });
  }

  /** What follows from the entries of {@link gram}; the caller's, kept. */
  *spectrum(entries: ArrayLike<number>): Pausing<Spectrum> {
    const size = Math.round(Math.sqrt(entries.length));
    const matrix = { size, entries: Float64Array.from(entries) };
    const { values, vectors } = yield* eigenSymmetricInPieces(matrix);
    const least = Math.max(LEAST * values[size - 1]!, 0);
    const first = values.findIndex((value) => value > least);
    const some = first < 0 ? size : first;
    const rows = new Float32Array((size - some) * size);
    for (let i = some; i < size; i++) rows.set(vectors[i]!, (i - some) * size);
    const kept = Float32Array.from(values.subarray(some));
    return tf.tidy(() => {
      const basis = tf.transpose(tf.tensor2d(rows, [size - some, size])) as tf.Tensor2D;
      const lengths = tf.tensor1d(kept.map((value) => Math.sqrt(value * this.#samples)));
      const columns = this.#sum ? basis : tf.div(tf.matMul(this.#all(), basis), lengths);
      return { vectors: tf.keep(columns as tf.Tensor2D), values: tf.keep(tf.tensor1d(kept)) };
    });
  }

  #all(): tf.Tensor2D {
    return tf.concat(this.#columns, 1) as tf.Tensor2D;
  }

  dispose(): void {
    tf.dispose([...this.#columns, ...(this.#sum ? [this.#sum] : [])]);
  }
}
