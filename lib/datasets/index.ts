export {
  classificationData,
  type LinearData,
  type LinearDataOptions,
  regressionData,
  type Samples,
} from './linear-data';
