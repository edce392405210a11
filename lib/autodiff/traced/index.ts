export { counts, ran, type TracedCounts } from './counts';
export { type CurvatureProgram, CurvatureRecipe, type RowViews } from './curvature-recipe';
export { isTraceable } from './custom';
export { evaluateInPieces, evaluateTraced } from './evaluate';
export type { Evaluation } from './evaluation';
export {
  freePrograms,
  heapForPrograms,
  knownOn,
  knownPrograms,
  recall,
  remember,
  switchPrograms,
  tracedCounts,
} from './known-recipes';
export { keyOf, type Leaves } from './leaves';
export { finishLeft } from './left';
export { type MapProduct, MapRecipe, SERIES, SERIES_NUMBERS } from './map-recipe';
export type { Prepared } from './program';
export { type ProductKind, type ProgramKind, Recipe } from './recipe';
export { type Captured, Remembered } from './remembered';
export { retainedOf, structureOf, Trace } from './trace';
export { tracedCurvature } from './trace-curvature';
export {
  isTracingMap,
  type ListMap,
  tracedDerivative,
  tracedMap,
  tracedMapInPieces,
} from './trace-map';
