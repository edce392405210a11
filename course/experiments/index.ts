export { processorSeconds } from './clock';
export { type LbfgsOptions, type LossWithGradient, lbfgs } from './lbfgs';
export { rateGrid } from './rates';
export { bestRate, type Chosen, type Spread, spreadOf } from './spread';
export { withStockTensorFlow } from './stock';
export {
  type Budget,
  endLoss,
  type Look,
  type TrainingCourse,
  type TrainingPlan,
  trainingCourse,
  variablesOf,
} from './training';
