import { InputError, NotFiniteError } from '../../errors';
import { normsOf, type Space } from '../../spaces';

/** The norm of a vector.
 *
 * @throws NotFiniteError where it is not finite.
 */
export async function finiteNorm<V>(space: Space<V, unknown>, x: V, what: string): Promise<number> {
  const [norm] = await normsOf(space, [x]);
  requireFinite(norm!, what);
  return norm!;
}

export function requireFinite(value: number, what: string): void {
  if (Number.isFinite(value)) return;
  throw new NotFiniteError({
    given: `${what} of ${value}`,
    expected: 'a finite number',
    remedy: 'Look for a NaN in the batch, or take shorter inner steps.',
  });
}

export function requireSame(of: string, name: string): void {
  if (of === name) return;
  throw new InputError({
    given: `the memory of an optimizer ${of} for ${name}`,
    expected: `the memory of ${name}`,
    remedy: 'Resume a checkpoint with new optimizers of the same kind.',
  });
}
