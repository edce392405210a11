export { ionosphere, type LabelledRows } from './ionosphere';
export {
  classificationData,
  type LinearData,
  type LinearDataOptions,
  regressionData,
  type Samples,
} from './linear-data';
export {
  batches,
  CLASSES,
  type Digits,
  type Mnist,
  mnist,
  oneHot,
  PIXELS,
  subset,
  toTensors,
} from './mnist';
export { digitsOf, pooled } from './pooled';
