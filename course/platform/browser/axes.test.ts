import { describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun } from '../../../test/needs';
import { TEMPLATE } from '../../notebook/look';
import { draw } from '../node/picture';
import { axesOf } from './axes';

leaveOutOfQuickRun();

/** The axes of plotly.js, which Node.js draws with. */
async function drawn(spec: Parameters<typeof axesOf>[0]) {
  const seen: Record<string, { range: number[]; _offset: number; _length: number }> = {};
  await draw(spec, (plot) => {
    for (const name of ['xaxis', 'yaxis']) {
      const { range, _offset, _length } = plot._fullLayout[name] as (typeof seen)[string];
      seen[name] = { range: [...range], _offset, _length };
    }
    return spec.layout;
  });
  return seen;
}

const size = { width: 720, height: 440, template: TEMPLATE, margin: { t: 24 }, showlegend: false };
const x = [0, 1, 2, 4];
const y = [3, null, 10, 500];

describe('axesOf', () => {
  it.each([
    ['lines', [{ x, y, mode: 'lines' }], {}],
    ['lines without x', [{ y, mode: 'lines' }], {}],
    ['a log axis', [{ x, y, mode: 'lines' }], { yaxis: { type: 'log' } }],
    ['a range that is given', [{ x, y, mode: 'lines' }], { xaxis: { range: [-1, 9] } }],
  ])('puts %s where plotly.js puts them', async (_, data, axes) => {
    const spec = { data, layout: { ...size, ...axes } };
    const [wanted, found] = [await drawn(spec), axesOf(spec)!._fullLayout];
    for (const [name, axis] of Object.entries(wanted)) {
      const mine = found[name] as typeof axis;
      const scale = axis.range[1]! - axis.range[0]!;
      for (const end of [0, 1]) {
        expect(Math.abs(mine.range[end]! - axis.range[end]!) / scale).toBeLessThan(0.02);
      }
      // Ticks may ask for more room than the margin that is given.
      expect(Math.abs(mine._offset - axis._offset)).toBeLessThan(30);
      expect(Math.abs(mine._length - axis._length)).toBeLessThan(30);
    }
  });

  it.each([
    ['categories', [{ x: ['a', 'b'], y: [1, 2] }], {}],
    ['bars', [{ type: 'bar', x, y }], {}],
    ['dates', [{ x, y }], { xaxis: { type: 'date' } }],
  ])('says nothing of %s', (_, data, axes) => {
    expect(axesOf({ data, layout: { ...size, ...axes } })).toBeUndefined();
  });
});
