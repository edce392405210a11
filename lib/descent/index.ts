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
  type RegressionStream,
} from './glm';
export { ImplicitAdam, type ImplicitAdamOptions, implicitAdam } from './implicit-adam';
export type { ImplicitStepOptions } from './implicit-optimizer';
export { ImplicitSGD, type ImplicitSgdOptions, implicitSGD } from './implicit-sgd';
export type { ParameterChoice } from './parameters';
export {
  type ProximalOptions,
  type ProximalProblem,
  type ProximalStep,
  proximalStep,
} from './proximal';
export { drops, inverseTime, type Schedule } from './schedule';
export type { StepStats } from './stats';
export * from './stiff';
export { withOutput } from './with-output';
