export {
  type Curvature,
  type CutModel,
  gaussNewton,
  hessian,
  hvp,
  type Linearization,
  linearize,
  markOutput,
  recordGradient,
  valueAndGradient,
} from './autodiff';
export {
  type BackendOptions,
  type BackendReport,
  logSoftmax,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  useBackend,
} from './backends';
export * from './datasets';
export * from './descent';
export * from './errors';
export * from './models';
export * from './notebook';
export * from './solvers';
export * from './spaces';
