import * as tf from '@tensorflow/tfjs';
import { tensors } from '../spaces';
import { type Moment, type NamedWeights, toWeights } from './saved-state';

/** The count of an optimizer's steps as tensors, which it owns: a save leaves nothing behind. */
export class StepCount {
  #all: tf.Scalar | undefined;
  /** The counts of single parameters, made for the last save. */
  #perMoment: tf.Tensor | undefined;

  set(count: number): void {
    tensors.free(this.#all);
    this.#all = tf.keep(tf.scalar(count, 'int32'));
  }

  /** The count and the moments, as TensorFlow.js saves them; valid until the next step or call. */
  weights(count: number, moments: readonly Moment[]): NamedWeights {
    if (this.#all === undefined || this.#all.isDisposed) this.set(count);
    const { weights, made } = toWeights(this.#all!, count, moments);
    tensors.free(this.#perMoment);
    this.#perMoment = made;
    return weights;
  }

  dispose(): void {
    tensors.free([this.#all, this.#perMoment]);
    this.#all = this.#perMoment = undefined;
  }
}
