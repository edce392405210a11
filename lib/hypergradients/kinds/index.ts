export { type AugmentationOptions, augmentation } from './augmentation';
export { type BiasedRegularizationOptions, biasedRegularization } from './biased-regularization';
export { type DistillationOptions, distillation } from './distillation';
export { globalL2 } from './global-l2';
export { bilevelProblem, type ExampleLosses, type Examples, type Kind } from './kind';
export { type L2Options, perFeatureL2, perTensorL2, perWeightL2 } from './l2';
export { type SampleWeightsOptions, sampleWeights } from './sample-weights';
