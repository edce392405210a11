export {
  type Evaluation,
  evaluateTraced,
  freePrograms,
  type Leaves,
  type TracedCounts,
  tracedCounts,
} from './evaluate';
export type { ProductKind } from './recipe';
export { Remembered } from './remembered';
