import { InputError } from 'implicit-lab';
import { checkList, checkNoMore, checkOptionNames } from 'implicit-lab/support';
import type { Spread } from '../experiments';
import type { Trace } from './trace';

/** A line through the middle of several runs, with the range from the least to the largest. */
export interface BandOptions {
  name: string;
  /** As `#0072B2`. */
  colour: string;
  x: readonly number[];
  /** For each x. What is not finite is drawn at the ends of `within`. */
  spreads: readonly Spread[];
  /** Least and largest value that is drawn; others are drawn there. */
  within: readonly [number, number];
  dash?: string;
  /** Of the line. Default 2.5. */
  width?: number;
  /** Default `'lines'`. */
  mode?: string;
  /** The axes, as `'x2'`, `'y2'`. Default the first. */
  xaxis?: string;
  yaxis?: string;
  /** Whether the legend names it: once a figure of several panels. Default true. */
  showlegend?: boolean;
}

const OPTIONS = [
  ...['name', 'colour', 'x', 'spreads', 'within', 'dash', 'width', 'mode'],
  ...['xaxis', 'yaxis', 'showlegend'],
] as const;

/**
 * The two traces of a {@link BandOptions band}: the range, filled and pale, and the line of medians.
 *
 * @example
 * ```ts
 * await figure(
 *   methods.flatMap((name) => band({ name, colour: COLOURS[name], x: rates, spreads: spreads[name], within: [1e-3, 5] })),
 *   { xaxis: { title: 'learning rate', type: 'log' }, yaxis: { title: 'loss (nats)', type: 'log' } },
 *   { words: … },
 * );
 * ```
 *
 * @throws InputError if there are not as many spreads as x
 */
export function band(options: BandOptions): Trace[] {
  checkNoMore('band', arguments, 1);
  checkOptionNames('band', options, OPTIONS);
  for (const key of ['x', 'spreads', 'within'] as const) checkList(options[key], `${key} of band`);
  const { name, colour, x, spreads, within, dash = 'solid', width = 2.5 } = options;
  if (x.length !== spreads.length) {
    throw new InputError({
      given: `${x.length} places and ${spreads.length} spreads`,
      expected: 'a spread for each x',
      remedy: 'Give one { low, middle, high } for each place.',
    });
  }
  const [least, largest] = within;
  const drawn = (value: number) => Math.min(Math.max(value, least), largest);
  const axes = {
    ...(options.xaxis && { xaxis: options.xaxis }),
    ...(options.yaxis && { yaxis: options.yaxis }),
    legendgroup: name,
  };
  return [
    {
      ...axes,
      x: [...x, ...[...x].reverse()],
      y: [
        ...spreads.map(({ high }) => drawn(high)),
        ...[...spreads].reverse().map(({ low }) => drawn(low)),
      ],
      name: `${name}, range`,
      mode: 'lines',
      line: { width: 0, color: colour },
      fill: 'toself',
      fillcolor: `${colour}26`,
      hoverinfo: 'skip',
      showlegend: false,
    },
    {
      ...axes,
      x: [...x],
      y: spreads.map(({ middle }) => drawn(middle)),
      name,
      mode: options.mode ?? 'lines',
      line: { color: colour, dash, width },
      marker: { color: colour, size: 6 },
      showlegend: options.showlegend ?? true,
    },
  ];
}
