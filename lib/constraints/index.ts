export { type BallOptions, ball } from './ball';
export { type Bound, type BoxOptions, box } from './box';
export type { Constraint } from './constraint';
export { type SimplexOptions, simplex } from './simplex';
