export { type Factor, factorInBlocks, LEAST_UNKNOWNS } from './cholesky';
export { columnsOf, crossProductsInBlocks, rowsOf } from './cross-products';
