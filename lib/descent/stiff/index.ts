export {
  type BackwardEulerOptions,
  type BackwardEulerTrajectory,
  backwardEuler,
  type ErrorTolerance,
} from './backward-euler';
export { forwardEuler } from './forward-euler';
export {
  type EulerOptions,
  finalState,
  type RightHandSide,
  type Trajectory,
  type TrajectoryStatus,
} from './ode';
export { fastSlow, robertson, type StiffProblem, vanDerPol } from './problems';
export {
  amplification,
  type Complex,
  type StabilityFunction,
  stabilityAt,
  stabilityFunctions,
} from './stability';
