export {
  decreasingRate,
  explicitGLM,
  type GlmFit,
  type GlmOptions,
  implicitGLM,
} from './glm';
export { ImplicitSGD, type ImplicitSgdOptions, implicitSGD } from './implicit-sgd';
export type { ParameterChoice } from './parameters';
export { type ProximalProblem, type ProximalStep, proximalStep } from './proximal';
export { drops, inverseTime, type Schedule } from './schedule';
export type { StepStats } from './stats';
export {
  amplification,
  type BackwardEulerOptions,
  backwardEuler,
  type EulerOptions,
  fastSlow,
  forwardEuler,
  robertson,
  type StiffProblem,
  stabilityFunctions,
  type Trajectory,
  vanDerPol,
} from './stiff';
export { withOutput } from './with-output';
