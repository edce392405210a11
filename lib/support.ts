/*
 * A second entry, for packages that build on this library: helpers that they need and that a program
 * does not. It may change from version to version.
 */
export { variable } from '#platform/environment';
export { checkTensors } from './autodiff';
export { kernelRunner } from './backends/engine';
export { inNextTurn } from './event-loop';
export { cnnFeatures } from './models/cnn';
export { gaussGegenbauer } from './numbers';
export {
  checkCount,
  checkFunction,
  checkList,
  checkMethods,
  checkNoMore,
  checkNumericTensor,
  checkOptionNames,
  checkRecord,
  phrase,
  shown,
} from './options';
export { host as page } from './platform/browser/host';
