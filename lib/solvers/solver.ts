import { checkNoMore, settled } from '../options';
import { holding, type LinearOperator, type Space, type Vector } from '../spaces';
import { checkSystem } from './checks';

/**
 * How a solve ended.
 *
 * - `converged`: the residual is below the tolerance, checked on `b − A x` itself (up to a
 *   factor of 2, which rounding may cost).
 * - `max-iterations`: it is not, and the iterations are used up, or rounding allows no more.
 * - `negative-curvature`: a direction with `pᵀAp ≤ 0` was met, so A is not positive definite.
 * - `diverged`: the residual grew beyond all bounds or ceased to be a number.
 *
 * Whatever it is, the value returned is the best iterate met, and finite: the one of the smallest
 * residual, checked not to be worse than the start. `cg({ best: 'energy' })`, `neumann` and
 * `fixedPoint` return the last one instead, as documented there.
 */
export type SolverStatus = 'converged' | 'max-iterations' | 'negative-curvature' | 'diverged';

/** What is known of a solve besides its value. */
export interface SolveReport {
  iterations: number;
  /** `‖b − A x‖₂` of the value returned, computed from it: one product more than the iterations; see `verify`. */
  residualNorm: number;
  status: SolverStatus;
}

/** The best iterate of a solve, which belongs to the caller, and how it came about. */
export interface Solution<V> extends SolveReport {
  value: V;
}

/** A value that is there at once, on the device, and a report that can be read later. */
export interface DeferredSolution<V> {
  value: V;
  report(): Promise<SolveReport>;
  /** Frees what the report would have been read from; reading it does so too. */
  dispose(): void;
}

export interface SolveOptions<V> {
  /**
   * Where to start; the zero vector by default. An earlier solution makes a warm start. `dense` and `woodbury`
   * do not need it: they check its shape alone.
   */
  start?: V;
  /**
   * Whether `residualNorm` is computed from the value (default), or taken from the recurrence where an
   * iterative method has one, which saves a product; what a float32 recurrence claims may be off by
   * rounding. Where a tolerance of less than 1e-4 is claimed to be met it is computed all the same.
   */
  verify?: boolean;
  /**
   * Whether the residual is wanted (default). Without it a series saves the product after its last
   * term, where it is not to end early, and `residualNorm` is NaN; other methods take it from the recurrence.
   */
  residual?: boolean;
}

/**
 * A way of solving `A x = b` from products with A: a plain record of a name and its options, which
 * prints, compares and serializes, with the three ways of running it.
 */
export interface LinearSolver {
  readonly name: string;
  /** Solves, reading what it needs as it goes; b and the start may be freed or overwritten meanwhile. */
  solve<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    options?: SolveOptions<V>,
  ): Promise<Solution<V>>;
  /**
   * Solves without waiting.
   *
   * @throws UnsupportedError on a GPU backend, where numbers cannot be read without waiting.
   */
  solveSync<V extends Vector>(A: LinearOperator<V>, b: V, options?: SolveOptions<V>): Solution<V>;
  /**
   * Runs all iterations without reading a number; an iterate that is good enough, or can get no
   * better, is held by masks on the device. For synchronous code on any backend.
   */
  solveDeferred<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    options?: SolveOptions<V>,
  ): DeferredSolution<V>;
}

/** A solution that was kept, for the tidy around the call: its value is a clone, and is freed with the rest. */
export function inTidy<V>(
  space: Space<V, unknown>,
  { value, ...report }: Solution<V>,
): Solution<V> {
  const clone = space.clone(value);
  space.free(value);
  return { value: clone, ...report };
}

const made = new WeakSet<object>();

/**
 * Whether a solver was made by a function of this library, and so works as its record describes.
 *
 * A copy with other functions, a wrapper or a solver of your own is not, whatever its name.
 */
export const isLibrarySolver = (solver: unknown): boolean =>
  typeof solver === 'object' && solver !== null && made.has(solver);

/** A solver as the record of its options, with the ways of running it as hidden properties. */
export function solverOf<R extends { readonly name: string }>(
  record: R,
  runs: Pick<LinearSolver, 'solve' | 'solveSync' | 'solveDeferred'>,
): R & LinearSolver {
  const { solve, solveSync, solveDeferred }: typeof runs = {
    async solve(A, b, options) {
      checkNoMore(`solve of ${record.name}`, arguments, 3);
      checkSystem(record.name, A, b, options);
      return holding([b, options?.start], (b, start) =>
        runs.solve(A, b, start === undefined ? options : { ...options, start }),
      );
    },
    solveSync(A, b, options) {
      checkNoMore(`solveSync of ${record.name}`, arguments, 3);
      checkSystem(record.name, A, b, options);
      return runs.solveSync(A, b, options);
    },
    solveDeferred(A, b, options) {
      checkNoMore(`solveDeferred of ${record.name}`, arguments, 3);
      checkSystem(record.name, A, b, options);
      return runs.solveDeferred(A, b, options);
    },
  };
  const solver = Object.defineProperties({ ...record } as R & LinearSolver, {
    solve: { value: solve },
    solveSync: { value: solveSync },
    solveDeferred: { value: solveDeferred },
  });
  const fixed = settled(solver, `the solver ${record.name}`);
  made.add(fixed);
  return fixed;
}
