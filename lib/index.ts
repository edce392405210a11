export {
  type Curvature,
  type CutModel,
  functional,
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
  type BackendName,
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
export * from './hypergradients';
export * from './models';
export * from './notebook';
export * from './solvers';
export * from './spaces';
export {
  type Advice,
  adam,
  type BurnIn,
  burnIn,
  chebyshev,
  chooseDifferentiation,
  costModel,
  gradientDescent,
  heavyBall,
  logisticRegression,
  type Method,
  nesterov,
  predictJacobianErrors,
  quadratic,
  residualPolynomial,
  residualPolynomials,
  ridgeRegression,
  sobolev,
  unroll,
  unrolled,
} from './unrolling';
