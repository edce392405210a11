import { InputError } from '../errors';
import { quoted } from '../options';

/**
 * Which parameters take the implicit step: their names, a predicate of the name, or their places
 * among the variables (what a saved optimizer remembers, since names change when a model is loaded).
 */
export type ParameterChoice =
  | readonly string[]
  | ((name: string) => boolean)
  | { readonly places: readonly number[] };

/**
 * The keys of those variables that are chosen, in their order; without a choice all of them. Names
 * are those of the variables themselves, which may have other keys.
 *
 * @throws InputError for a name or place that does not exist, or if nothing is chosen.
 */
export function chosenParameters(
  choice: ParameterChoice | undefined,
  variables: Readonly<Record<string, { readonly name: string }>>,
): string[] {
  const all = Object.keys(variables);
  if (choice === undefined) return all;
  const nameOf = (key: string) => variables[key]!.name;
  const { chosen, unknown } = chosenOf(choice, all, nameOf);
  if (unknown === undefined && chosen.length > 0) return chosen;
  throw new InputError({
    given: unknown === undefined ? 'a choice of no parameters' : `the parameter ${quoted(unknown)}`,
    expected: `at least one of ${all.map(nameOf).join(', ')}`,
    remedy: 'Name parameters as their variables are named: tf.variable(value, true, name).',
  });
}

function chosenOf(
  choice: ParameterChoice,
  all: readonly string[],
  nameOf: (key: string) => string,
): { chosen: string[]; unknown?: string | undefined } {
  if (typeof choice === 'function') {
    return { chosen: all.filter((key) => checkedAnswer(choice(nameOf(key)))) };
  }
  if ('places' in choice) {
    const wrong = choice.places.find((place) => all[place] === undefined);
    const chosen = all.filter((_, place) => choice.places.includes(place));
    return {
      chosen,
      unknown: wrong === undefined ? undefined : `number ${wrong} of ${all.length}`,
    };
  }
  const names = new Set(all.map(nameOf));
  const chosen = all.filter((key) => choice.includes(nameOf(key)));
  return { chosen, unknown: choice.find((name) => !names.has(name)) };
}

/** @throws InputError for a promise, which would count as true. */
function checkedAnswer(answer: unknown): boolean {
  if (!(answer instanceof Promise)) return Boolean(answer);
  throw new InputError({
    given: 'a promise from the predicate of parameters',
    expected: 'true or false',
    remedy: 'Decide by the name, at once: (name) => name.includes("kernel").',
  });
}
