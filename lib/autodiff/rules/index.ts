import type { Step } from '../graph';
import type { Rule } from '../program';
import { product, sum } from './arithmetic';
import { convolution } from './convolutions';
import { binary, elementwise, unary } from './elementwise';
import { matMul } from './matmul';
import { maxPool, maxPoolGrad } from './max-pool';
import { isMultilinear, linearInList, linearList, multilinear } from './multilinear';
import { reshaping, transposition } from './rearrangements';
import { reduction } from './reductions';
import { reverse } from './reverse';
import { ROW_PRODUCT, rowProduct } from './row-product';
import { logSoftmax, softmax } from './softmax';

const rules: Record<string, Rule> = {
  ...Object.fromEntries([...unary, ...binary].map((kernel) => [kernel, elementwise])),
  ...Object.fromEntries(linearInList.map((kernel) => [kernel, linearList])),
  Add: sum,
  BatchMatMul: matMul,
  Conv2D: convolution,
  Conv2DBackpropFilter: convolution,
  Conv2DBackpropInput: convolution,
  ExpandDims: reshaping,
  LogSoftmax: logSoftmax,
  MaxPool: maxPool,
  MaxPool3D: maxPool,
  MaxPool3DGrad: maxPoolGrad,
  MaxPoolGrad: maxPoolGrad,
  Mean: reduction,
  Multiply: product,
  Reshape: reshaping,
  [ROW_PRODUCT]: rowProduct,
  Softmax: softmax,
  Sub: sum,
  Sum: reduction,
  Transpose: transposition,
};

/** The shortest rule there is for an operation. */
export function ruleFor({ node, names }: Step): Rule {
  // A custom gradient runs under the name of the scope it was called in.
  if (node.kind === 'custom') return reverse;
  return rules[node.kernelName] ?? (isMultilinear(node, names) ? multilinear : reverse);
}

/** The derivative of an operation, by that rule. */
export const derive: Rule = (step, tape) => ruleFor(step)(step, tape);
