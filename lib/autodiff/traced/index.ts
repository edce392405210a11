export type { TracedCounts } from './counts';
export { evaluateInPieces, evaluateTraced } from './evaluate';
export type { Evaluation } from './evaluation';
export { freePrograms, knownPrograms, tracedCounts } from './known-recipes';
export type { Leaves } from './leaves';
export type { Prepared } from './program';
export { type ProductKind, Recipe } from './recipe';
export { Remembered } from './remembered';
