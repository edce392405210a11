import * as tf from '@tensorflow/tfjs';
import type { Rule } from '../program';
import { reduceTo, sameShape, spreadTo, sumTo, total } from './shapes';

/** a + b and a − b, with broadcasting. */
export const sum: Rule = ({ node, names }) => {
  const shape = node.outputs[0]!.shape;
  const minus = node.kernelName === 'Sub';
  const shapes = names.map((name) => node.inputs[name]!.shape);
  const signed = (x: tf.Tensor, name: string) => (minus && name === 'b' ? tf.neg(x) : x);
  return {
    push(tangents) {
      const [a, b] = tangents;
      if (b !== undefined) return [minus ? tf.sub(a!, b) : tf.add(a!, b)];
      const t = signed(a!, names[0]!);
      return [t === a ? spreadTo(t, shape) : spread(t, shape)];
    },
    pull: ([u]) =>
      names.map((name, i) => {
        const reduced = sumTo(u!, shapes[i]!);
        const result = signed(reduced, name);
        if (result !== reduced) reduced.dispose();
        return result;
      }),
  };
};

/** `spreadTo` for a tensor that nobody else needs. */
function spread(x: tf.Tensor, shape: number[]): tf.Tensor {
  if (sameShape(x.shape, shape)) return x;
  const result = tf.broadcastTo(x, shape);
  x.dispose();
  return result;
}

/** a b entry by entry, with broadcasting. */
export const product: Rule = ({ node, names }) => {
  const shape = node.outputs[0]!.shape;
  const shapes = names.map((name) => node.inputs[name]!.shape);
  const [a, b] = node.saved as [tf.Tensor, tf.Tensor];
  const factors = names.map((name) => (name === 'a' ? b : a));
  return {
    push: (tangents) => [spread(total(tangents.map((t, i) => tf.mul(t, factors[i]!))), shape)],
    pull: ([u]) => shapes.map((shape, i) => reduceTo(tf.mul(u!, factors[i]!), shape)),
  };
};
