import * as tf from '@tensorflow/tfjs';
import { InputError, NotFiniteError, ShapeError } from 'implicit-lab';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { figure, figureBundle } from './figure';
import type { Layout, Trace } from './trace';

leaveOutOfQuickRun();

const words = 'The loss falls from 1 to .14 in two steps.';
const titles: Layout = { xaxis: { title: 'step' }, yaxis: { title: 'loss (nats)' } };
const line: Trace = { x: [0, 1, 2], y: [1, 0.37, 0.14], name: 'implicit' };

interface Drawn {
  data: Trace[];
  layout: Layout & { annotations: Record<string, unknown>[]; margin: Record<string, number> };
}

async function drawn(...input: Parameters<typeof figureBundle>): Promise<Drawn> {
  const bundle = await figureBundle(...input);
  return bundle.data['application/vnd.plotly.v1+json'] as Drawn;
}

async function picture(...input: Parameters<typeof figureBundle>): Promise<Buffer> {
  const bundle = await figureBundle(...input);
  return Buffer.from(bundle.data['image/png'] as string, 'base64');
}

const sizeOf = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20)];

describe('figure', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('says its words where there is no notebook', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await figure([line], titles, { words });
    expect(log).toHaveBeenCalledExactlyOnceWith(words);
  });
});

