export { columnProducts, crossProducts } from './cross-products';
export { type Eigen, eigen, eigenSymmetric, eigenSymmetricInPieces } from './eigen';
export { cholesky, factorize, factorizeInPieces, lu, type Solve } from './factorize';
export { requireLabels, sigmoid } from './logistic';
export { gaussGegenbauer, gegenbauerCoefficient, type Quadrature } from './quadrature';
export { type Random, random } from './random';
export {
  diagonal,
  gram,
  type Matrix,
  matrix,
  multiply,
  multiplyTransposed,
  partsOf,
  requireSymmetric,
} from './rows';
export { Lease, SIMD_ROWS, upTo } from './simd';
export { type SquareMatrix, squareMatrix } from './square-matrix';
export { tridiagonalEigen } from './tridiagonal';
