import type * as tf from '@tensorflow/tfjs';
import { engine } from '../engine';

/**
 * Records the inputs and outputs of a kernel as they were, even if the caller changes its lists later.
 *
 * An input left out (scale or offset of `batchNorm`) is undefined, and TensorFlow.js stumbles over
 * it both where it saves inputs and where it walks the tape. The list of outputs is the very one
 * that `unstack` and `split` hand out: `tf.unstack(x).reverse()` exchanged derivatives.
 */
export function repairEntries(): void {
  const e = engine();
  const { addTapeNode, getTensorsForGradient } = e;
  e.addTapeNode = function (name, inputs, outputs, gradient, saved, attributes) {
    const given = Object.fromEntries(Object.entries(inputs).filter(([, x]) => x != null));
    addTapeNode.call(this, name, given, [...outputs], gradient, saved, attributes);
  };
  e.getTensorsForGradient = function (name, inputs, outputs) {
    const needed: (tf.Tensor | undefined)[] = getTensorsForGradient.call(
      this,
      name,
      inputs,
      outputs,
    );
    return needed.filter((x) => x != null);
  };
}
