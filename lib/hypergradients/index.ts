export { argmin, attach, stationarity } from './argmin';
export { argminAsync, type ImplicitSolution } from './argmin-async';
export type { ArgminOptions, Optimality, Point } from './argmin-options';
export { bilevel, decreasingTolerance } from './bilevel';
export type {
  BatchPlan,
  BilevelOptions,
  BilevelRun,
  BilevelSettings,
  Hyperparameters,
  OuterStep,
} from './bilevel-options';
export type {
  BilevelCheckpoint,
  ResumableCheckpoint,
  SavedArray,
  SavedMemory,
  SavedVector,
} from './checkpoint';
export { type ConstrainedProblem, kkt, projectedStationarity } from './constrained';
export type { ErrorConstants, ErrorEstimate, EstimateOptions } from './error-estimate';
export type { OnFailure } from './failure';
export { type Differentiation, type Hypergradient, hypergradient } from './hypergradient';
export { type DifferentiateImplicit, implicit } from './implicit';
export type {
  DifferentiateOptions,
  ImplicitDerivative,
  ImplicitOptions,
  ImplicitStats,
} from './implicit-options';
export * from './kinds';
export {
  type ControlMemory,
  type InnerOptimizer,
  type OuterFacts,
  type OuterOptimizer,
  type StepControl,
  type StepControlOptions,
  stepControl,
} from './movers';
