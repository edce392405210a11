export {
  type Evaluation,
  evaluateTraced,
  freePrograms,
  knownPrograms,
  type Leaves,
  type TracedCounts,
  tracedCounts,
} from './evaluate';
export type { Prepared } from './program';
export { type ProductKind, Recipe } from './recipe';
export { Remembered } from './remembered';
