export type {
  InnerDerivatives,
  InnerSolution,
  MixedDerivative,
  SolvedProblem,
  Start,
} from './derivatives';
export { float64Field, type GradientDerivative, type GradientField, join, split } from './field';
export {
  type DerivativeProblem,
  type LossProblem,
  type Objective,
  type OuterDerivatives,
  type OuterGradients,
  objectiveOf,
  type UnrolledProblem,
} from './form';
export {
  type BatchedProblem,
  type Batches,
  checkPair,
  checkProblem,
  curvatureOf,
  type GaussNewtonProblem,
  type InnerCurvature,
  onBatches,
  type ValuedProblem,
} from './problem';
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
