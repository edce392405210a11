import { InputError } from '../errors';
import { giveWay } from '../event-loop';
import { nameIn } from '../options';
import { isLibrarySolver, type LinearSolver, type NeumannOptions, type Solution } from '../solvers';
import { type LinearOperator, normsOf, type Space, shifted } from '../spaces';

/**
 * The Neumann series with a different matrix for each factor: `v ← v + α (b − Aⱼ v)`, K terms.
 *
 * With independent Aⱼ of mean A the result has the mean `α Σ_{k<K} (I − αA)ᵏ b`, the K terms
 * themselves: what is left of the bias of a batch is the truncation. From zero the first term is αb
 * and costs no product. The residual is that by `A`, the matrix of one batch.
 *
 * @param matrix Aⱼ, for j = 1, 2, …; each makes one product and is disposed
 * @throws InputError unless the solver is `neumann` with a number for its scale.
 */
export async function sampledSeries<V>(
  space: Space<V, unknown>,
  solver: LinearSolver,
  matrix: (j: number) => LinearOperator<V>,
  { A, b, start }: { A: LinearOperator<V>; b: V; start: V | undefined },
): Promise<Solution<V>> {
  const { terms, scale, damping } = seriesOf(solver);
  if (start !== undefined) space.check(start, b, 'the start');
  const alpha = space.scalars.of(scale);
  let v = space.keep(start === undefined ? space.zeros(b) : space.clone(start));
  try {
    for (let k = 0, j = 1; k < terms; k++) {
      const before = v;
      if (k === 0 && start === undefined) {
        v = space.keep(space.tidy(() => space.scale(alpha, b)));
      } else {
        const factor = matrix(j++);
        try {
          const damped = damping ? shifted(space, factor, damping) : factor;
          v = space.keep(
            space.tidy(() => space.axpy(alpha, space.subtract(b, damped.apply(before)), before)),
          );
        } finally {
          factor.dispose();
        }
      }
      space.free(before);
      await giveWay();
    }
    const damped = damping ? shifted(space, A, damping) : A;
    const r = space.keep(space.tidy(() => space.subtract(b, damped.apply(v))));
    const [residual, size, length] = await normsOf(space, [r, b, v]);
    space.free(r);
    // A sum that is further from solving the system than zero is has not converged.
    const diverged = !(residual! <= size!) && start === undefined;
    if (Number.isFinite(residual! + length!)) {
      const status = diverged ? 'diverged' : 'max-iterations';
      return { value: v, iterations: terms, residualNorm: residual!, status };
    }
    space.free(v);
    v = space.keep(start === undefined ? space.zeros(b) : space.clone(start));
    const residualNorm = size!;
    return { value: v, iterations: terms, residualNorm, status: 'diverged' };
  } catch (error) {
    space.free(v);
    throw error;
  } finally {
    space.free(alpha);
  }
}

function seriesOf(solver: LinearSolver) {
  const { scale, terms = 20, damping = 0 } = solver as LinearSolver & NeumannOptions;
  const isSeries = isLibrarySolver(solver) && solver.name === 'neumann';
  if (isSeries && typeof scale === 'number') return { terms, scale, damping };
  throw new InputError({
    given: `batches for the factors, with ${isLibrarySolver(solver) ? 'the solver' : 'a solver of your own named'} ${nameIn(solver)}${scale === undefined ? '' : ` of scale ${scale}`}`,
    expected: 'neumann({ terms, scale }) with a number for its scale',
    remedy: 'Only the terms of a series stay unbiased when every factor has its own batch.',
  });
}
