import type { LinearOperator, LoopReport, LoopStop, Space } from '../spaces';
import type { SolverTrace } from './trace';

/** `A x = b` in a space. */
export interface LinearSystem<V, S> {
  space: Space<V, S>;
  A: LinearOperator<V>;
  b: V;
}

/** The state of an iterative method: the parts that every method has, and its own memory. */
export interface Iterate<V, S> {
  x: V;
  /** `‖b − A x‖²`, as the method's own recurrence has it. */
  residual: S;
  /** `pᵀAp` of the direction that led here; 1 if the method does not use it. */
  curvature: S;
  vectors: Record<string, V>;
  scalars: Record<string, S>;
}

/** An iterative method as three functions; the loops around them are written once for all. */
export interface IterativeMethod {
  /** The iterate at `x`, whose residual is `r = b − A x`. */
  begin<V, S>(system: LinearSystem<V, S>, x: V, r: V): Iterate<V, S>;
  /** What the next iteration multiplies A by first. */
  direction<V, S>(system: LinearSystem<V, S>, iterate: Iterate<V, S>): V;
  /**
   * The next iterate, from the direction p and A p. It may free A p and the `vectors` of the iterate it
   * is given, which are not used again.
   */
  advance<V, S>(system: LinearSystem<V, S>, iterate: Iterate<V, S>, p: V, Ap: V): Iterate<V, S>;
  /** Adapts the method to this system, which may take products; optional. */
  prepare?<V, S>(
    system: LinearSystem<V, S>,
    r: V,
  ): Generator<readonly S[], IterativeMethod, number[]>;
  /**
   * Iterations in one call, where the operator has them, from an iterate that is left as it is. `best`
   * is the one of least residual among them where that is kept and there is a better one; `nearest` the
   * same where `best` is the last one.
   *
   * @param numbers the scalars of the iterate, and its residual
   * @returns undefined where there are none; else vectors that the caller frees
   */
  advanceMany?<V, S>(
    system: LinearSystem<V, S>,
    iterate: Iterate<V, S>,
    numbers: Readonly<Record<string, number>>,
    stop: LoopStop & { keepsBest: boolean; keepsNearest: boolean },
  ): { next: Iterate<V, S>; best: V | undefined; nearest?: V; report: LoopReport } | undefined;
  /** The x of the next iterate, where it takes no product; optional. */
  last?<V, S>(system: LinearSystem<V, S>, iterate: Iterate<V, S>): V;
  /**
   * Whether the iterates for `c A` are those for A divided by c: then a system whose numbers cannot be
   * squared is solved once more in another unit.
   */
  isScaleFree?: boolean;
  /**
   * Whether the residual can only shrink where the method converges: then any growth is
   * divergence, and the last iterate, not the one of least residual, is the result.
   */
  contracts?: boolean;
  /**
   * Whether the energy `½ xᵀAx − bᵀx` is what counts, which falls with every iterate while the
   * residual may grow: then the last iterate is the result. The residual is kept as `vectors.r`.
   */
  minimisesEnergy?: boolean;
  /**
   * Whether the iterates are the partial sums of a series, asked for by their number: then the
   * last one is the result, also where the residual grows for a while. Only where it diverges is
   * it the one of least residual.
   */
  sums?: boolean;
}

/** Whether the last iterate is the one to return, whatever its residual. */
export const lastIsBest = ({ contracts, minimisesEnergy, sums }: IterativeMethod): boolean =>
  contracts || minimisesEnergy || sums || false;

/** Whether the iterate of least residual is kept as well, in case the last one cannot be used. */
export const hasFallback = <V, S>({ A }: LinearSystem<V, S>, { sums }: IterativeMethod): boolean =>
  A.floor !== undefined || sums || false;

/** When to stop. */
export interface StoppingRule {
  /** The relative residual `‖b − A x‖ / ‖b‖` that counts as solved. */
  tolerance: number;
  maxIterations: number;
  /** Called after each iteration where its numbers are read. */
  trace?: SolverTrace;
  /** Whether the residual is computed from the value in the end; see `SolveOptions`. */
  verify?: boolean;
  /** Whether the residual is wanted; see `SolveOptions`. */
  residual?: boolean;
}

/** Below this a tolerance is close to what rounding does to a recurrence. */
const TIGHT = 1e-4;

/** Whether the residual that the recurrence claims is to be looked at. */
export const isToVerify = (
  { verify = true, tolerance }: StoppingRule,
  isSolved: boolean,
): boolean => verify || (isSolved && tolerance < TIGHT);

/** A residual this many times the first one, or `‖b‖` if that is larger, is called divergence. */
export const DIVERGENCE = 1e8;

/** Rounding may leave `b − A x` this many times above a tolerance that the recurrence has met. */
export const SLACK = 2;

/** A number smaller than this many roundoffs of its operands counts as rounding. */
export const ROUNDING = 100;

/** The iterate at `start`, or at zero. */
export function beginAt<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  start: V | undefined,
  product?: V,
): Iterate<V, S> {
  const { space, b } = system;
  return start === undefined
    ? method.begin(system, space.zeros(b), space.clone(b))
    : method.begin(system, space.clone(start), residualAt(system, start, product));
}

/** The iterate after another. */
export function advanced<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  iterate: Iterate<V, S>,
): Iterate<V, S> {
  const p = method.direction(system, iterate);
  return method.advance(system, iterate, p, system.A.apply(p));
}

/** `b − A x`. */
export function residualAt<V, S>(
  { space, A, b }: LinearSystem<V, S>,
  x: V,
  product: V = A.apply(x),
): V {
  return space.subtract(b, product);
}

/** `A x`, kept, where it comes in pieces, between which others may have a turn; else undefined. */
export function* inPieces<V, S>(
  { A }: Pick<LinearSystem<V, S>, 'A'>,
  x: V,
): Generator<readonly S[], V | undefined, number[]> {
  const work = A.applyInPieces?.(x);
  if (work === undefined) return undefined;
  for (;;) {
    const turn = work.next();
    if (turn.done) return turn.value;
    try {
      yield [];
    } catch (error) {
      // The solve is broken off: what the product holds is freed.
      work.throw(error);
      throw error;
    }
  }
}

/** `½ xᵀAx − bᵀx`, from the residual r of x: a minimum where `A x = b`, and 0 at `x = 0`. */
export function energyOf<V, S>({ space, b }: LinearSystem<V, S>, x: V, r: V): S {
  const s = space.scalars;
  return s.multiply(s.of(-0.5), s.add(space.dot(x, b), space.dot(x, r)));
}

/** `a / b`, or 0 where b is not positive: a direction that leads nowhere is given no weight. */
export function divideOrZero<V, S>({ scalars }: Space<V, S>, a: S, b: S): S {
  const zero = scalars.of(0);
  return scalars.select(scalars.less(zero, b), scalars.divide(a, b), zero);
}

export function negate<V, S>({ scalars }: Space<V, S>, a: S): S {
  return scalars.subtract(scalars.of(0), a);
}

/** What f returns; where it throws, vectors are freed before. */
export function freeingIfItThrows<V, S, T>(space: Space<V, S>, vectors: unknown, f: () => T): T {
  try {
    return f();
  } catch (error) {
    space.free(vectors);
    throw error;
  }
}
