export { type Factor, factorInBlocks, LEAST_UNKNOWNS } from './cholesky';
export { columnsOf, crossProductsInBlocks, rowsOf } from './cross-products';
export { Lease, upTo } from './machine';
export { GROUP as SIMD_ROWS } from './row-combinations';
