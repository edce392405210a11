export {
  type ArgminOptions,
  argmin,
  attach,
  type Optimality,
  type Point,
  stationarity,
} from './argmin';
export {
  type BatchPlan,
  type BilevelOptions,
  type BilevelRun,
  bilevel,
  decreasingTolerance,
  type OuterStep,
} from './bilevel';
export type { BilevelCheckpoint, SavedArray, SavedMemory, SavedVector } from './checkpoint';
export { type ConstrainedProblem, kkt, projectedStationarity } from './constrained';
export type { ErrorConstants, ErrorEstimate } from './error-estimate';
export type { OnFailure } from './failure';
export { type Differentiation, type Hypergradient, hypergradient } from './hypergradient';
export {
  type DifferentiateImplicit,
  type DifferentiateOptions,
  type EstimateOptions,
  type ImplicitDerivative,
  type ImplicitOptions,
  type ImplicitStats,
  implicit,
} from './implicit';
export * from './kinds';
export type { InnerOptimizer, OuterOptimizer } from './mover';
export {
  type BatchedProblem,
  type Batches,
  type GaussNewtonProblem,
  type InnerCurvature,
  onBatches,
  type ValuedProblem,
} from './problem';
export { type StepControl, type StepControlOptions, stepControl } from './step-control';
