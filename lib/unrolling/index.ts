export { type BurnIn, burnIn, type StartingErrors } from './burn-in';
export {
  type Advice,
  chooseDifferentiation,
  type DifferentiationProblem,
} from './choose-differentiation';
export {
  type Cost,
  type CostOptions,
  costModel,
  type ProblemSize,
  solverSteps,
} from './cost-model';
export { type GradientDerivative, join, split } from './field';
export { predictJacobianErrors } from './jacobian-errors';
export {
  type DerivativeProblem,
  type LossProblem,
  type Objective,
  type OuterDerivatives,
  objectiveOf,
  type UnrolledProblem,
} from './objective';
export type {
  InnerDerivatives,
  MixedDerivative,
  Solution,
  SolvedProblem,
  Start,
} from './problem';
export {
  type QuadraticFamily,
  type QuadraticOptions,
  type QuadraticProblem,
  quadratic,
} from './quadratic';
export { logisticRegression, type RegressionOptions, ridgeRegression } from './regression';
export {
  type Action,
  type Checkpoint,
  type ScheduleCost,
  schedule,
  scheduleCost,
} from './schedule';
export { naturalSpectrum, type Unrolled, type UnrollOptions, unroll } from './unroll';
export { type DifferentiateUnrolled, unrolled } from './unrolled';
export type { UnrolledDerivative, UnrolledOptions, UnrolledStats } from './unrolled-options';
