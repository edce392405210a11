export * from '../../course';
export * from '../../lib';
export * from '../../lib/hypergradients';
export { gradientDescent } from '../../lib/methods';
export * from '../../lib/problems';
export { unrolled } from '../../lib/unrolling';
