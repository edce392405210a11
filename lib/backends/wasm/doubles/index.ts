export { type AffineBlocks, type AffineGradient, affineBlocks } from './affine-blocks';
export { LEAST_ENTRIES, type StoredMatrix, storedMatrix } from './stored-matrix';
