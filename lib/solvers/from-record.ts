import { InputError } from '../errors';
import { type CgOptions, cg } from './cg';
import type { LinearSolver } from './solver';

/** What each solver is made of, by name. */
const makers: Record<string, (options: object) => LinearSolver> = {
  cg: (options) => cg(options as CgOptions),
};

/**
 * The solver that a saved record describes: `solverFromRecord({ ...solver })` equals `solver`.
 *
 * @throws InputError for a name that no solver has.
 */
export function solverFromRecord(record: { readonly name: string }): LinearSolver {
  const { name, ...options } = record;
  const make = makers[name];
  if (make !== undefined) return make(options);
  throw new InputError({
    given: `a solver called '${name}'`,
    expected: `one of ${Object.keys(makers).join(', ')}`,
    remedy: 'Save solvers as their own record: { ...solver }.',
  });
}
