export { checkPair, checkProblem } from './checks';
export type {
  InnerDerivatives,
  InnerSolution,
  MixedDerivative,
  SolvedProblem,
  Start,
} from './derivatives';
export { type FlatProblem, flatProblem, knownFlatProblem, traceLosses } from './flat-problem';
export { float64InnerForm } from './float64-form';
export { formOf } from './form';
export type {
  DerivativePieces,
  Form,
  GradientDerivative,
  InnerCurvature,
  InnerForm,
  OuterGradients,
} from './form-types';
export {
  curvatureInTurns,
  gradientInTurns,
  linearizeInTurns,
  mixedBack,
  outerInTurns,
  pulledBack,
  pushed,
} from './in-turns';
export { join, split } from './pair';
export {
  type BatchedProblem,
  type Batches,
  type DerivativeProblem,
  type GaussNewtonProblem,
  type LossProblem,
  type OuterDerivatives,
  onBatches,
  type UnrolledProblem,
  type ValuedProblem,
} from './problem';
export { affineBlocksOf } from './solved/affine';
export { bilevelLogistic } from './solved/bilevel-logistic';
export { type BilevelQuadraticOptions, bilevelQuadratic } from './solved/bilevel-quadratic';
export { bilevelRidge } from './solved/bilevel-ridge';
export type { KnownBilevel, OuterLoss } from './solved/known-bilevel';
export { logarithmic } from './solved/logarithmic';
export type { Penalty } from './solved/penalty';
export {
  checkColumns,
  type QuadraticFamily,
  type QuadraticOptions,
  type QuadraticProblem,
  quadratic,
} from './solved/quadratic';
export { logisticRegression, type RegressionOptions, ridgeRegression } from './solved/regression';
export { solvePositive } from './solved/solve-positive';
