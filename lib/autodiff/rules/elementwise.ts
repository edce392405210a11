import * as tf from '@tensorflow/tfjs';
import type { Step } from '../graph';
import { multiply } from '../kernels';
import type { Rule } from '../program';
import { reduce, spread, total, using } from './shapes';

/** Functions of one number: x ↦ f(x) entry by entry, perhaps with constants. */
export const unary = [
  ...['Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'ClipByValue', 'Cos', 'Cosh'],
  ...['Elu', 'Erf', 'Exp', 'Expm1', 'LeakyRelu', 'Log', 'Log1p', 'Reciprocal', 'Relu', 'Relu6'],
  ...['Rsqrt', 'Selu', 'Sigmoid', 'Sin', 'Sinh', 'Softplus', 'Sqrt', 'Square', 'Tan', 'Tanh'],
];

/** Functions of two numbers, entry by entry, with broadcasting. */
export const binary = [
  ...['Atan2', 'DivNoNan', 'Maximum', 'Minimum', 'Mod', 'Pow', 'Prelu', 'RealDiv'],
  'SquaredDifference',
];

/**
 * The derivative of a function applied entry by entry: a diagonal for each input.
 *
 * It is computed once; a product is then one multiplication, and the same both ways.
 */
export const elementwise: Rule = (step, tape) => {
  const { node, names } = step;
  const shapes = names.map((name) => node.inputs[name]!.shape);
  const kept = tape.constants(() => diagonals(step));
  return {
    push: (tangents) => [total(tangents.map((t, i) => multiply(t, kept()[i]!)))],
    pull: ([u]) =>
      shapes.map((shape, i) => using(multiply(u!, kept()[i]!), (t) => reduce(t, shape))),
  };
};

/**
 * The diagonal for each active input, in the shape of the output.
 *
 * It is the gradient at u = 1 of the function between tensors that are all spread to that shape, so
 * that no broadcasting sums its entries.
 */
export function diagonals({ node, names }: Step): tf.Tensor[] {
  const { shape } = node.outputs[0]!;
  const { gradFunc } = tf.getGradient(node.kernelName);
  const saved = node.saved.map((value) => spread(value, shape));
  // `tf.ones` fills an array in JavaScript first.
  const u = tf.fill(shape, 1);
  const gradients = gradFunc(u, saved, node.attrs) as Record<string, () => tf.Tensor>;
  return names.map((name) => gradients[name]!());
}
