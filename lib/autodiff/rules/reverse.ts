import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors';
import { type Graph, graph, type Step } from '../graph';
import { Operation, Program, type Rule } from '../program';
import { record, type Tape } from '../tape';
import { sameShape } from './shapes';

/**
 * The derivative of any operation by what TensorFlow.js has of it: its gradient.
 *
 * `pull` is the gradient itself, u ↦ Jᵀ u. It is linear in u, so its own gradient is J: `push`
 * records the gradient once (at u = 0) and pulls the tangent back through it.
 */
export const reverse: Rule = (step, tape) => {
  const pull = (cotangents: (tf.Tensor | null)[]) => pullByGradient(step, cotangents);
  let transposed: Program | undefined;
  return {
    pull,
    push(tangents) {
      transposed ??= tape.within(() => recordPull(step, pull, tape));
      return transposed.pullDense(tangents);
    },
    preferPull: true,
  };
};

/** The derivative of the recorded path by the operations' own gradients. */
export const byGradients = (path: Graph, tape: Tape): Program =>
  new Program(
    path,
    path.steps.map((step) => new Operation(step, reverse(step, tape))),
  );

function recordPull(step: Step, pull: (u: tf.Tensor[]) => tf.Tensor[], tape: Tape): Program {
  const recording = record((inner) => {
    const cotangents = step.node.outputs.map(({ shape }) => tf.zeros(shape));
    const results = pull(cotangents);
    return graph(inner.nodes, cotangents, results);
  });
  tape.own(recording.tape);
  return byGradients(recording.result, recording.tape);
}

/** Jᵀ u for the active inputs, by the operation's own gradient. */
export function pullByGradient(
  { node, names }: Step,
  cotangents: (tf.Tensor | null)[],
): tf.Tensor[] {
  const inputs = names.map((name) => node.inputs[name]!);
  // TensorFlow.js does not see that axes of length 0 are broadcast, and reshapes nothing into something.
  if (node.outputs.every(isEmpty) || inputs.every(isEmpty)) {
    return inputs.map(({ shape }) => tf.zeros(shape));
  }
  const gradients = node.gradient!(cotangents);
  const seen = new Set<tf.Tensor | null>(cotangents);
  return names.map((name) => {
    const gradient = gradients[name]?.();
    const wanted = node.inputs[name]!.shape;
    if (gradient === undefined) throw wrongGradient(step(node.kernelName, name), 'none', wanted);
    if (gradient.dtype !== 'float32' || !sameShape(gradient.shape, wanted)) {
      throw wrongGradient(
        step(node.kernelName, name),
        `one of shape [${gradient.shape}] and type ${gradient.dtype}`,
        wanted,
      );
    }
    // A gradient may hand its argument through; freeing one must not free the other.
    const own = seen.has(gradient) ? gradient.clone() : gradient;
    seen.add(own);
    return own;
  });
}

const isEmpty = ({ size }: tf.Tensor) => size === 0;

const step = (kernel: string, input: string) => `the input '${input}' of ${kernel}`;

const wrongGradient = (where: string, given: string, wanted: number[]) =>
  new UnsupportedError({
    given: `${given} from TensorFlow.js for ${where}`,
    expected: `a float32 derivative of shape [${wanted}]`,
    remedy: 'Call `useBackend` first, which repairs known faults, or compose other operations.',
  });
