export {
  type BackwardEulerOptions,
  type BackwardEulerTrajectory,
  backwardEuler,
  type ErrorTolerance,
} from './backward-euler';
export type { Occurrence, OdeEvent } from './events';
export { forwardEuler } from './forward-euler';
export {
  type EulerOptions,
  finalState,
  type RightHandSide,
  type TimeSpan,
  type Trajectory,
  type TrajectoryStatus,
} from './ode';
export { fastSlow, hires, oregonator, robertson, type StiffProblem, vanDerPol } from './problems';
export { type RadauOptions, type RadauSolution, radau } from './radau';
export {
  amplification,
  type Complex,
  type StabilityFunction,
  stabilityAt,
  stabilityFunctions,
} from './stability';
