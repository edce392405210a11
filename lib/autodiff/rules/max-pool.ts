import * as tf from '@tensorflow/tfjs';
import { hasKernel } from '../../backends/engine';
import { multiply, reshape } from '../kernels';
import type { Node } from '../node';
import type { LocalDerivative, Rule } from '../program';
import { engine, type Tape } from '../tape';
import { kept } from './kept';
import { multilinear } from './multilinear';
import { pullByGradient, reverse } from './reverse';
import { using } from './shapes';

/** Beyond this a float32 no longer holds every whole number. */
const exactWhole = 2 ** 24;

/** The maximum over windows: J v picks the entries of v where the maxima are, found once. */
export const maxPool: Rule = (step, tape) => {
  const [fast, general] = [byKernel(step, tape), byOperations(step, tape)];
  const way = () => (hasKernel('TakeAt') ? fast : general);
  return {
    push: (tangents) => way().push(tangents),
    pull: (cotangents) => way().pull(cotangents),
    prepare: () => way().prepare?.(),
  };
};

type Derive = (...args: Parameters<Rule>) => LocalDerivative;

/** By kernels that take entries at places and put them back, which wasm has. */
const byKernel: Derive = ({ node }, tape) => {
  const places = placesOf(node, tape);
  return {
    push: ([t]) => [takenAt(places(), t!)],
    pull: ([u]) => [addedAt(places(), u!, node.inputs.x!.shape)],
    prepare: places,
  };
};

/** The derivative of a maximum for the cotangent, where it has kernels: its transpose. */
export const maxPoolGrad: Rule = (step, tape) => {
  const { node } = step;
  const general = multilinear(step, tape);
  const places = placesOf(node, tape);
  return {
    push: ([t]) =>
      hasKernel('AddAt') ? [addedAt(places(), t!, node.outputs[0]!.shape)] : general.push([t!]),
    pull: ([u]) => (hasKernel('TakeAt') ? [takenAt(places(), u!)] : general.pull([u!])),
    prepare() {
      if (hasKernel('TakeAt')) places();
    },
  };
};

/** Where the maxima are in the input of a pool, which its node saves first, as does its gradient's. */
export function placesOf({ attrs, saved }: Node, tape: Tape): () => tf.Tensor {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const name = `maxima ${JSON.stringify([filterSize, strides, pad, dimRoundingMode])}`;
  const x = saved[0]!;
  return kept(tape, x, name, () => {
    const all = { ...attrs, includeBatchInIndex: true };
    const found: unknown = engine().runKernel('MaxPoolWithArgmax', { x }, all);
    return (found as [tf.Tensor, tf.Tensor])[1];
  });
}

const takenAt = (places: tf.Tensor, x: tf.Tensor) => engine().runKernel('TakeAt', { x, places });

const addedAt = (places: tf.Tensor, x: tf.Tensor, shape: number[]) =>
  engine().runKernel('AddAt', { x, places }, { shape });

const byOperations: Derive = (step, tape) => {
  if (windowsTile(step)) return byMask(step, tape);
  if (step.node.inputs.x!.size <= exactWhole) return byPlace(step, tape);
  return reverse(step, tape);
};

/** Where each entry is in exactly one window: J v is the sum over windows of v at the maxima. */
const byMask: Derive = (step, tape) => {
  const { attrs, outputs, inputs } = step.node;
  const count = inputs.x!.size / outputs[0]!.size;
  // The kernel at hand takes the mean, so the mask makes up for its count.
  const mask = tape.constants(() => {
    const [atMaxima] = pullByGradient(step, [tf.ones(outputs[0]!.shape)]);
    return [tf.mul(atMaxima!, count)];
  });
  const mean = (x: tf.Tensor) => engine().runKernel('AvgPool', { x }, attrs);
  return {
    push: ([t]) => [using(multiply(t!, mask()[0]!), mean)],
    pull: (cotangents) => pullByGradient(step, cotangents),
  };
};

/** In general: the places of the maxima are found by picking from the entries' own numbers. */
const byPlace: Derive = (step, tape) => {
  const { inputs, outputs } = step.node;
  const [before, after] = [inputs.x!, outputs[0]!];
  const places = tape.constants(() => {
    const numbered = tf.reshape(tf.range(0, before.size, 1, 'float32'), before.shape);
    const picked = reverse(step, tape).push([numbered])[0]!;
    return [tf.cast(tf.reshape(picked, [after.size]), 'int32')];
  });
  return {
    push([t]) {
      const flat = reshape(t!, [before.size]);
      const picked = tf.gather(flat, places()[0] as tf.Tensor1D);
      flat.dispose();
      return [using(picked, (x) => reshape(x, after.shape))];
    },
    pull: (cotangents) => pullByGradient(step, cotangents),
  };
};

/** Whether the windows of a pool over images lie side by side and cover them exactly. */
function windowsTile({ node }: Parameters<Rule>[0]): boolean {
  const { filterSize, strides, pad } = node.attrs;
  const { shape } = node.inputs.x!;
  // With a margin in numbers, be it 0, lengths are worked out from the height of the window.
  if (node.kernelName !== 'MaxPool' || typeof pad !== 'string') return false;
  const sizes = [filterSize, filterSize].flat().slice(0, 2) as number[];
  const steps = [strides, strides].flat().slice(0, 2) as number[];
  return sizes.every((size, i) => size === steps[i] && shape[i + 1]! % size === 0);
}
