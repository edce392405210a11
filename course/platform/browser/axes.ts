import type { Area, Spec } from '../spec';

export type { Area, Spec };

/** plotly.js's record of what it laid out. */
export interface Plot {
  _fullLayout: Record<string, unknown>;
}

interface Trace {
  type?: string;
  mode?: string;
  fill?: string;
  x?: ArrayLike<unknown>;
  y?: ArrayLike<unknown>;
  xaxis?: string;
  yaxis?: string;
}

interface Axis {
  type?: string;
  range?: readonly unknown[];
  domain?: readonly [number, number];
}

interface Margin {
  l?: number;
  r?: number;
  t?: number;
  b?: number;
}

/** An axis as plotly.js has it once it is laid out: pixels from the figure's corner. */
interface LaidOut {
  type: string;
  range: [number, number];
  _offset: number;
  _length: number;
  d2p(value: unknown): number;
}

/** The part of an axis that plotly.js leaves free at each end of what it shows. */
const FREE = 0.05;

/**
 * Where the axes of a figure will be: what plotly.js would lay out, as far as lines on linear and
 * logarithmic axes need it. Nothing for other figures.
 *
 * Margins are taken as they are given, and automatic ones as they begin.
 */
export function axesOf({ data, layout }: Spec<Area>): Plot | undefined {
  const traces = data as Trace[];
  const parts = layout as Area & Record<string, unknown>;
  const margin = marginOf(parts);
  const names = new Set(traces.flatMap(({ xaxis = 'x', yaxis = 'y' }) => [xaxis, yaxis]));
  const axes: [string, LaidOut][] = [];
  for (const name of names) {
    const layoutName = `${name[0]}axis${name.slice(1)}`;
    const axis = (parts[layoutName] ?? {}) as Axis;
    const range = rangeOf(name, axis, traces);
    if (!range) return undefined;
    const [from, length] =
      name[0] === 'x'
        ? [margin.l, layout.width - margin.l - margin.r]
        : [margin.t, layout.height - margin.t - margin.b];
    const [start, end] = axis.domain ?? [0, 1];
    // Heights are counted from below, pixels from above.
    const offset = from + length * (name[0] === 'x' ? start : 1 - end);
    axes.push([layoutName, laidOut(name, axis, range, offset, length * (end - start))]);
  }
  return { _fullLayout: { _size: margin, ...Object.fromEntries(axes) } };
}

function laidOut(
  name: string,
  { type }: Axis,
  range: [number, number],
  offset: number,
  length: number,
): LaidOut {
  const part = (value: unknown) => (scaled(value, type) - range[0]) / (range[1] - range[0]);
  return {
    type: type ?? 'linear',
    range,
    _offset: offset,
    _length: length,
    d2p: (value) => length * (name[0] === 'x' ? part(value) : 1 - part(value)),
  };
}

function marginOf(layout: Record<string, unknown>): Required<Margin> {
  const template = layout.template as { layout?: { margin?: Margin } } | undefined;
  const given = layout.margin as Margin | undefined;
  return { l: 80, r: 80, t: 100, b: 80, ...template?.layout?.margin, ...given };
}

/** What an axis shows: what is given, or else its numbers and some room; decades of a log axis. */
function rangeOf(name: string, axis: Axis, traces: Trace[]): [number, number] | undefined {
  const { type = 'linear', range } = axis;
  if (type !== 'linear' && type !== 'log') return undefined;
  if (range)
    return range.every((end) => typeof end === 'number')
      ? ([...range] as [number, number])
      : undefined;
  let [low, high, isLines] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true];
  for (const trace of traces) {
    if ((trace[name[0] === 'x' ? 'xaxis' : 'yaxis'] ?? name[0]) !== name) continue;
    if ((trace.type ?? 'scatter') !== 'scatter') return undefined;
    const values = name[0] === 'x' ? (trace.x ?? indices(trace.y)) : trace.y;
    for (const value of Array.from(values ?? [])) {
      if (value === null) continue;
      if (typeof value !== 'number') return undefined;
      const at = scaled(value, type);
      [low, high] = [Math.min(low, at), Math.max(high, at)];
    }
    isLines &&= (trace.mode ?? 'lines') === 'lines';
  }
  if (!(low < high)) return undefined;
  // Lines reach the sides.
  const free = name[0] === 'x' && isLines ? 0 : ((high - low) * FREE) / (1 - 2 * FREE);
  return [low - free, high + free];
}

const scaled = (value: unknown, type: string | undefined) =>
  type === 'log' ? Math.log10(Number(value)) : Number(value);

const indices = (values: ArrayLike<unknown> | undefined) =>
  Array.from({ length: values?.length ?? 0 }, (_, i) => i);