describe('figureBundle', () => {
  it('holds an interactive figure, a picture and the words, and nothing else', async () => {
    const bundle = await figureBundle([line], titles, { words });
    expect(Object.keys(bundle.data).sort()).toEqual([
      'application/vnd.plotly.v1+json',
      'image/png',
      'text/plain',
    ]);
    expect(bundle.data['text/plain']).toBe(words);
    expect(bundle.metadata).toEqual({ 'image/png': { width: 720, height: 440, alt: words } });
  });

  it('writes numbers in its words for reading', async () => {
    const bundle = await figureBundle([line], titles, { words: 'The error is 5.1e-7.' });
    expect(bundle.data['text/plain']).toBe('The error is 5.1×10⁻⁷.');
    expect(bundle.metadata).toMatchObject({ 'image/png': { alt: 'The error is 5.1×10⁻⁷.' } });
  });

  it('draws a PNG of twice the size asked for, and small', async () => {
    const standard = await picture([line], titles, { words });
    expect(standard.subarray(1, 4).toString()).toBe('PNG');
    expect(sizeOf(standard)).toEqual([1440, 880]);
    expect(standard.length).toBeLessThan(80_000);
    const other = await picture([line], { ...titles, width: 400, height: 300 }, { words });
    expect(sizeOf(other)).toEqual([800, 600]);
  });

  it('draws the same bytes for the same figure', async () => {
    const first = await figureBundle([line], titles, { words });
    expect(await figureBundle([line], titles, { words })).toEqual(first);
  });

  it('draws figures that are asked for at once as if one after the other', async () => {
    const inputs = [line, { ...line, y: [3, 2, 1] }];
    const alone: Buffer[] = [];
    for (const trace of inputs) alone.push(await picture([trace], titles, { words }));
    const failing = figureBundle([], titles, { words }).catch(() => {});
    const together = await Promise.all(inputs.map((t) => picture([t], titles, { words })));
    await failing;
    expect(together.map((png, i) => png.equals(alone[i]!))).toEqual([true, true]);
  });

  it('draws text without the fonts of the system', async () => {
    const [a, b] = [
      await picture([line], { ...titles, title: 'aaaa' }, { words }),
      await picture([line], { ...titles, title: 'bbbb' }, { words }),
    ];
    expect(a.equals(b)).toBe(false);
  });

  it('draws every kind of trace', async () => {
    const z = [Float32Array.of(1, 2, 3), [4, 5, 7]];
    const kinds: Trace[] = [
      { type: 'bar', x: ['a', 'b'], y: [1, 2] },
      { type: 'heatmap', z },
      { type: 'contour', z, contours: { showlabels: true } },
      { type: 'histogram', x: [1, 1, 2] },
      { type: 'box', y: [1, 2, 5] },
      { type: 'violin', y: [1, 2, 5] },
      { mode: 'markers', x: [1, 2], y: [1, 2] },
    ];
    const arrow: Layout = { annotations: [{ x: 1, y: 1, text: 'here', ax: 40, ay: -40 }] };
    const blank = await picture([{ x: [1], y: [1], visible: false }], { ...titles }, { words });
    for (const trace of kinds) {
      const png = await picture([trace], { ...titles, ...arrow }, { words });
      expect(png.equals(blank), trace.type).toBe(false);
    }
  });

  it.each([
    ['even', [0, 1]],
    ['uneven', [0, 1, 5]],
  ])('paints the values of a heat map with %s columns', async (_, x) => {
    const maps = [[[1, 2]], [[2, 1]]].map((z) => ({ type: 'heatmap' as const, x, z }));
    const [a, b] = [
      await picture([maps[0]!], titles, { words }),
      await picture([maps[1]!], titles, { words }),
    ];
    expect(a.equals(b)).toBe(false);
  });

  it('paints what lies beyond zmin and zmax of a heat map in the colours at the ends', async () => {
    const [inside, beyond] = [[[-1, 0.5, 1]], [[-9, 0.5, 9]]].map((z) => ({
      type: 'heatmap' as const,
      z,
      zmin: -1,
      zmax: 1,
    }));
    const a = await picture([inside!], titles, { words });
    expect(a.equals(await picture([beyond!], titles, { words }))).toBe(true);
  });

  it('turns typed arrays into short lists and leaves the input alone', async () => {
    const y = Float32Array.of(0.1, 1 / 3, 123456789);
    const layout: Layout = { ...titles, xaxis: { title: 'step', range: [0, 1 / 3] } };
    const { data } = await drawn([{ x: new Uint8Array([0, 1, 2]), y }], layout, { words });
    expect(data[0]).toMatchObject({ x: [0, 1, 2], y: [0.1, 0.333333, 123456792] });
    expect(layout.xaxis).toEqual({ title: 'step', range: [0, 1 / 3] });
    expect(y[1]).toBe(Math.fround(1 / 3));
  });

  it('gives powers of ten their own ticks on a log axis that spans several', async () => {
    const yaxis = { title: 'error', type: 'log' as const };
    const { layout } = await drawn([{ y: [1, 1e-4] }], { ...titles, yaxis }, { words });
    expect(layout.yaxis).toMatchObject({ dtick: 1 });
    const narrow = await drawn([{ y: [1, 2] }], { ...titles, yaxis }, { words });
    expect(narrow.layout.yaxis).not.toHaveProperty('dtick');
  });

  it('shows a legend for several named traces, below the title', async () => {
    const traces = [line, { ...line, name: 'explicit' }];
    const { layout } = await drawn(traces, { ...titles, title: 'Loss' }, { words });
    expect(layout.showlegend).toBe(true);
    const single = await drawn([line, { y: [1, 2] }], { ...titles, title: 'Loss' }, { words });
    expect(single.layout.showlegend).toBe(false);
    expect(layout.margin.t).toBeGreaterThan(single.layout.margin.t!);
  });
});

describe('the room for a legend', () => {
  const top = async (names: string[]) => {
    const traces = names.map((name) => ({ ...line, name }));
    return (await drawn(traces, titles, { words })).layout.margin.t!;
  };

  it('is one row where the entries fit side by side, however wide the widest', async () => {
    const oneRow = await top(['a', 'b']);
    const methods = ['gradient descent', 'heavy ball', 'Nesterov', 'Chebyshev', 'Sobolev'];
    expect(await top(methods)).toBe(oneRow);
    expect(await top([...methods, 'Newton', 'Adam'])).toBe(oneRow + 24);
  });

  it('is as many rows as plotly.js makes of them', async () => {
    const oneRow = await top(['a', 'b']);
    expect(await top([...'abcdefghijklm'])).toBe(oneRow + 24);
    const wide = ['implicit Gauss–Newton, damped', 'with a line search, damped'];
    expect(await top([...wide, 'a', 'b', 'c', 'd'])).toBe(oneRow + 48);
  });
});

