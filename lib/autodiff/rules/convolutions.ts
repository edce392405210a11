import type * as tf from '@tensorflow/tfjs';
import { hasKernel, runOnList } from '../../backends/engine';
import type { Node } from '../node';
import type { LocalDerivative, Rule } from '../program';
import { engine, type Tape } from '../tape';
import { kept } from './kept';
import { multilinear } from './multilinear';

/**
 * A convolution or one of its derivatives: y = S(x) w, dx = Sᵀ(dy wᵀ), dw = S(x)ᵀ dy, where S(x) is
 * what the window sees of x, a table with a row for each output.
 *
 * Each is linear in two of x, w and y, and its derivatives are the two others. Where the backend has
 * kernels for it, both terms of the product rule are one sum, and the table of an x that stays the
 * same from product to product is laid out once.
 */
export const convolution: Rule = (step, tape) => {
  const [fast, general] = [bySums(step, tape), multilinear(step, tape)];
  const way = () => (hasKernel('Conv2DSum') && !isDilated(step.node) ? fast : general);
  return {
    push: (tangents) => way().push(tangents),
    pull: (cotangents) => way().pull(cotangents),
    prepare: () => way().prepare?.(),
  };
};

const isDilated = ({ attrs: { dilations } }: Node) =>
  [dilations ?? 1].flat().some((dilation) => dilation !== 1);

type Pair = [tf.Tensor, tf.Tensor];
type Linear = (u: tf.Tensor) => tf.Tensor;

function bySums({ node, names }: Parameters<Rule>[0], tape: Tape): LocalDerivative {
  const [first, second] = node.saved as Pair;
  const attrs = withShapes(node);
  const sum = (kernel: string, ...pairs: Pair[]) => runOnList(`${kernel}Sum`, pairs.flat(), attrs);
  const isOfImages = node.kernelName !== 'Conv2DBackpropInput';
  const outputs = node.kernelName === 'Conv2D' ? node.outputs[0]!.shape : second.shape;
  const held = isOfImages ? seenOf(first, outputs, attrs, tape) : () => first;
  const isFirst = (name: string) => name === (isOfImages ? 'x' : 'dy');

  const transposes: Record<string, Record<string, Linear>> = {
    Conv2D: {
      x: (u) => sum('Conv2DBackpropInput', [u, second]),
      filter: (u) => sum('Conv2DBackpropFilter', [held(), u]),
    },
    Conv2DBackpropFilter: {
      x: (u) => sum('Conv2DBackpropInput', [second, u]),
      dy: (u) => sum('Conv2D', [held(), u]),
    },
    Conv2DBackpropInput: {
      dy: (u) => sum('Conv2D', [u, second]),
      filter: (u) => sum('Conv2DBackpropFilter', [u, first]),
    },
  };
  return {
    push(tangents) {
      const pairs = tangents.map((t, i): Pair => (isFirst(names[i]!) ? [t, second] : [held(), t]));
      return [sum(node.kernelName, ...pairs)];
    },
    pull: ([u]) => names.map((name) => transposes[node.kernelName]![name]!(u!)),
    prepare: held,
  };
}

interface Attributes extends tf.NamedAttrMap {
  inputShape: number[];
  filterShape: number[];
}

/** The attributes of a node, with the shapes of what it is linear in. */
function withShapes({ kernelName, attrs, saved }: Node): Attributes {
  const [first, second] = saved as Pair;
  const shapes = { inputShape: first.shape, filterShape: second.shape };
  if (kernelName === 'Conv2DBackpropInput') shapes.inputShape = attrs.inputShape as number[];
  if (kernelName === 'Conv2DBackpropFilter') shapes.filterShape = attrs.filterShape as number[];
  return { ...attrs, ...shapes };
}

/**
 * Tables are kept up to so many bytes, if the lines of the window are shorter than so many numbers:
 * an image of few channels. Longer lines are laid out again as fast as a table is read from memory.
 */
const MOST_KEPT = 2 ** 25;
const SHORT_LINE = 32;

/** The table of x, one for all who need the same; x itself where keeping it is not worth it. */
function seenOf(x: tf.Tensor, outputs: number[], attrs: Attributes, tape: Tape): () => tf.Tensor {
  const { strides, pad, dimRoundingMode, filterShape } = attrs;
  const [rows, places] = [outputs, filterShape].map((shape) => size(shape.slice(0, -1)));
  const line = size(filterShape.slice(1, -1));
  if (line >= SHORT_LINE || 4 * rows! * places! > MOST_KEPT) return () => x;
  const name = `seen ${JSON.stringify([strides, pad, dimRoundingMode, filterShape.slice(0, -1)])}`;
  return kept(tape, x, name, () => engine().runKernel('Conv2DSeen', { x }, attrs));
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
