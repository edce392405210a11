import { InputError } from 'implicit-lab';
import { checkList, checkNoMore, checkOptionNames, phrase } from 'implicit-lab/support';
import { formatNumber } from '../../output';
import { Control } from './control';
import { openControl } from './widgets';

/** What a dropdown needs. */
export interface DropdownOptions<T extends string | number> {
  /** What can be chosen. */
  options: readonly T[];
  /** What is chosen at first, the first option unless given. */
  value?: T;
  /** What it sets: `'method'`. */
  label: string;
}

/**
 * A list to choose from, for {@link interact}.
 *
 * @throws InputError if there are no options, or the value is none of them
 */
export function dropdown<const T extends string | number>(given: DropdownOptions<T>): Control<T> {
  checkNoMore('dropdown', arguments, 1);
  checkOptionNames('dropdown', given, ['options', 'value', 'label']);
  checkList(given.options, 'the options of a dropdown');
  const { options, value = options[0], label } = given;
  if (value === undefined || !options.includes(value)) {
    throw new InputError({
      given: `a dropdown “${label}” set to ${phrase(value)}`,
      expected: `one of its options (${options.join(', ')})`,
      remedy: 'Add the value to the options, or leave it out for the first of them.',
    });
  }
  const written = (option: T) =>
    typeof option === 'number' ? formatNumber(option) : String(option);
  return new Control(label, value, {
    open(current, labelWidth) {
      const state = {
        description: label,
        _options_labels: options.map(written),
        index: options.indexOf(current),
      };
      return openControl('Dropdown', state, labelWidth);
    },
    follow(model, set) {
      model.onChange(({ index }) => {
        const chosen = options[index as number];
        if (chosen !== undefined) set(chosen);
      });
    },
    said: (option) => `${label} = ${written(option)}`,
  });
}
