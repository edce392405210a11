import { type Plot, textWidth } from '#platform/picture';
import { FONT_SIZE, PALETTE } from './look';
import type { Layout, Sized, Trace } from './trace';

/** Between the base lines of two labels, and between a line's end and its label, in pixels. */
const LINE_HEIGHT = 16;
const GAP = 7;

/** The parts of plotly.js's laid-out axis that give the place of a value. */
interface LaidOutAxis {
  /** From the left or top edge of the figure to the axis. */
  type: string;
  _offset: number;
  _length: number;
  /** The position of a value along the axis, in pixels. */
  d2p(value: unknown): number;
}

interface End {
  text: string;
  colour: string;
  xref: string;
  yref: string;
  /** As annotations want it: the decimal exponent on a log axis. */
  x: unknown;
  y: unknown;
  /** Pixels from the figure's corner. */
  left: number;
  top: number;
}

/**
 * The layout with each line named at its right end, instead of in a legend.
 *
 * Labels that would cover each other are moved apart, by as little as possible in all.
 *
 * @param plot the traces, once drawn with that layout
 */
export function labelEnds(traces: readonly Trace[], layout: Sized, plot: Plot): Sized {
  const ends = traces.flatMap((trace, i) => endOf(trace, PALETTE[i % PALETTE.length]!, plot));
  const { _size } = plot._fullLayout as { _size: { r: number } };
  const overhang = Math.max(0, ...ends.map((end) => right(end) + GAP - layout.width));
  return {
    ...layout,
    ...frozenAxes(ends, layout, plot),
    showlegend: false,
    margin: { ...(layout.margin as object), r: Math.ceil(_size.r + overhang) },
    annotations: [
      ...((layout.annotations as unknown[]) ?? []),
      ...columns(ends).flatMap((column) => stack(column)),
    ],
  };
}

/** The axes with the ranges they were drawn with: labels would stretch them. */
function frozenAxes(ends: End[], layout: Layout, plot: Plot): Layout {
  const names = new Set(ends.flatMap(({ xref, yref }) => [layoutName(xref), layoutName(yref)]));
  return Object.fromEntries(
    [...names].map((name) => {
      const { range } = plot._fullLayout[name] as { range: unknown };
      return [name, { range, ...(layout[name] as object) }];
    }),
  );
}

/** `'x2'` is called `'xaxis2'` in a layout. */
function layoutName(axis: string): string {
  return `${axis[0]}axis${axis.slice(1)}`;
}

function endOf(trace: Trace, colour: string, plot: Plot): End[] {
  const { name, x, y, mode = 'lines' } = trace;
  if (!name || !y || !mode.includes('lines') || (trace.type ?? 'scatter') !== 'scatter') return [];
  const [xref, yref] = [trace.xaxis ?? 'x', trace.yaxis ?? 'y'];
  const along = (axis: string) => plot._fullLayout[layoutName(axis)] as LaidOutAxis;
  const [horizontal, vertical] = [along(xref), along(yref)];
  for (let i = y.length - 1; i >= 0; i--) {
    const [atX, atY] = [x ? x[i] : i, y[i]];
    if (atX === null || atY === null) continue;
    const [px, py] = [horizontal.d2p(atX), vertical.d2p(atY)];
    const inside =
      px >= -1 && px <= horizontal._length + 1 && py >= -1 && py <= vertical._length + 1;
    if (!inside) continue;
    return [
      {
        text: name,
        colour: trace.line?.color ?? colour,
        xref,
        yref,
        x: horizontal.type === 'log' ? Math.log10(Number(atX)) : atX,
        y: vertical.type === 'log' ? Math.log10(Number(atY)) : atY,
        left: horizontal._offset + px,
        top: vertical._offset + py,
      },
    ];
  }
  return [];
}

/** Where a label ends, with some room for the other font that a browser may set it in. */
function right({ left, text }: End): number {
  return left + GAP + 1.1 * textWidth(text, FONT_SIZE, 400);
}

/** Ends whose labels share some width, and so could cover each other. */
function columns(ends: End[]): End[][] {
  const found: { ends: End[]; right: number }[] = [];
  for (const end of [...ends].sort((a, b) => a.left - b.left)) {
    const column = found.at(-1);
    if (column && end.left < column.right) {
      column.ends.push(end);
      column.right = Math.max(column.right, right(end));
    } else {
      found.push({ ends: [end], right: right(end) });
    }
  }
  return found.map((column) => column.ends);
}

/** Annotations of one column, at least a line's height apart. */
function stack(column: End[]) {
  const sorted = [...column].sort((a, b) => a.top - b.top);
  const wanted = sorted.map((end, i) => end.top - i * LINE_HEIGHT);
  return nondecreasing(wanted).map((top, i) => {
    const end = sorted[i]!;
    return {
      text: end.text,
      font: { color: end.colour },
      xref: end.xref,
      yref: end.yref,
      x: end.x,
      y: end.y,
      xanchor: 'left',
      xshift: GAP - 3,
      yshift: Math.round(end.top - (top + i * LINE_HEIGHT)),
      showarrow: false,
    };
  });
}

/**
 * The nondecreasing numbers nearest to `values` in the sum of squares.
 *
 * @see pool adjacent violators: Barlow et al., "Statistical inference under order restrictions",
 *   1972, or [Best & Chakravarti 1990](https://doi.org/10.1007/BF01580873).
 */
function nondecreasing(values: readonly number[]): number[] {
  const pools: { mean: number; count: number }[] = [];
  for (const value of values) {
    let pool = { mean: value, count: 1 };
    let last = pools.at(-1);
    while (last && last.mean > pool.mean) {
      const count = last.count + pool.count;
      pool = { mean: (last.mean * last.count + pool.mean * pool.count) / count, count };
      pools.pop();
      last = pools.at(-1);
    }
    pools.push(pool);
  }
  return pools.flatMap(({ mean, count }) => new Array<number>(count).fill(mean));
}
