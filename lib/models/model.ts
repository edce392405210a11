import type * as tf from '@tensorflow/tfjs';
import type { NamedTensors } from '../spaces';

/** A network as plain functions of its named parameters. */
export interface Model {
  readonly name: string;
  /**
   * Fresh parameters, the same for the same seed. They belong to the caller.
   *
   * Weights are uniform on ±√(6 / (fan-in + fan-out)) ([Glorot & Bengio
   * 2010](https://proceedings.mlr.press/v9/glorot10a.html), eq. 16), or normal with variance 2 /
   * fan-in before a relu ([He et al. 2015](https://arxiv.org/abs/1502.01852), eq. 10); biases are
   * zero.
   */
  init(seed: number): NamedTensors;
  /** The logits, [batch, classes], of inputs [batch, features]; a softmax is left to the loss. */
  predict(params: NamedTensors, x: tf.Tensor): tf.Tensor2D;
}
