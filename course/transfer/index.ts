export {
  exampleBatches,
  type FeatureExamples,
  type TransferOptions,
  transferFeatures,
} from './transfer-features';
