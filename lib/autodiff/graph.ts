import type * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../errors';
import type { Node } from './node';
import { sameShape } from './rules/shapes';

/** An operation whose derivative matters, with its tensors as numbered slots. */
export interface Step {
  node: Node;
  /** The inputs that depend on a leaf: their names and slots. */
  names: string[];
  reads: number[];
  /** One slot for each output; none for an output that is itself a leaf. */
  writes: (number | undefined)[];
}

/** The operations that lead from the leaves to the targets, in order. */
export interface Graph {
  steps: Step[];
  leaves: End[];
  /** Without a slot where no leaf reaches the target: its derivative is zero. */
  targets: End[];
  slots: number;
}

/** Where a path begins or ends. */
export interface End {
  slot: number | undefined;
  shape: number[];
}

/** Kernels whose derivative is zero wherever it exists. */
const flat = new Set(['Step', 'Sign', 'Floor', 'Ceil', 'Round', 'ZerosLike', 'OnesLike']);

/** Integers and truth values are flat too; complex numbers are not, though none has a derivative. */
const mayVary = ({ dtype }: tf.Tensor) => dtype === 'float32' || dtype === 'complex64';

/** Inputs that decide where a kernel's result goes, or only its shape, but do not change it. */
const flatInputs: Record<string, readonly string[]> = {
  AvgPoolGrad: ['input'],
  AvgPool3DGrad: ['input'],
  MaxPoolGrad: ['input', 'output'],
  MaxPool3DGrad: ['input', 'output'],
  ResizeBilinearGrad: ['images'],
  ResizeNearestNeighborGrad: ['images'],
};

/**
 * Finds the operations on every path from a leaf to a target.
 *
 * A leaf ends a path: what a leaf was computed from does not count. Copies are seen through, so
 * that a saved output is the output itself, whatever the order in which they were recorded.
 *
 * @throws UnsupportedError where a path runs through an operation that has no derivative.
 */
export function graph(nodes: readonly Node[], leaves: tf.Tensor[], targets: tf.Tensor[]): Graph {
  const leafIds = new Set(leaves.map((leaf) => leaf.id));
  const { original, see } = seeThroughCopies(nodes, leafIds);
  const active = new Set(leafIds);

  const candidates: { node: Node; names: string[] }[] = [];
  for (const node of nodes) {
    if (isCopy(node) || flat.has(node.kernelName)) continue;
    const flatOnes = flatInputs[node.kernelName] ?? [];
    const names = Object.keys(node.inputs).filter((name) => {
      const input = node.inputs[name];
      if (input == null || !mayVary(input) || flatOnes.includes(name)) return false;
      return active.has(original(input.id));
    });
    const varying = node.outputs.filter(mayVary);
    if (names.length === 0 || varying.length === 0) continue;
    if (passesOn(node, names) && !leafIds.has(node.outputs[0]!.id)) {
      see(node.outputs[0]!.id, node.inputs[names[0]!]!.id);
      continue;
    }
    for (const output of varying) active.add(output.id);
    candidates.push({ node, names });
  }

  const needed = new Set(targets.map((target) => original(target.id)));
  const path = candidates.reverse().filter(({ node, names }) => {
    const leads = node.outputs.some(({ id }) => needed.has(id) && !leafIds.has(id));
    if (leads) for (const name of names) needed.add(original(node.inputs[name]!.id));
    return leads;
  });

  const slots = new Map<number, number>();
  const slot = (id: number) => {
    if (!slots.has(id)) slots.set(id, slots.size);
    return slots.get(id)!;
  };
  const steps = path.reverse().map(({ node, names }) => {
    if (node.gradient === undefined) throw noDerivative(node);
    return {
      node,
      names,
      reads: names.map((name) => slot(original(node.inputs[name]!.id))),
      writes: node.outputs.map(({ id }) => (leafIds.has(id) ? undefined : slot(id))),
    };
  });
  return {
    steps,
    leaves: leaves.map(({ id, shape }) => ({ slot: slot(id), shape })),
    targets: targets.map(({ id, shape }) => {
      const found = original(id);
      return { slot: active.has(found) ? slot(found) : undefined, shape };
    }),
    slots: slots.size,
  };
}

/** Copies, and casts from float to float. */
export const isCopy = ({ kind, kernelName, inputs, outputs }: Node) =>
  kind === 'clone' ||
  kernelName === 'Identity' ||
  (kernelName === 'Cast' && inputs.x!.dtype === outputs[0]!.dtype);

/** Adding a constant, or reshaping to the same shape: the change of the input is that of the output. */
function passesOn({ kernelName, inputs, outputs }: Node, names: readonly string[]): boolean {
  const adds = kernelName === 'Add' || (kernelName === 'Sub' && names[0] === 'a');
  if (names.length !== 1 || !(adds || kernelName === 'Reshape')) return false;
  return sameShape(inputs[names[0]!]!.shape, outputs[0]!.shape);
}

function seeThroughCopies(nodes: readonly Node[], leaves: ReadonlySet<number>) {
  const source = new Map<number, number>();
  for (const node of nodes) {
    const output = node.outputs[0]!.id;
    if (isCopy(node) && !leaves.has(output)) source.set(output, node.inputs.x!.id);
  }
  return {
    /** Makes `output` another name for `input`. */
    see: (output: number, input: number) => source.set(output, input),
    original(id: number) {
      let found = id;
      for (let next = source.get(found); next !== undefined; next = source.get(found)) found = next;
      return found;
    },
  };
}

const noDerivative = (node: Node) =>
  new UnsupportedError({
    given: `the operation ${node.kernelName}, which has none in TensorFlow.js`,
    expected: 'operations that have a derivative',
    remedy: 'Compose the function of other operations, or register a gradient for this one.',
  });
