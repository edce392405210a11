// Repairs the derivatives of TensorFlow.js that are wrong.
import '../backends';

export {
  type AuxiliaryNumbers,
  auxiliaryNumbers,
  collectAuxiliary,
  markAuxiliary,
} from './auxiliary';
export { checkAlive, checkScalar, checkTensors } from './check';
export { type CompilableLoss, compiled, rememberedOf } from './compiled';
export { compiledMap, type MapPrograms, type MapValue, mapProgramsOf } from './compiled-map';
export type { Curvature, Factors } from './curvature';
export type { CurvatureKind } from './curvature-kind';
export { completed, deferring } from './deferred';
export { refusingDisposed } from './disposed';
export { apply, entrywise, type Formula, number, vector } from './entrywise';
export type { Execution } from './execution';
export { type ExplainedEdge, type ExplainedStep, type Explanation, explain } from './explain';
export {
  type CountedOperator,
  Flat,
  type FlatDerivative,
  FlatLoss,
  type FlatMap,
  type FlatProducts,
  type FlatSpace,
  type FlatSteps,
  type FlatSystem,
  flatLossOf,
  flatSpaceNow,
  flatSpaceOn,
  knownFlatLoss,
  Layout,
  type PreparedRun,
  preparedDerivative,
  type StepUpdates,
  traceLoss,
} from './flat';
export { type FunctionalModel, functional } from './functional';
export { type CutModel, gaussNewton, markOutput } from './gauss-newton';
export { valueAndGradient, valueAndGradientInPieces, variableGradients } from './gradient';
export {
  gradientInPieces,
  gradientOf,
  type RecordedGradient,
  recordGradientInPieces,
  recordGradientOf,
} from './gradient-derivative';
export { hessian, hvp } from './hessian';
export { innerProduct } from './inner-product';
export {
  type Linearization,
  linearize,
  linearizeInPieces,
  recordedGradientInPieces,
} from './linearize';
export {
  type RecordOptions,
  recordByProgramInPieces,
  recordGradient,
  recordSelected,
  recordSelectedInPieces,
  type SelectedVariables,
} from './record-gradient';
export { Replay } from './replay';
export type { RowSpace } from './row-space';
export { engine, isolated, type Tape } from './tape';
export {
  freePrograms,
  type ProductKind,
  switchPrograms,
  type TracedCounts,
  tracedCounts,
} from './traced';
