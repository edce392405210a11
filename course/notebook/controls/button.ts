import { checkNoMore, checkOptionNames } from 'implicit-lab/support';
import { Control } from './control';
import { openControl } from './widgets';

/**
 * A button, for {@link interact}; its value is how often it has been pressed, as a seed may be.
 */
export function button(options: { label: string }): Control<number> {
  checkNoMore('button', arguments, 1);
  checkOptionNames('button', options, ['label']);
  const { label } = options;
  let presses = 0;
  return new Control(label, presses, {
    open: (_, labelWidth) => openControl('Button', { description: label }, labelWidth),
    follow(model, set) {
      model.onMessage(({ event }) => {
        if (event !== 'click') return;
        presses += 1;
        set(presses);
      });
    },
    said: () => '',
  });
}
