import type { AffineBlocks } from '../../backends/wasm/doubles';
import type { InnerDerivatives, SolvedProblem } from '../derivatives';

interface Affine {
  derivatives: InnerDerivatives;
  blocksAt(theta: Float64Array): AffineBlocks | undefined;
}

/** By the functions themselves: a problem that has replaced one of them is another problem. */
const known = new WeakMap<InnerDerivatives['innerGradient'], Affine>();

/** Notes that a gradient is affine in w, and how it is computed in WebAssembly's memory. */
export function rememberAffine(derivatives: InnerDerivatives, blocksAt: Affine['blocksAt']): void {
  known.set(derivatives.innerGradient, { derivatives, blocksAt });
}

/**
 * The gradient of a problem and its tangents in WebAssembly's memory.
 *
 * @returns undefined unless the problem has all its derivatives from `quadratic`, and a size for which
 *   this is worth it
 */
export function affineBlocksOf(problem: SolvedProblem): AffineBlocks | undefined {
  const found = known.get(problem.innerGradient);
  if (found === undefined) return undefined;
  const { innerHessian, innerMixed } = found.derivatives;
  const isWhole = innerHessian === problem.innerHessian && innerMixed === problem.innerMixed;
  return isWhole ? found.blocksAt(problem.theta) : undefined;
}
