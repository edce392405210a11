export { type Eigenvalues, type EigenvaluesOptions, eigenvalues } from './eigenvalues';
export type { SpectrumOptions } from './operand';
export {
  type SpectralDensity,
  type SpectralDensityOptions,
  spectralDensity,
} from './spectral-density';
export { type TraceEstimate, type TraceOptions, trace } from './trace';
