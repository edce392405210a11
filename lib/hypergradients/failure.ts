import { InputError, SolveError } from '../errors';
import { phrase } from '../options';
import type { SolverStatus } from '../solvers';

/** What happens where the linear solve of a derivative does not converge. */
export type OnFailure = 'return' | 'throw';

/** @throws InputError for another value. */
export function checkOnFailure(owner: string, value: unknown): void {
  if (value === undefined || value === 'return' || value === 'throw') return;
  throw new InputError({
    given: `${owner}({ onFailure }) with ${phrase(value)}`,
    expected: "'return' or 'throw'",
    remedy: "Leave it out for 'return': the derivative with the best solution met.",
  });
}

/** A residual in words; where it is that of a block of the unknowns, it is relative to the right-hand side. */
export const residualOf = (norm: number, block?: string): string =>
  block === undefined
    ? norm.toPrecision(2)
    : `${norm.toPrecision(2)} of the right-hand side, each block in its own unit, most of it in that of '${block}'`;

/** The error of a solve that did not converge. */
export function notSolved(
  facts: { status: SolverStatus; residualNorm: number },
  block?: string,
): SolveError {
  const { status, residualNorm } = facts;
  return new SolveError(
    {
      given: `a linear system whose solve ended as '${status}' with a residual of ${residualOf(residualNorm, block)}`,
      expected: "'converged', as onFailure: 'throw' asks",
      remedy: 'Give more iterations, a wider tolerance, some damping or another solver.',
    },
    facts,
  );
}
