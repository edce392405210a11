export {
  type Examples,
  exampleBatches,
  type TransferOptions,
  transferFeatures,
} from './transfer-features';
