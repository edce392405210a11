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
export { predictJacobianErrors } from './jacobian-errors';
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
