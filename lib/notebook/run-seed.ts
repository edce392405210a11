import { variable } from '#platform/environment';
import { InputError } from '../errors';
import { shown } from '../options';

/** Apart from each other further than a lesson's own seeds are. */
const SHIFT = 1000;

/**
 * A seed of a lesson: `seed` itself, or another one where the course is run on other seeds.
 *
 * `npm run course -- --seeds 3` runs every lesson three times more, with `IMPLICIT_LAB_SEED` set to
 * 1, 2 and 3, and reports the claims that do not hold there. Run k takes seed + 1000 k.
 *
 * @param seed a whole number from 0
 * @throws InputError if the seed is not such a number, or the variable holds something else
 */
export function runSeed(seed: number): number {
  requireCount(seed, 'a seed');
  const run = Number(variable('IMPLICIT_LAB_SEED') ?? 0);
  requireCount(run, 'the variable IMPLICIT_LAB_SEED');
  return seed + SHIFT * run;
}

function requireCount(value: number, name: string): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new InputError({
    given: `${name} of ${shown(value)}`,
    expected: 'a whole number from 0',
    remedy: 'Pass 1, 2 or 3, for example.',
  });
}
