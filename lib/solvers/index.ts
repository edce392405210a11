export { identityMinus, type LowRankParts } from '../spaces';
export { type CgOptions, cg } from './cg';
export { type CgNormalOptions, cgNormal } from './cg-normal';
export { checkedDeferred, checkedSolution } from './checked-solution';
export { checkSolver, type SolveCall } from './checks';
export { type DenseOptions, dense } from './dense';
export { type FixedPointOptions, fixedPoint } from './fixed-point';
export { type GmresOptions, gmres } from './gmres';
export { heedsSpace, supportsInnerProduct } from './iterative';
export { inPieces } from './method';
export { type MinresOptions, minres } from './minres';
export { type NeumannOptions, neumann } from './neumann';
export { type NystromOptions, nystrom } from './nystrom';
export {
  endsBlind,
  isOrdinaryEnd,
  isToBeVerified,
  type OrdinaryCourse,
  ordinaryCourseOf,
  ordinaryStop,
  stands,
  verifiedStatus,
} from './ordinary-course';
export { powerIteration } from './power-iteration';
export { isSolverName, solverFromRecord } from './record';
export { type SolveManyOptions, solveMany } from './solve-many';
export {
  type DeferredSolution,
  isLibrarySolver,
  type LinearSolver,
  type Solution,
  type SolveOptions,
  type SolveReport,
  type SolverStatus,
} from './solver';
export * from './spectrum';
export type { SolverTrace, TracedIteration, TraceOption } from './trace';
export {
  type LowRankOperator,
  lowRank,
  type WoodburyOptions,
  woodbury,
} from './woodbury';
