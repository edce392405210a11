export { Flat, Layout } from './flat';
export { type FlatDerivative, FlatLoss, flatLossOf } from './loss';
export type { FlatSteps } from './recorded';
export { type FlatSpace, flatSpaceOn } from './space';
export type { StepUpdates } from './step-loop';
