import { InputError } from '../errors';
import { checkNoMore, checkRecord, quoted, shown } from '../options';
import { cg } from './cg';
import { cgNormal } from './cg-normal';
import { dense } from './dense';
import { fixedPoint } from './fixed-point';
import { gmres } from './gmres';
import { minres } from './minres';
import { neumann } from './neumann';
import type { LinearSolver } from './solver';
import { woodbury } from './woodbury';

const makers: Record<string, (options: object) => LinearSolver> = {
  cg,
  cgNormal,
  minres,
  gmres,
  neumann,
  fixedPoint,
  dense,
  woodbury,
};

/** Whether a solver of this library has the name. */
export const isSolverName = (name: unknown): boolean =>
  typeof name === 'string' && Object.hasOwn(makers, name);

/**
 * The solver that a record describes: the inverse of `{ ...solver }`, also after JSON.
 *
 * @throws InputError for an unknown name, an option that the solver does not have or that is out of
 * range, or a preconditioner that did not survive JSON.
 */
export function solverFromRecord(record: { readonly name: string }): LinearSolver {
  checkNoMore('solverFromRecord', arguments, 1);
  checkRecord(record, 'the record of a solver', '{ name, … }');
  const { name, ...options } = record;
  if (!isSolverName(name)) {
    throw new InputError({
      given: `a solver named ${quoted(name)}`,
      expected: `one of ${Object.keys(makers).join(', ')}`,
      remedy: 'A record has the name of its solver and the options that it was made with.',
    });
  }
  const { preconditioner } = options as { preconditioner?: { apply?: unknown } };
  if (preconditioner !== undefined && typeof preconditioner.apply !== 'function') {
    throw new InputError({
      given: `a record of ${shown(name)} whose preconditioner has no products`,
      expected: 'an operator, or no preconditioner',
      remedy: 'Functions do not survive JSON: take it out of the record, or put a new one in.',
    });
  }
  return makers[name]!(options);
}
