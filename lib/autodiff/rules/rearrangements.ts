import { reshape, transpose } from '../kernels';
import type { Rule } from '../program';

/** Reshapes: the same numbers under another shape. */
export const reshaping: Rule = ({ node }) => {
  const [before, after] = [Object.values(node.inputs)[0]!.shape, node.outputs[0]!.shape];
  return {
    push: ([t]) => [reshape(t!, after)],
    pull: ([u]) => [reshape(u!, before)],
  };
};

/** Transposes: back by the inverse permutation. */
export const transposition: Rule = ({ node }) => {
  const perm = node.attrs.perm as number[];
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return {
    push: ([t]) => [transpose(t!, perm)],
    pull: ([u]) => [transpose(u!, inverse)],
  };
};
