import { repairGradients } from './repairs';

repairGradients();

export {
  logSoftmax,
  sigmoidCrossEntropies,
  sigmoidCrossEntropy,
  softmaxCrossEntropies,
  softmaxCrossEntropy,
} from './cross-entropy';
export { type Engine, engine, type TapeNode } from './engine';
export { eachOf, exampleLosses, withEach } from './per-example';
export { isStockGradient } from './stock-gradients';
export { unrecorded } from './unrecorded';
export {
  type BackendName,
  type BackendOptions,
  type BackendReport,
  backendNames,
  useBackend,
} from './use-backend';
export { inFewerKernels } from './webgpu/fusion';
