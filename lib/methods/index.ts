export { type AdamOptions, adam } from './adam';
export { type Arithmetic, arithmeticOf, flatArithmetic, type Term } from './arithmetic';
export { asked } from './asked';
export { chebyshev } from './chebyshev';
export { type GradientDescentOptions, gradientDescent, type StepSize } from './gradient-descent';
export { heavyBall, type MomentumOptions } from './heavy-ball';
export { iterationOf } from './iteration-of';
export { type Coefficient, Learned, numberOf, slopesOf } from './learned';
export type { Learnable, MethodOf } from './learned-settings';
export { fixed, type LearnedSettings, learnSettings } from './learned-settings';
export type { Iteration, Method, Spectrum, State } from './method';
export { isLibraryMethod, mapState, requireSpectrum } from './method';
export { type NesterovTuning, nesterov } from './nesterov';
export {
  dividedDifferences,
  type PolynomialValue,
  residualPolynomial,
  residualPolynomials,
} from './residual-polynomial';
export type { Resolve, Setting } from './setting';
export { type SobolevOptions, sobolev } from './sobolev';
export { type StepAdjoints, stepAdjoints } from './step-adjoints';
export { type Stepping, stepInPieces, vectorsOfStep } from './step-in-pieces';
export { listStep, type StepList, type StepOperation } from './step-list';
export { stepUpdates } from './step-updates';
export { repetitions, type TracedStep, traceStep } from './trace-step';
