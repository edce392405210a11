export { type CgOptions, cg } from './cg';
export type {
  DeferredSolution,
  LinearSolver,
  Solution,
  SolveOptions,
  SolveReport,
  SolverStatus,
} from './solver';
