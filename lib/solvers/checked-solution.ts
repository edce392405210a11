import { InputError } from '../errors';
import { checkCount, checkMethods, checkNoMore, checkRecord, quoted, shown } from '../options';
import type { Space } from '../spaces';
import { waysInWords } from './checks';
import type { DeferredSolution, Solution, SolverStatus } from './solver';

const statuses: readonly SolverStatus[] = [
  ...(['converged', 'max-iterations', 'negative-curvature', 'diverged'] as const),
];

/**
 * What a solver has returned, which may be a user's.
 *
 * @throws InputError, ShapeError or DisposedError for anything but a solution like b and its report; the
 *   value is freed then.
 */
export function checkedSolution<V>(
  solver: { readonly name: string },
  found: Solution<V>,
  space: Space<V, unknown>,
  b: V,
): Solution<V> {
  checkNoMore('checkedSolution', arguments, 4);
  const what = nameOf(solver, space);
  checkReturned(what, found, space, b);
  const { status, iterations, residualNorm } = found;
  try {
    checkCount(iterations, `${what} with iterations:`, { least: 0 });
    if (statuses.includes(status) && typeof residualNorm === 'number') return found;
    throw new InputError({
      given: `${what} with status: ${quoted(status)}, residualNorm: ${shown(residualNorm)}`,
      expected: `a number, and one of ${statuses.map((s) => `'${s}'`).join(', ')}`,
      remedy: `Return how the solve has ended: ${waysInWords.solve}.`,
    });
  } catch (error) {
    space.free(found.value);
    throw error;
  }
}

/** The same for a solution whose report comes later. */
export function checkedDeferred<V>(
  solver: { readonly name: string },
  found: DeferredSolution<V>,
  space: Space<V, unknown>,
  b: V,
): DeferredSolution<V> {
  checkNoMore('checkedDeferred', arguments, 4);
  const what = nameOf(solver, space);
  checkReturned(what, found, space, b);
  try {
    checkMethods(found, what, ['report', 'dispose']);
    return found;
  } catch (error) {
    space.free(found.value);
    throw error;
  }
}

function nameOf(solver: { readonly name: string }, space: unknown): string {
  checkRecord(solver, 'a solver');
  checkMethods(space, 'a space', ['check', 'free']);
  return `the solution of the solver ${quoted(solver.name)}`;
}

function checkReturned<V>(what: string, found: { value: V }, space: Space<V, unknown>, b: V): void {
  checkRecord(found, what, '{ value, status, iterations, residualNorm }');
  if (!('value' in found)) {
    throw new InputError({
      given: `${what} without 'value'`,
      expected: 'a vector like b as its value',
      remedy: `Return one: ${waysInWords.solve}.`,
    });
  }
  try {
    space.check(found.value, b, `the value of ${what}`);
  } catch (error) {
    if (typeof found.value === 'object' && found.value !== null) space.free(found.value);
    throw error;
  }
}