describe('labels at the ends', () => {
  const close = ['one', 'two', 'three'].map((name, i) => ({
    x: [0, 10],
    y: [0, 1 + i / 100],
    mode: 'lines',
    name,
  }));

  it('stand apart, each in its line’s colour, instead of a legend', async () => {
    const { layout } = await drawn(close, titles, { words, labels: 'ends' });
    expect(layout.showlegend).toBe(false);
    const labels = layout.annotations;
    expect(labels.map(({ text }) => text).sort()).toEqual(['one', 'three', 'two']);
    const height = 440 - layout.margin.t! - 56;
    const [low, high] = layout.yaxis!.range as [number, number];
    const tops = labels.map(
      ({ y, yshift }) => (height * (high - (y as number))) / (high - low) - (yshift as number),
    );
    const gaps = tops
      .sort((a, b) => a - b)
      .slice(1)
      .map((top, i) => top - tops[i]!);
    for (const gap of gaps) expect(gap).toBeGreaterThan(14);
    expect(new Set(labels.map(({ font }) => (font as { color: string }).color)).size).toBe(3);
  });

  it('do not stretch the axes, and have room at the right', async () => {
    const { layout } = await drawn(close, titles, { words, labels: 'ends' });
    expect(layout.xaxis!.range).toEqual([0, 10]);
    expect(layout.margin.r).toBeGreaterThan(40);
  });

  it('stand where a diverged line ends, also on log axes', async () => {
    const { layout } = await drawn(
      [
        { x: [1, 10, 100], y: [1, 1000, Number.POSITIVE_INFINITY], name: 'explicit' },
        { x: [1, 10, 100], y: [1, 0.1, 0.01], name: 'implicit' },
      ],
      { xaxis: { title: 'step', type: 'log' }, yaxis: { title: 'loss', type: 'log' } },
      { words, labels: 'ends', gaps: 'diverged' },
    );
    const at = (name: string) => layout.annotations.find(({ text }) => text === name);
    expect(at('explicit')).toMatchObject({ x: 1, y: 3 });
    expect(at('implicit')).toMatchObject({ x: 2, y: -2 });
  });
});

