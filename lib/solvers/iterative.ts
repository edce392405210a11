import { drive, driveAtOnce } from '../event-loop';
import { type LinearOperator, shifted, spaceOf, type Vector } from '../spaces';
import { checkDamping, checkedProducts, checkTolerance } from './checks';
import { iterate } from './loop';
import { iterateMasked } from './masked';
import type { IterativeMethod, StoppingRule } from './method';
import {
  type DeferredSolution,
  inTidy,
  isLibrarySolver,
  type LinearSolver,
  type Solution,
  type SolveOptions,
  solverOf,
} from './solver';
import type { SolverTrace } from './trace';

/**
 * Makes a solver of an iterative method. A record with `damping` τ solves with `A + τI`.
 *
 * @throws InputError for a tolerance outside [0, 1) or negative damping.
 */
export function iterativeSolver<
  R extends {
    readonly name: string;
    readonly tolerance: number;
    readonly damping?: number;
    readonly trace?: SolverTrace;
  },
>(record: R, method: IterativeMethod, maxIterations: number): R & LinearSolver {
  const { name, tolerance, damping = 0, trace } = record;
  checkTolerance(name, tolerance);
  checkDamping(name, damping);
  const rule: StoppingRule = { tolerance, maxIterations, ...(trace && { trace }) };
  const ruleWith = ({
    residual = true,
    verify = residual,
  }: SolveOptions<unknown>): StoppingRule => ({
    ...rule,
    verify,
    residual,
  });

  function system<V extends Vector>(A: LinearOperator<V>, b: V) {
    const space = A.space ?? spaceOf(b);
    const checked = checkedProducts(space, A);
    return { space, A: damping ? shifted(space, checked, damping) : checked, b };
  }

  async function solve<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    options: SolveOptions<V> = {},
  ): Promise<Solution<V>> {
    const { space, ...rest } = system(A, b);
    const steps = iterate({ space, ...rest }, method, ruleWith(options), options.start);
    return drive(steps, (scalars) => space.read(scalars));
  }

  function solveSync<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    options: SolveOptions<V> = {},
  ): Solution<V> {
    const { space, ...rest } = system(A, b);
    space.readSync([]);
    const steps = iterate({ space, ...rest }, method, ruleWith(options), options.start);
    return inTidy(
      space,
      driveAtOnce(steps, (scalars) => space.readSync(scalars)),
    );
  }

  function solveDeferred<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    options: SolveOptions<V> = {},
  ): DeferredSolution<V> {
    if (!spaceOf(b).readableNow()) {
      return iterateMasked(system(A, b), method, ruleWith(options), options.start);
    }
    const { value, ...report } = solveSync(A, b, options);
    return { value, report: async () => report, dispose() {} };
  }

  return solverOf(record, { solve, solveSync, solveDeferred });
}

/** The solvers that use only operations of the space. */
const bySpaceAlone = new Set(['cg', 'fixedPoint', 'gmres', 'minres', 'neumann']);

/** Whether a solver uses the space of an operator; one with a preconditioner, or of your own, is not known to. */
export const supportsInnerProduct = (solver: LinearSolver): boolean =>
  isLibrarySolver(solver) && bySpaceAlone.has(solver.name) && !('preconditioner' in solver);

/** @deprecated The former name of {@link supportsInnerProduct}, kept for one version. */
export const heedsSpace = supportsInnerProduct;
