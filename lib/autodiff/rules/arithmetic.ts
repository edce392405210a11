import type * as tf from '@tensorflow/tfjs';
import { add, copy, multiply, negate, subtract } from '../kernels';
import type { Rule } from '../program';
import { fresh, reduce, spread, total, using } from './shapes';

/** a + b and a − b, with broadcasting. */
export const sum: Rule = ({ node, names }) => {
  const shape = node.outputs[0]!.shape;
  const minus = node.kernelName === 'Sub';
  const shapes = names.map((name) => node.inputs[name]!.shape);
  const negative = names.map((name) => minus && name === 'b');
  return {
    push([a, b]) {
      if (b !== undefined) return [minus ? subtract(a!, b) : add(a!, b)];
      if (negative[0]) return [using(negate(a!), (t) => spread(t, shape))];
      return [fresh(a!, (t) => spread(t, shape))];
    },
    pull([u]) {
      const results = shapes.map((shape, i) => {
        const reduced = reduce(u!, shape);
        if (!negative[i]) return reduced;
        const result = negate(reduced);
        if (reduced !== u) reduced.dispose();
        return result;
      });
      if (results[0] === u && results[1] === u) results[1] = copy(u!);
      return results;
    },
  };
};

/** a b entry by entry, with broadcasting. */
export const product: Rule = ({ node, names }) => {
  const shape = node.outputs[0]!.shape;
  const shapes = names.map((name) => node.inputs[name]!.shape);
  const [a, b] = node.saved as [tf.Tensor, tf.Tensor];
  const factors = names.map((name) => (name === 'a' ? b : a));
  return {
    push: (tangents) => {
      const parts = tangents.map((t, i) => multiply(t, factors[i]!));
      return [using(total(parts), (t) => spread(t, shape))];
    },
    pull: ([u]) =>
      shapes.map((shape, i) => using(multiply(u!, factors[i]!), (t) => reduce(t, shape))),
  };
};
