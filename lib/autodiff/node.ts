import type * as tf from '@tensorflow/tfjs';
import type { TapeNode } from '../backends/engine';

/** One operation on a tape, with what TensorFlow.js hides from it. */
export interface Node extends TapeNode {
  attrs: tf.NamedAttrMap;
  /** `clone`: a copy made to save a tensor; `custom`: a `tf.customGrad`; `fused`: one with bias. */
  kind: 'kernel' | 'clone' | 'custom' | 'fused';
  /** Whether a custom gradient is one of TensorFlow.js itself. */
  isStock?: boolean;
}
