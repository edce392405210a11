export type { BatchOptions, Loss, Tapes } from './batches';
export type { ClipOptions } from './clip';
export {
  correlatedRegression,
  decreasingRate,
  explicitGLM,
  type GlmFit,
  type GlmMethod,
  type GlmName,
  type GlmOptions,
  type GlmSample,
  implicitGLM,
  type RateOptions,
  type RegressionStream,
} from './glm';
export { ImplicitAdam, type ImplicitAdamOptions, implicitAdam } from './implicit-adam';
export { ImplicitSGD, type ImplicitSgdOptions, implicitSGD } from './implicit-sgd';
export { type Kronecker, type KroneckerOptions, kronecker } from './kronecker';
export * from './least-squares';
export type { ParameterChoice } from './parameters';
export { proximalStep } from './proximal';
export type { ProximalOptions, ProximalProblem, ProximalStep } from './proximal-types';
export type { AutoRate, LearningRate } from './rate';
export { cosine, drops, inverseTime, type PerStep, type Schedule, warmUp } from './schedule';
export type { StepStats } from './stats';
export type { ImplicitStepOptions } from './step-options';
export * from './stiff';
export { type LossFunction, withOutput } from './with-output';
