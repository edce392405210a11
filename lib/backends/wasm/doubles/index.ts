export { type AffineBlocks, affineBlocks, type Places } from './affine-blocks';
export { LEAST_ENTRIES, type StoredMatrix, storedMatrix } from './stored-matrix';
