import * as tf from '@tensorflow/tfjs';
import { engine } from '../engine';

/**
 * Records the copies of a kernel's saved outputs after the kernel itself.
 *
 * A gradient that uses its own output (exp, tanh, sigmoid, softmax, …) is handed a saved copy of
 * it. TensorFlow.js records the copy before the kernel that makes the output; the walk over the
 * tape then finds an input that depends on nothing, takes the copy for a constant, and second
 * derivatives lose a term without a word.
 */
export function repairTapeOrder(): void {
  const e = engine();
  const { addTapeNode } = e;
  e.addTapeNode = function (name, inputs, outputs, gradient, saved, attributes) {
    addTapeNode.call(this, name, inputs, outputs, gradient, saved, attributes);
    if (saved.length === 0) return;
    const tape = this.state.activeTape!;
    const node = tape.pop()!;
    const made = new Set(outputs.map((output) => output.id));
    const isCopy = (i: number) =>
      Object.values(tape[i]!.inputs).some((input) => made.has(input.id));
    let at = tape.length;
    while (at > 0 && isCopy(at - 1)) at--;
    tape.splice(at, 0, node);
  };
}

/**
 * Frees what the tape holds where a function that is differentiated throws, or cannot be.
 *
 * TensorFlow.js leaves the tape behind, and the value where only its derivative throws: these
 * tensors are lost, and count for ever.
 */
export function repairFailedTapes(): void {
  const e = engine();
  const { gradients } = e;
  e.gradients = function (...args) {
    try {
      // Its type knows no missing gradient, which `tidy` passes on all the same.
      const compute = () => gradients.apply(this, args) as tf.TensorContainer;
      return tf.tidy(compute) as ReturnType<typeof gradients>;
    } catch (error) {
      if (this.state.gradientDepth === 0 && this.state.activeTape) {
        for (const node of this.state.activeTape) for (const t of node.saved) t.dispose();
        this.state.activeTape = null;
      }
      throw error;
    }
  };
}
