export { Flat, Layout } from './flat';
export type { CountedOperator, FlatProducts, FlatSystem } from './flat-products';
export { type FlatDerivative, FlatLoss, flatLossOf } from './loss';
export { flatProducts } from './products';
export type { FlatSteps } from './recorded';
export type { Weights } from './solver-loops';
export { type FlatSpace, flatSpaceOn } from './space';
export type { StepUpdates } from './step-loop';
export { weightedFlat } from './weighted';
