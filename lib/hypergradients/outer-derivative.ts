import { auxiliaryNumbers } from '../autodiff';
import type { FlatProblem, LossProblem } from '../problems';
import { isLibrarySolver, solverFromRecord } from '../solvers';
import { type NamedTensors, tensors, type Vector } from '../spaces';
import type { DifferentiateUnrolled } from '../unrolling';
import type { OuterStep } from './bilevel-options';
import { type DifferentiateImplicit, implicit, isLibraryWay } from './implicit';
import type { DifferentiateOptions, ImplicitOptions } from './implicit-options';

/** The hypergradient of an outer step, and its report. */
export interface OuterDerivative<V> {
  value: V;
  /** The norm of the hypergradient, where it is known. */
  norm?: number;
  stats: Partial<OuterStep> & Pick<OuterStep, 'products'>;
}

/** The point of a run at which the derivative is taken. */
interface Point<V> {
  w: V;
  λ: V;
}

/** What both kinds of derivative need of the run. */
interface Watching<V> {
  /** Called at each sign of life. */
  watch(): void;
  /** Takes over what the derivative leaves to the run; throws where the work must not go on. */
  take(x: V): void;
}

/** Takes the unrolled steps, whose end is taken over as w, and differentiates through them. */
export async function unrolledDerivative<V extends Vector>(
  how: DifferentiateUnrolled,
  problem: LossProblem,
  { w, λ }: Point<V>,
  { watch, take }: Watching<V>,
): Promise<OuterDerivative<V>> {
  // One of two overloads, each for problem and vectors of a kind, which bilevel() has paired.
  const result = await how.differentiate(problem, w as NamedTensors, λ as NamedTensors, { watch });
  const { value, auxiliary } = result;
  tensors.free(result.adjoint);
  try {
    take(result.w as V);
  } catch (error) {
    tensors.free([value, auxiliary]);
    throw error;
  } finally {
    tensors.free(result.w);
  }
  const marked = await numbersOf(auxiliary);
  const { products, execution } = result.stats;
  const ran = execution === undefined ? {} : { execution };
  return { value: value as V, stats: { products, ...ran, ...marked } };
}

/** Differentiates by the implicit function theorem; the adjoint is taken over for the next start. */
export async function implicitDerivative<V extends Vector>(
  how: DifferentiateImplicit & ImplicitOptions,
  problem: LossProblem,
  { w, λ }: Point<V>,
  {
    start,
    factors,
    tolerance,
    flat,
    watch,
    take,
  }: Watching<V> & {
    start: V | undefined;
    flat: FlatProblem | undefined;
    factors: DifferentiateOptions<NamedTensors>['factors'] | undefined;
    tolerance: number;
  },
): Promise<OuterDerivative<V>> {
  const options: DifferentiateOptions<NamedTensors> = { watch };
  if (start !== undefined) options.start = start as NamedTensors;
  if (factors !== undefined) options.factors = factors;
  if (flat !== undefined) options.flat = flat;
  const args = [problem, w as NamedTensors, λ as NamedTensors, options] as const;
  const result = await tightened(how, tolerance).differentiate(...args);
  try {
    take(result.adjoint as V);
  } catch (error) {
    tensors.free([result.value, result.adjoint, result.auxiliary]);
    throw error;
  }
  const { innerGradientNorm, norm, status, zero, error, products, execution } = result.stats;
  const marked = await numbersOf(result.auxiliary);
  const ran = execution === undefined ? {} : { execution };
  const known = { innerGradientNorm, status, zero, products, ...ran, ...marked };
  return {
    value: result.value as V,
    norm,
    stats: error === undefined ? known : { ...known, error: error.bound },
  };
}

/** What a loss has marked, if anything, as numbers; the tensors are freed. */
const numbersOf = async (marked: NamedTensors | undefined) =>
  marked === undefined ? {} : { auxiliary: await auxiliaryNumbers(marked) };

/**
 * The same way, with the tolerance of its solver set; a solver of the user's own, or a wrapped one, solves
 * as it does, and so does a wrapped way.
 */
function tightened(how: DifferentiateImplicit & ImplicitOptions, tolerance: number) {
  if (tolerance === 0) return how;
  const { solver, ...rest } = how;
  const isOurs = isLibraryWay(how) && isLibrarySolver(solver);
  if (solver === undefined || !isOurs) return how;
  const record = { ...solver, tolerance: Math.min(tolerance, 0.5) };
  return implicit({ ...rest, solver: solverFromRecord(record) });
}
