export { type CnnOptions, cnn } from './cnn';
export * from './collocation';
export { type EquilibriumOptions, equilibrium } from './equilibrium';
export { type Evaluation, evaluate } from './evaluate';
export type { Activation } from './initial';
export { logistic, type MlpOptions, mlp } from './mlp';
export type { Model } from './model';
export { type RnnOptions, rnn } from './rnn';
export {
  type Points,
  type Recorded,
  type TwoLayer,
  type TwoLayerOptions,
  twoLayer,
} from './two-layer';
export { WARPS, warp, warpNoise } from './warp';
