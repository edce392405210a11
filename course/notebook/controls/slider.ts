import { InputError } from 'implicit-lab';
import { checkNoMore, checkOptionNames } from 'implicit-lab/support';
import { formatNumber } from '../../output';
import { Control } from './control';
import { openControl } from './widgets';

/** What a slider needs. */
export interface SliderOptions {
  /** Its ends. */
  min: number;
  max: number;
  /**
   * The distance of two values: a power of ten that makes some hundred unless given. On a log scale
   * in decades, a hundredth unless given; values have three digits there.
   */
  step?: number;
  /** What it is set to at first, the middle unless given. */
  value?: number;
  /** What it sets, with its unit: `'step size h'`. */
  label: string;
  /** `'log'` where a range spans powers of ten; `'linear'` unless given. */
  scale?: 'linear' | 'log';
}

/**
 * A slider, for {@link interact}.
 *
 * @throws InputError if the range is empty, the value is outside it, or a log scale not positive
 */
export function slider(given: SliderOptions): Control<number> {
  checkNoMore('slider', arguments, 1);
  checkOptionNames('slider', given, ['min', 'max', 'step', 'value', 'label', 'scale']);
  const { scale = 'linear', ...options } = given;
  requireRange(options, scale);
  return scale === 'log' ? logSlider(options) : linearSlider(options);
}

type Range = Omit<SliderOptions, 'scale'>;

function linearSlider({ min, max, step = roundStep(max - min), value, label }: Range) {
  const middle = min + step * Math.floor((max - min) / 2 / step);
  const decimals = decimalsOf(step);
  return new Control(label, value ?? tidied(middle), {
    open(current, labelWidth) {
      const readout_format = `.${decimals}f`;
      const state = { description: label, value: current, min, max, step, readout_format };
      return openControl('FloatSlider', state, labelWidth);
    },
    follow: (model, set) => model.onChange(({ value }) => set(tidied(value as number))),
    said: (current) => `${label} = ${asTyped(current)}`,
  });
}

/** The front end's slider has its ends as exponents, and its value as a value. */
function logSlider({
  min,
  max,
  step,
  value = 10 ** ((Math.log10(min) + Math.log10(max)) / 2),
  label,
}: Range) {
  const [from, to] = [Math.log10(min), Math.log10(max)];
  const first = shortened(value);
  return new Control(label, first, {
    open(current, labelWidth) {
      const decades = step ?? stepThrough(Math.log10(first) - from);
      const ends = { min: from, max: to, step: decades, base: 10 };
      const state = { description: label, value: current, ...ends, readout_format: '.3~g' };
      return openControl('FloatLogSlider', state, labelWidth);
    },
    follow: (model, set) => model.onChange(({ value }) => set(shortened(value as number))),
    said: (current) => `${label} = ${asTyped(current)}`,
  });
}

/** The power of ten that divides a range into 50 to 500 steps: round numbers are among them. */
function roundStep(range: number): number {
  return 10 ** Math.floor(Math.log10(range / 50));
}

/** About a hundredth of a decade, so that whole steps lead from the end to the first value. */
function stepThrough(decades: number): number {
  return decades > 0 ? decades / Math.ceil(100 * decades) : 0.01;
}

/** As a reader would type it, without zeros at the end. */
function asTyped(value: number): string {
  const size = Math.abs(value);
  return size === 0 || (size >= 1e-4 && size < 1e6) ? String(value) : formatNumber(value, 3);
}

/** The three digits that the slider shows. */
function shortened(value: number): number {
  return Number(value.toPrecision(3));
}

/** Without the rounding errors of a step's multiples: .3 and not .30000000000000004. */
function tidied(value: number): number {
  return Number(value.toPrecision(12));
}

/** How many decimals distinguish multiples of `step`. */
function decimalsOf(step: number): number {
  for (let decimals = 0; decimals < 10; decimals++) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return decimals;
  }
  return 10;
}

function requireRange({ min, max, step, value, label }: Range, scale: string) {
  const refuse = (given: string, expected: string, remedy: string) => {
    throw new InputError({ given: `a slider “${label}” ${given}`, expected, remedy });
  };
  if (typeof label !== 'string' || label.trim() === '') {
    refuse('without a label', 'what it sets', "Add label: 'step size h'.");
  }
  if (!(Number.isFinite(min) && Number.isFinite(max) && min < max)) {
    refuse(`from ${min} to ${max}`, 'finite ends, min < max', 'Give the range that is meant.');
  }
  if (scale !== 'linear' && scale !== 'log') {
    refuse(`with scale '${scale}'`, "'linear' or 'log'", 'Look for a spelling mistake.');
  }
  if (scale === 'log' && min <= 0) {
    refuse(`from ${min} on a log scale`, 'a positive min', 'Begin at 1e-6, for example.');
  }
  if (step !== undefined && !(step > 0 && Number.isFinite(step))) {
    refuse(
      `with step ${step}`,
      'a positive number',
      'Leave it out: some hundred values are then chosen.',
    );
  }
  if (value !== undefined && !(value >= min && value <= max)) {
    refuse(`set to ${value}`, `a value from ${min} to ${max}`, 'Move the value or the ends.');
  }
}
