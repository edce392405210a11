export { solvePositive } from './cholesky';
export {
  classificationData,
  type LinearData,
  type LinearDataOptions,
  regressionData,
  type Samples,
} from './data';
export { logarithmic } from './logarithmic';
export { bilevelLogistic } from './logistic';
export type { Penalty } from './penalty';
export type { KnownBilevel, OuterLoss } from './problem';
export { type BilevelQuadraticOptions, bilevelQuadratic } from './quadratic';
export { bilevelRidge } from './ridge';
