import type { Execution } from '../autodiff';
import { InputError } from '../errors';
import {
  checkCount,
  checkFlag,
  checkOptionNames,
  checkPositive,
  phrase,
  remedyOf,
} from '../options';
import type { FlatProblem, InnerCurvature, UnrolledProblem } from '../problems';
import type { LinearSolver, SolverStatus } from '../solvers';
import type { NamedTensors, Vector } from '../spaces';
import type { ErrorEstimate, EstimateOptions } from './error-estimate';
import type { OnFailure } from './failure';

/** How the implicit derivative is computed. */
export interface ImplicitOptions {
  /**
   * Solves `A v = ∂g/∂w`. Default `cg({ best: 'energy' })`: cut off early, the iterate of least residual
   * may still be 0.
   */
  solver?: LinearSolver;
  /**
   * A: `'hessian'` (default), or `'gauss-newton'`, which is never indefinite; of a loss of tensors
   * it needs the network's output marked by `markOutput`.
   */
  curvature?: InnerCurvature;
  /** Whether to estimate the error, and how; `false` saves its products. Default `{}`. */
  estimate?: EstimateOptions | false;
  /**
   * Whether `stats` report how close w and the adjoint are to solutions (default): the inner gradient and the
   * residual of the solve. `false` saves what they cost where nothing else needs them, and they are
   * NaN: the network's forwards and backwards pass, and the last product of a series.
   */
  diagnose?: boolean;
  /**
   * What happens where the linear solve does not converge: `'return'` (default), the derivative with
   * the best v met and the status in `stats`, or `'throw'`, a SolveError with the status. A series
   * of a fixed number of terms seldom converges.
   */
  onFailure?: OnFailure;
}

/** What an earlier derivative may lend to the next one. */
export interface DifferentiateOptions<V> {
  /** An earlier `adjoint`, where the solve is to start. Default zero. */
  start?: V;
  /**
   * The problem on a new batch for each product of `neumann({ terms, scale })`, j = 1, 2, …
   * The mean of the result is then that of the terms with the mean of the Hessians.
   */
  factors?: (j: number) => UnrolledProblem<V & Vector>;
  /** Called before every product, to show progress; an error that it throws ends the derivative. */
  watch?: () => void;
  /** The problem on flat vectors at w and λ, where the caller has it; it stays the caller's. */
  flat?: FlatProblem;
}

/** An implicit derivative and its report; vectors belong to the caller. */
export interface ImplicitDerivative<V> {
  /** `dg/dλ = ∂g/∂λ − Bᵀ v`. */
  value: V;
  /** v (q in the course), the solution of `A v = ∂g/∂w`; the `start` of the next solve. */
  adjoint: V;
  /** What the outer loss has marked by `markAuxiliary`, if anything; the caller's. */
  auxiliary?: NamedTensors;
  stats: ImplicitStats;
}

export interface ImplicitStats {
  /** How the linear solve ended. Whatever it is, the value is valid for the best v met. */
  status: SolverStatus;
  /** `‖∂g/∂w − A v‖₂`; of a series as its recurrence has it. NaN without `diagnose`. */
  residual: number;
  iterations: number;
  /** `‖∇_w f(w, λ)‖₂`: how far w is from an inner solution. NaN without `diagnose`. */
  innerGradientNorm: number;
  /** `‖dg/dλ‖₂`. */
  norm: number;
  /** Products with A and derivatives of inner gradients, those of the estimate among them. */
  products: number;
  seconds: number;
  /**
   * Whether derivatives and solve ran by a compiled program (see `compiled`), derivatives alone, or none of
   * it; undefined in float64, where derivatives are the problem's own.
   */
  execution?: Execution;
  /**
   * The hyperparameters on which nothing depends here, by name (`'3'` is the fourth of an array): perhaps
   * they were given under the wrong name. One whose derivative is 0 for another reason, such as an outer
   * loss that does not see w, is not among them.
   */
  zero: string[];
  /** Unless it was not asked for. */
  error?: ErrorEstimate;
}

/** @throws InputError for invalid options of `implicit`. */
export function checkImplicitOptions({
  solver,
  curvature,
  estimate,
  diagnose,
}: Required<ImplicitOptions>): void {
  checkFlag(diagnose, 'diagnose', true);
  if (typeof solver?.solve !== 'function') {
    throw new InputError({
      given: 'a solver without solve()',
      expected: 'a linear solver such as cg() or neumann({ terms: 20 })',
      remedy: remedyOf(solver, 'Import one from solvers.'),
    });
  }
  if (curvature !== 'hessian' && curvature !== 'gauss-newton') {
    throw new InputError({
      given: `${phrase(curvature)} as the curvature`,
      expected: "'hessian' or 'gauss-newton'",
      remedy: 'Write it exactly like that.',
    });
  }
  if (estimate === false) return;
  checkOptionNames('implicit({ estimate })', estimate, ['mu', 'products']);
  const { mu, products } = estimate;
  if (mu !== undefined) {
    checkPositive(mu, 'an estimate with mu:', 'Leave out a lower bound that is not known.');
  }
  if (products !== undefined) {
    checkCount(products, 'an estimate with products:', { remedy: 'It counts Lanczos steps.' });
  }
}
