import { InputError } from '../errors';
import { type LinearOperator, shifted, spaceOf, type Vector } from '../spaces';
import { iterate } from './loop';
import { iterateMasked } from './masked';
import type { IterativeMethod, StoppingRule } from './method';
import type { DeferredSolution, LinearSolver, Solution, SolveOptions } from './solver';

/**
 * Makes a solver of an iterative method: a value that prints, compares and serializes as its
 * record. A record with `damping` τ solves with `A + τI`.
 *
 * @throws InputError for a negative tolerance or a count that is no positive integer.
 */
export function iterativeSolver<
  R extends StoppingRule & { readonly name: string; readonly damping?: number },
>(record: R, method: IterativeMethod): R & LinearSolver {
  checkRule(record);

  function system<V extends Vector>(A: LinearOperator<V>, b: V) {
    const space = spaceOf(b);
    return { space, A: record.damping ? shifted(space, A, record.damping) : A, b };
  }

  async function solve<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    { start }: SolveOptions<V> = {},
  ): Promise<Solution<V>> {
    const { space, ...rest } = system(A, b);
    const steps = iterate({ space, ...rest }, method, record, start);
    let turn = steps.next();
    while (!turn.done) {
      turn = await space.read(turn.value).then(
        (numbers) => steps.next(numbers),
        (error) => steps.throw(error),
      );
    }
    return turn.value;
  }

  function solveSync<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    { start }: SolveOptions<V> = {},
  ): Solution<V> {
    const { space, ...rest } = system(A, b);
    space.readSync([]);
    const steps = iterate({ space, ...rest }, method, record, start);
    let turn = steps.next();
    while (!turn.done) turn = steps.next(space.readSync(turn.value));
    // A clone belongs to the tidy around the call, as the kept value would not.
    const value = space.clone(turn.value.value);
    space.free(turn.value.value);
    return { ...turn.value, value };
  }

  function solveDeferred<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    options: SolveOptions<V> = {},
  ): DeferredSolution<V> {
    if (!spaceOf(b).readableNow()) {
      return iterateMasked(system(A, b), method, record, options.start);
    }
    const { value, ...report } = solveSync(A, b, options);
    return { value, report: async () => report, dispose() {} };
  }

  return Object.defineProperties({ ...record } as R & LinearSolver, {
    solve: { value: solve },
    solveSync: { value: solveSync },
    solveDeferred: { value: solveDeferred },
  });
}

function checkRule({ name, tolerance, maxIterations }: StoppingRule & { readonly name: string }) {
  if (!(tolerance >= 0 && tolerance < 1)) {
    throw new InputError({
      given: `${name}({ tolerance: ${tolerance} })`,
      expected: 'a relative residual of at least 0 and below 1',
      remedy: 'Try 1e-10 for Float64Arrays and 1e-4 for tensors.',
    });
  }
  if (!Number.isInteger(maxIterations) || maxIterations < 1) {
    throw new InputError({
      given: `${name}({ maxIterations: ${maxIterations} })`,
      expected: 'a positive integer',
      remedy: 'Give the largest number of products with A that you are willing to pay for.',
    });
  }
}
