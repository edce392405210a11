export { apart, partsApart } from './apart';
export { float64 } from './float64';
export { float64Loops } from './float64-loops';
export { holding } from './holding';
export { normsOf } from './norms';
export {
  identityMinus,
  type LinearOperator,
  type LoopReport,
  type LoopStop,
  type LowRankParts,
  type MinimalResiduals,
  type MinimalResidualsRule,
  observed,
  observedLoops,
  type SolverLoops,
  shifted,
  withParts,
} from './operator';
export type { Scalars, Space } from './space';
export { mapTensors, type NamedTensors, tensors } from './tensors';
export { spaceFor, spaceOf, type Vector } from './vector';
export { type WeightedSpace, weighted } from './weighted';
