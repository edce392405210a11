import { InputError } from 'implicit-lab';
import { describe, expect, it } from 'vitest';
import { band } from './band';

const spreads = [
  { low: 1, middle: 2, high: 3 },
  { low: 0, middle: 4, high: Number.POSITIVE_INFINITY },
];

describe('a band', () => {
  it('is the outline of the range and the line of medians, within what is drawn', () => {
    const [range, line] = band({
      name: 'a',
      colour: '#0072B2',
      x: [1, 2],
      spreads,
      within: [1, 5],
    });
    expect(range).toMatchObject({ x: [1, 2, 2, 1], y: [3, 5, 1, 1], fill: 'toself' });
    expect(line).toMatchObject({ x: [1, 2], y: [2, 4], name: 'a', showlegend: true });
  });

  it('refuses lengths that differ', () => {
    const options = { name: 'a', colour: '#0072B2', x: [1], spreads, within: [1, 5] as const };
    expect(() => band(options)).toThrow(InputError);
  });
});
