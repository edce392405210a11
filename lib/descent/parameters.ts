import { InputError } from '../errors';

/**
 * Which parameters take the implicit step: their names, a predicate of the name, or their places
 * among the variables (what a saved optimizer remembers, since names change when a model is loaded).
 */
export type ParameterChoice =
  | readonly string[]
  | ((name: string) => boolean)
  | { readonly places: readonly number[] };

/**
 * The names among `all` that are chosen, in the order of `all`; without a choice all of them.
 *
 * @throws InputError for a name or place that does not exist, or if nothing is chosen.
 */
export function chosenParameters(
  choice: ParameterChoice | undefined,
  all: readonly string[],
): string[] {
  if (choice === undefined) return [...all];
  const chosen = new Set(namesOf(choice, all));
  const unknown = [...chosen].find((name) => !all.includes(name));
  if (unknown === undefined && chosen.size > 0) return all.filter((name) => chosen.has(name));
  throw new InputError({
    given: unknown === undefined ? 'a choice of no parameters' : `the parameter '${unknown}'`,
    expected: `at least one of ${all.join(', ')}`,
    remedy: 'Name parameters as their variables are named: tf.variable(value, true, name).',
  });
}

function namesOf(choice: ParameterChoice, all: readonly string[]): readonly string[] {
  if (typeof choice === 'function') return all.filter(choice);
  if (!('places' in choice)) return choice;
  return choice.places.map((place) => all[place] ?? `number ${place} of ${all.length}`);
}
