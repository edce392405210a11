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
export { type Random, random } from './random';
export * from './synthetic';
