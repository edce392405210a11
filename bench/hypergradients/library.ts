export * from '../../lib';
export * from '../../lib/hypergradients';
export { gradientDescent } from '../../lib/methods';
export { unrolled } from '../../lib/unrolling';
