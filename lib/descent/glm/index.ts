export { correlatedRegression, type RegressionStream } from './correlated-regression';
export type { GlmName } from './family';
export {
  decreasingRate,
  explicitGLM,
  type GlmFit,
  type GlmMethod,
  type GlmOptions,
  type GlmSample,
  implicitGLM,
  type RateOptions,
} from './glm';