describe('figureBundle refuses', () => {
  it('a figure without words', async () => {
    await expect(figureBundle([line], titles, { words: ' ' })).rejects.toThrow(InputError);
    await expect(figureBundle([line], titles, undefined as never)).rejects.toThrow(/words/);
  });

  it('an axis without a title, also of a second panel, unless it is hidden', async () => {
    const xaxis = titles.xaxis!;
    await expect(figureBundle([line], { xaxis }, { words })).rejects.toThrow(/yaxis has no title/);
    const second = { ...line, xaxis: 'x2', yaxis: 'y2' };
    await expect(figureBundle([line, second], titles, { words })).rejects.toThrow(/xaxis2/);
    await figureBundle([line], { xaxis, yaxis: { visible: false } }, { words });
  });

  it('values that cannot be drawn, unless their meaning is said', async () => {
    const broken = { ...line, y: [1, Number.NaN, Number.POSITIVE_INFINITY] };
    const attempt = figureBundle([broken], titles, { words });
    await expect(attempt).rejects.toThrow(NotFiniteError);
    await expect(attempt).rejects.toThrow(/2 of 6 in “implicit”/);
    const bundle = await figureBundle([broken], titles, { words, gaps: 'diverged' });
    expect(bundle.data['text/plain']).toBe(`${words} Gaps (diverged): 2 of 6 in “implicit”.`);
    const { data } = bundle.data['application/vnd.plotly.v1+json'] as Drawn;
    expect(data[0]!.y).toEqual([1, null, null]);
  });

  it('0 and negative numbers on a log axis, which plotly.js would leave out in silence', async () => {
    const zero = { ...line, y: [1, 0, -1] };
    const layout: Layout = { ...titles, yaxis: { title: 'loss', type: 'log' } };
    await expect(figureBundle([zero], layout, { words })).rejects.toThrow(/2 of 6/);
  });

  it('a NaN in the layout', async () => {
    const layout = { ...titles, yaxis: { title: 'loss', range: [0, Number.NaN] } };
    await expect(figureBundle([line], layout, { words })).rejects.toThrow(NotFiniteError);
  });

  it('misspelt attributes and values, by name', async () => {
    const moode = { ...line, moode: 'lines' };
    await expect(figureBundle([moode], titles, { words })).rejects.toThrow(/moode/);
    const layout = { ...titles, yaxis: { title: 'a', type: 'lg' as 'log' } };
    await expect(figureBundle([line], layout, { words })).rejects.toThrow(/yaxis\.type/);
  });

  it('nothing to draw', async () => {
    await expect(figureBundle([], titles, { words })).rejects.toThrow(InputError);
    await expect(figureBundle([{ x: [], y: [] }], titles, { words })).rejects.toThrow(/points/);
    const z: number[][] = [];
    await expect(figureBundle([{ type: 'heatmap', z }], titles, { words })).rejects.toThrow(
      /without rows of z/,
    );
  });

  it('x and y of different lengths', async () => {
    const uneven = { ...line, x: [0, 1] };
    await expect(figureBundle([uneven], titles, { words })).rejects.toThrow(ShapeError);
  });

  it.each([
    [{ x: [1, 2] }, /“a” without y/],
    [{ type: 'bar' as const, x: [1, 2] }, /without y/],
    [{ type: 'bar' as const, orientation: 'h', y: [1, 2] }, /without x/],
    [{ name: 'a' }, /without points/],
  ])('a trace without its values: %o', async (trace, message) => {
    const attempt = figureBundle([{ name: 'a', ...trace }], titles, { words });
    await expect(attempt).rejects.toThrow(message);
  });

  it('a heat map whose rows differ, or whose x and y do not fit', async () => {
    const z = [[1, 2, 3], Float32Array.of(4, 5, 6)];
    const map = (more: object) =>
      figureBundle([{ type: 'heatmap', z, ...more } as Trace], titles, { words });
    await map({ x: [0, 1, 2], y: [0, 1, 2] });
    await expect(map({ z: [[1, 2], [3]] })).rejects.toThrow(
      /1 numbers in row 1 of z and 2 in row 0/,
    );
    await expect(map({ z: [[1, 2], null] })).rejects.toThrow(/no numbers in row 1/);
    await expect(map({ x: [0, 1] })).rejects.toThrow(/2 x for 3 columns/);
    await expect(map({ y: [0, 1, 2, 3] })).rejects.toThrow(/4 y for 2 rows/);
    await expect(map({ z: tf.tensor([[1]]) })).rejects.toThrow(/await t\.array\(\)/);
  });

  it('kinds of trace that pictures cannot show', async () => {
    const surface = { type: 'surface' as 'scatter', z: [[1]] };
    await expect(figureBundle([surface], titles, { words })).rejects.toThrow(
      /one of scatter.*'surface'/,
    );
  });

  it('a tensor, saying how to read it', async () => {
    const x = tf.tensor1d([1, 2]);
    const trace = { x: x as unknown as number[], y: [1, 2] };
    await expect(figureBundle([trace], titles, { words })).rejects.toThrow(/await t\.array\(\)/);
    x.dispose();
  });

  it('more data than a notebook should keep', async () => {
    const y = Float32Array.from({ length: 200_000 }, (_, i) => Math.sin(i));
    await expect(figureBundle([{ y }], titles, { words })).rejects.toThrow(/kB/);
  });
});
