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
export {
  type EulerOptions,
  finalState,
  type RightHandSide,
  type TimeSpan,
  type Trajectory,
  type TrajectoryStatus,
} from './ode';
export { type RadauOptions, type RadauSolution, radau, radauAsync } from './radau';
export {
  amplification,
  type Complex,
  type StabilityFunction,
  stabilityAt,
  stabilityFunctions,
} from './stability';
