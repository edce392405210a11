export { ionosphere, type LabelledRows } from './ionosphere';
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
