export {
  type BackwardEulerOptions,
  type BackwardEulerTrajectory,
  backwardEuler,
  backwardEulerAsync,
  type ErrorTolerance,
} from './backward-euler';
export { fastSlow, hires, oregonator, robertson, type StiffProblem, vanDerPol } from './equations';
export type { Occurrence, OdeEvent } from './events';
export { forwardEuler, forwardEulerAsync } from './forward-euler';
export type { Jacobian } from './jacobian';
export {
  type EulerOptions,
  finalState,
  type RightHandSide,
  type TimeSpan,
  type Trajectory,
  type TrajectoryStatus,
} from './ode';
export { radau, radauAsync } from './radau';
export type { RadauOptions } from './radau-options';
export type { RadauSolution } from './radau-solution';
export {
  amplification,
  type Complex,
  type StabilityFunction,
  stabilityAt,
  stabilityFunctions,
} from './stability';
