import { checkCount, checkNoMore, variable } from 'implicit-lab/support';

/** What a seed is. */
const SEED_RULE = { least: 0, remedy: 'Pass 1, 2 or 3, for example.' };

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
  checkNoMore('runSeed', arguments, 1);
  checkCount(seed, 'a seed of', SEED_RULE);
  const run = Number(variable('IMPLICIT_LAB_SEED') ?? 0);
  checkCount(run, 'the variable IMPLICIT_LAB_SEED of', SEED_RULE);
  return seed + SHIFT * run;
}
