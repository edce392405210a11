export {
  CLAIM,
  ClaimError,
  type ClaimOptions,
  type ClaimRecord,
  claim,
  claimBundle,
  type Finding,
} from './claim';
export { foldedBundle, type Hidden, predict } from './predict';
