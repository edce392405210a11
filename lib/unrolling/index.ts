export { type AdamOptions, adam } from './adam';
export { arithmeticOf } from './arithmetic';
export { type BurnIn, burnIn, type StartingErrors } from './burn-in';
export { chebyshev } from './chebyshev';
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
export { type GradientDescentOptions, gradientDescent, type StepSize } from './gradient-descent';
export { heavyBall, type MomentumOptions } from './heavy-ball';
export { predictJacobianErrors } from './jacobian-errors';
export { Learned } from './learned';
export type { Learnable, MethodOf } from './learned-settings';
export type { Iteration, Method, Spectrum, State } from './method';
export { type NesterovTuning, nesterov } from './nesterov';
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
  type PolynomialValue,
  residualPolynomial,
  residualPolynomials,
} from './residual-polynomial';
export {
  type Action,
  type Checkpoint,
  type ScheduleCost,
  schedule,
  scheduleCost,
} from './schedule';
export type { Setting } from './setting';
export { type SobolevOptions, sobolev } from './sobolev';
export { naturalSpectrum, type Unrolled, type UnrollOptions, unroll } from './unroll';
export { type DifferentiateUnrolled, unrolled } from './unrolled';
export type { UnrolledDerivative, UnrolledOptions, UnrolledStats } from './unrolled-options';
