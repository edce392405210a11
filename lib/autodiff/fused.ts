import * as tf from '@tensorflow/tfjs';
import type { Node } from './node';

/** A fused operation: the kernel it runs, that kernel without bias, and the inputs as it saves them. */
interface Fusion {
  fused: string;
  kernelName: string;
  saved: [string, string];
}

/** Fused operations, by the scope that they run in. */
const fusions: Record<string, Fusion> = {
  fusedMatMul__op: { fused: '_FusedMatMul', kernelName: 'BatchMatMul', saved: ['a', 'b'] },
  fusedConv2d__op: { fused: 'FusedConv2D', kernelName: 'Conv2D', saved: ['filter', 'x'] },
  fusedDepthwiseConv2d__op: {
    fused: 'FusedDepthwiseConv2D',
    kernelName: 'DepthwiseConv2dNative',
    saved: ['filter', 'x'],
  },
};

/** The kernel that a custom gradient recorded in this scope has run, if it is a fused operation. */
export const fusedKernel = (scope: string): string | undefined => fusions[scope]?.fused;

let nextId = -1;

const apart = new WeakMap<Node, Node[]>();

/**
 * The product, the bias and the reshape that a fused operation did in one.
 *
 * Layers without an activation fuse. The fused gradient always computes all its parts, the one for
 * the data too; taken apart, each is computed only where it is wanted. The parts of a node are the same
 * each time.
 */
export function unfuse(node: Node): Node[] {
  const nodes = apart.get(node) ?? takenApart(node);
  apart.set(node, nodes);
  return nodes;
}

function takenApart(node: Node): Node[] {
  const { attrs } = node;
  const { kernelName, saved: names } = fusions[node.kernelName]!;
  const [first, second, y, bias] = node.saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?];
  // The inputs come in the order of the kernel's, the saved ones in that of `names`.
  const inputNames = kernelName === 'BatchMatMul' ? ['a', 'b'] : ['x', 'filter'];
  const values = { [names[0]]: first, [names[1]]: second };
  const inOrder = inputNames.map((name) => values[name]!);
  const output = node.outputs[0]!;

  const product = placeholder(y.shape);
  const inputs = Object.fromEntries(inputNames.map((name, i) => [name, node.inputs[i]!]));
  const nodes = [kernelNode(kernelName, inputs, product, inOrder, attrs)];
  let last = product;
  if (bias !== undefined) {
    last = placeholder(y.shape);
    const terms = { a: product, b: node.inputs[2]! };
    nodes.push(kernelNode('Add', terms, last, [product, bias], {}));
  }
  nodes.push(kernelNode('Reshape', { x: last }, output, [last], { shape: output.shape }));
  return nodes;
}

/** A node as the engine would have recorded it. */
function kernelNode(
  kernelName: string,
  inputs: tf.NamedTensorMap,
  output: tf.Tensor,
  saved: tf.Tensor[],
  attrs: tf.NamedAttrMap,
): Node {
  const { gradFunc } = tf.getGradient(kernelName);
  return {
    id: nextId--,
    kernelName,
    inputs,
    outputs: [output],
    saved,
    attrs,
    kind: 'kernel',
    gradient: ([dy]) => gradFunc(dy!, saved, attrs) as Record<string, () => tf.Tensor>,
  };
}

/** Stands for a tensor that was never made: rules and gradients look at its shape only. */
const placeholder = (shape: number[]) =>
  ({ id: nextId--, shape, dtype: 'float32' }) as unknown as tf.Tensor;
