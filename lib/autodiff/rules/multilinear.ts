import * as tf from '@tensorflow/tfjs';
import { runOnList } from '../../backends/engine';
import type { Node } from '../node';
import type { Rule } from '../program';
import { engine } from '../tape';
import { pullByGradient } from './reverse';
import { total } from './shapes';

/** Kernels that are linear in each of the inputs named, the others being held. */
export const linearIn: Record<string, readonly string[]> = {
  AvgPool: ['x'],
  AvgPool3D: ['x'],
  AvgPoolGrad: ['dy'],
  BatchToSpaceND: ['x'],
  BroadcastTo: ['x'],
  Conv2D: ['x', 'filter'],
  Conv2DBackpropFilter: ['x', 'dy'],
  Conv2DBackpropInput: ['dy', 'filter'],
  Conv3D: ['x', 'filter'],
  Cumsum: ['x'],
  DepthwiseConv2dNative: ['x', 'filter'],
  DepthwiseConv2dNativeBackpropFilter: ['x', 'dy'],
  DepthwiseConv2dNativeBackpropInput: ['dy', 'filter'],
  GatherNd: ['params'],
  GatherV2: ['x'],
  MaxPoolGrad: ['dy'],
  Mean: ['x'],
  MirrorPad: ['x'],
  Neg: ['x'],
  PadV2: ['x'],
  ResizeBilinear: ['images'],
  ResizeBilinearGrad: ['dy'],
  ResizeNearestNeighbor: ['images'],
  ResizeNearestNeighborGrad: ['dy'],
  Reverse: ['x'],
  ScatterNd: ['updates'],
  Select: ['t', 'e'],
  Slice: ['x'],
  SpaceToBatchND: ['x'],
  SplitV: ['x'],
  StridedSlice: ['x'],
  Sum: ['x'],
  Tile: ['x'],
  Unpack: ['value'],
  UnsortedSegmentSum: ['x'],
};

/** Kernels that are linear in all of a list of inputs together. */
export const linearInList = ['AddN', 'Concat', 'Pack'];

/**
 * A kernel linear in each active input: J v runs the kernel again with the tangent in its place.
 *
 * f(a, b) linear in a and in b: df = f(da, b) + f(a, db). The held inputs are those that the
 * gradient saves; where it saves too little there is no such rule.
 */
export const multilinear: Rule = (step) => {
  const { node, names } = step;
  const attrs = withoutConstantTerm(node);
  const held = savedInputs(node);
  return {
    push: (tangents) =>
      sums(tangents.map((t, i) => run(node.kernelName, { ...held, [names[i]!]: t }, attrs))),
    pull: (cotangents) => pullByGradient(step, cotangents),
  };
};

/** A kernel linear in a list of inputs: J v runs it with zeros for those that do not change. */
export const linearList: Rule = (step, tape) => {
  const { node, names } = step;
  const all = Object.keys(node.inputs);
  const zeros = tape.constants(() =>
    all.map((name) => (names.includes(name) ? tf.zeros([0]) : tf.zeros(node.inputs[name]!.shape))),
  );
  return {
    push(tangents) {
      const filled = all.map((name, i) => tangents[names.indexOf(name)] ?? zeros()[i]!);
      return [runOnList(node.kernelName, filled, node.attrs)].flat();
    },
    pull: (cotangents) => pullByGradient(step, cotangents),
  };
};

/** Whether each active input is one in which the kernel is linear, with the others at hand. */
export function isMultilinear(node: Node, names: readonly string[]): boolean {
  const linear = linearIn[node.kernelName];
  if (linear === undefined || !names.every((name) => linear.includes(name))) return false;
  const held = savedInputs(node);
  const needed = Object.keys(node.inputs).filter((name) => node.inputs[name] != null);
  return needed.every((name) => name in held || (names.length === 1 && names[0] === name));
}

function savedInputs({ kernelName, saved }: Node): tf.NamedTensorMap {
  const names = tf.getGradient(kernelName)?.inputsToSave ?? [];
  return Object.fromEntries(names.map((name, i) => [name, saved[i]!]));
}

/** Padding with a constant is linear but for the constant. */
const withoutConstantTerm = ({ attrs }: Node): tf.NamedAttrMap =>
  'constantValue' in attrs ? { ...attrs, constantValue: 0 } : attrs;

function run(kernel: string, inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap): tf.Tensor[] {
  const result: tf.Tensor | tf.Tensor[] = engine().runKernel(kernel, inputs, attrs);
  return Array.isArray(result) ? result : [result];
}

/** Adds lists of tensors term by term; the lists are used up. */
const sums = (lists: tf.Tensor[][]): tf.Tensor[] =>
  lists[0]!.map((_, i) => total(lists.map((list) => list[i]!)));
