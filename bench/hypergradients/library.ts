export * from '../../lib';
export * from '../../lib/hypergradients';
export { gradientDescent, unrolled } from '../../lib/unrolling';
