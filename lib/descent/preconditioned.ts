import type { Factors } from '../autodiff';
import { InputError } from '../errors';
import { cg, isLibrarySolver, type LinearSolver } from '../solvers';
import type { LinearOperator, NamedTensors, Vector } from '../spaces';
import { checkKronecker, type Kronecker } from './kronecker';

/** The system `(I + δC)s = b` that a solver is to be preconditioned for. */
export interface SystemToSolve {
  /** δ. */
  delta: number;
  /** A vector of its space. */
  like: NamedTensors;
  /** Of C, where this step was recorded with them. */
  factors: Factors | undefined;
}

/** The same conjugate gradients with a preconditioner. */
export const preconditioned = (
  solver: LinearSolver,
  M: LinearOperator<NamedTensors>,
): LinearSolver => cg({ ...solver, preconditioner: M as LinearOperator<Vector> });

/** What a preconditioner has to go with. */
interface PreconditionedOptions {
  preconditioner?: Kronecker;
  curvature?: string;
  solver?: LinearSolver;
  exact?: unknown;
}

/**
 * Checks what a preconditioner rules out.
 *
 * @throws InputError for anything but `kronecker()`, and next to an option that it does not go with.
 */
export function checkPreconditioned({
  preconditioner,
  curvature,
  solver,
  exact = false,
}: PreconditionedOptions): void {
  if (preconditioner === undefined) return;
  checkKronecker(preconditioner);
  const wrong =
    curvature !== 'gauss-newton'
      ? `curvature: '${curvature ?? 'hessian'}'`
      : exact !== false
        ? 'exact steps'
        : solver && (solver.name !== 'cg' || 'preconditioner' in solver || !isLibrarySolver(solver))
          ? `the solver ${solver.name}${'preconditioner' in solver ? ' with a preconditioner' : ''}`
          : undefined;
  if (wrong === undefined) return;
  throw new InputError({
    given: `preconditioner: kronecker() with ${wrong}`,
    expected: "curvature: 'gauss-newton' and the solver cg, without exact steps",
    remedy: 'The factors are those of a Gauss–Newton matrix; leave the other option out.',
  });
}
