import * as tf from '@tensorflow/tfjs';
import type { Pausing } from '../../event-loop';
import type { Random } from '../../numbers';
import type { NamedTensors } from '../../spaces';
import { SecondMoment, type Spectrum } from './second-moment';

/** The inverse of I + δC for one parameter, where C does not mix it with others. */
export interface Block {
  /** `(I + δC)⁻¹ v`, for the tidy around. */
  solve(v: tf.Tensor, delta: number): tf.Tensor;
  dispose(): void;
}

/** A block in the making: what has to be read, and what follows from it. */
export interface Draft {
  /** Adds a sample w, of which the mean of `w wᵀ` is the block. */
  add(w: tf.Tensor): void;
  /** Kept; the caller's. */
  unread(): tf.Tensor[];
  /** To be left for a while. */
  finish(read: readonly ArrayLike<number>[]): Pausing<Block>;
  dispose(): void;
}

/** How the block of a parameter of that shape is made. */
export function draftOf(
  shape: readonly number[],
  { probes, rank, stream }: { probes: number; rank: number; stream: Random },
): Draft {
  return shape.length < 2
    ? new DiagonalDraft(probes)
    : new KroneckerDraft(shape.at(-1)!, probes, rank, stream);
}

/** Of the diagonal alone. */
class DiagonalDraft implements Draft {
  readonly #samples: number;
  #sum: tf.Tensor | undefined;

  constructor(samples: number) {
    this.#samples = samples;
  }

  add(w: tf.Tensor): void {
    const before = this.#sum;
    this.#sum = tf.tidy(() => {
      const square = tf.div(tf.square(w), this.#samples);
      return tf.keep(before ? tf.add(before, square) : square);
    });
    before?.dispose();
  }

  unread = () => [];

  *finish(): Pausing<Block> {
    yield;
    const diagonal = tf.keep(this.#sum!.clone());
    return {
      solve: (v, delta) => tf.div(v, tf.add(1, tf.mul(delta, diagonal))),
      dispose: () => diagonal.dispose(),
    };
  }

  dispose(): void {
    this.#sum?.dispose();
  }
}

/** Of two factors, for all axes but the last one, and for that. */
class KroneckerDraft implements Draft {
  readonly #last: number;
  readonly #moments: [SecondMoment, SecondMoment];
  readonly #mix: (shape: [number, number]) => tf.Tensor2D;

  constructor(last: number, samples: number, rank: number, stream: Random) {
    this.#last = last;
    this.#moments = [new SecondMoment(rank, samples), new SecondMoment(rank, samples)];
    this.#mix = (shape) =>
      tf.tensor2d(Float32Array.from(stream.normals(shape[0] * shape[1])), shape);
  }

  add(w: tf.Tensor): void {
    tf.tidy(() => {
      const matrix = tf.reshape(w, [-1, this.#last]) as tf.Tensor2D;
      this.#moments[0].add(matrix, this.#mix);
      this.#moments[1].add(tf.transpose(matrix), this.#mix);
    });
  }

  unread(): tf.Tensor[] {
    return this.#moments.map((moment) => moment.gram());
  }

  *finish(read: readonly ArrayLike<number>[]): Pausing<Block> {
    const spectra: Spectrum[] = [];
    try {
      for (const [i, moment] of this.#moments.entries()) {
        yield;
        spectra.push(yield* moment.spectrum(read[i]!));
      }
      const [A, G] = spectra.splice(0) as [Spectrum, Spectrum];
      return kroneckerBlock(A, G, this.#last);
    } finally {
      for (const { vectors, values } of spectra) tf.dispose([vectors, values]);
    }
  }

  dispose(): void {
    for (const moment of this.#moments) moment.dispose();
  }
}

/** Owns both spectra. */
function kroneckerBlock(A: Spectrum, G: Spectrum, last: number): Block {
  const eigenvalues = tf.tidy(() => {
    // Both traces are E‖w‖²; of a sketch, about so.
    const trace = tf.sqrt(tf.mul(tf.sum(A.values), tf.sum(G.values)));
    const products = tf.mul(tf.reshape(A.values, [-1, 1]), tf.reshape(G.values, [1, -1]));
    return tf.keep(tf.divNoNan(products, trace));
  });
  return {
    solve(v, delta) {
      const matrix = tf.reshape(v, [-1, last]) as tf.Tensor2D;
      const coordinates = tf.matMul(tf.matMul(A.vectors, matrix, true), G.vectors);
      // Outside the spans the curvature is 0: there v stays.
      const curved = tf.mul(delta, eigenvalues);
      const less = tf.mul(coordinates, tf.div(curved, tf.add(1, curved))) as tf.Tensor2D;
      const change = tf.matMul(tf.matMul(A.vectors, less), G.vectors, false, true);
      return tf.reshape(tf.sub(matrix, change), v.shape);
    },
    dispose: () => tf.dispose([A.vectors, A.values, G.vectors, G.values, eigenvalues]),
  };
}

/** Blocks by the names of their parameters, as one operator at a rate. */
export const joined = (blocks: Readonly<Record<string, Block>>, delta: number) => ({
  apply(v: NamedTensors): NamedTensors {
    const result: NamedTensors = {};
    for (const [name, value] of Object.entries(v)) {
      result[name] = blocks[name]
        ? tf.tidy(() => blocks[name]!.solve(value, delta))
        : value.clone();
    }
    return result;
  },
  dispose() {},
});
