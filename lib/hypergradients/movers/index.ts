export {
  type InnerOptimizer,
  type Memory,
  type Mover,
  type OuterOptimizer,
  rememberOrThrow,
} from './mover';
export { isOptimizer, livesOnGradients, moverOf } from './mover-of';
export { type Place, placeOf } from './place';
export {
  type ControlMemory,
  type OuterFacts,
  type StepControl,
  type StepControlOptions,
  stepControl,
} from './step-control';
