import { InputError } from './errors';

/**
 * Checks the names of options, since a misspelt one would be ignored without a word.
 *
 * A `name` is allowed everywhere, so that the record of what was made can be used again.
 *
 * @throws InputError for an option that is none of `known`.
 */
export function checkOptionNames(owner: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => name !== 'name' && !known.includes(name));
  if (unknown === undefined) return;
  throw new InputError({
    given: `the option '${unknown}' of ${owner}`,
    expected: `options among ${known.join(', ')}`,
    remedy: 'Look for a spelling mistake.',
  });
}
