import { InputError, NotFiniteError, ShapeError } from 'implicit-lab';
import { type Axis, type Layout, TRACE_TYPES, type Trace } from './trace';

const DIGITS = 6;

/** Places in a trace that cannot be drawn: not finite, or not positive on a log axis. */
export interface Gaps {
  trace: string;
  missing: number;
  of: number;
}

/**
 * Traces as plain, small JSON: typed arrays as lists, six significant digits, gaps as `null`.
 *
 * @param layout with the axes, whose type decides what can be drawn
 * @throws InputError if there is nothing to draw, or in a kind that pictures cannot show
 * @throws ShapeError if a trace has not as many x as y
 */
export function cleanTraces(traces: readonly Trace[], layout: Layout) {
  if (traces.length === 0) {
    throw new InputError({
      given: 'a figure without traces',
      expected: 'at least one trace',
      remedy: 'Pass [{ x, y, name }], for example.',
    });
  }
  const gaps: Gaps[] = [];
  const data = traces.map((trace, i) => {
    const name = trace.name ? `“${trace.name}”` : `trace ${i + 1}`;
    requireDrawable(trace, name);
    const count = { trace: name, missing: 0, of: 0 };
    const cleaned = Object.entries(trace).map(([attribute, value]) => {
      const log =
        (attribute === 'x' || attribute === 'y') &&
        axisOf(layout, trace, attribute)?.type === 'log';
      return [attribute, plain(value, `${name}.${attribute}`, { log, count })];
    });
    if (count.missing > 0) gaps.push(count);
    // plotly.js would call it “trace 0” in the legend.
    const unnamed = trace.name ? {} : { showlegend: false };
    return { ...unnamed, ...Object.fromEntries(cleaned) } as Trace;
  });
  return { data, gaps };
}

/** A layout as plain JSON. */
export function cleanLayout(layout: Layout): Layout {
  return plain(layout, 'layout', {}) as Layout;
}

/** The axis of a trace, if the layout has one. */
export function axisOf(layout: Layout, trace: Trace, direction: 'x' | 'y'): Axis | undefined {
  return layout[axisName(trace, direction)] as Axis | undefined;
}

/** `'x2'` in a trace is `'xaxis2'` in a layout. */
export function axisName(trace: Trace, direction: 'x' | 'y'): string {
  return (trace[`${direction}axis`] ?? direction).replace(direction, `${direction}axis`);
}

function requireDrawable(trace: Trace, name: string) {
  const type = trace.type ?? 'scatter';
  if (!TRACE_TYPES.includes(type)) {
    throw new InputError({
      given: `${name} of type '${type}'`,
      expected: `one of ${TRACE_TYPES.join(', ')}`,
      remedy: 'Other kinds need a browser to be drawn: choose a flat one.',
    });
  }
  if (type === 'heatmap' || type === 'contour') requireGrid(trace, name);
  else requirePoints(trace, name, type);
}

function requirePoints(trace: Trace, name: string, type: Trace['type']) {
  const [x, y] = [trace.x?.length, trace.y?.length];
  const given = [trace.x, trace.y].filter((values) => values !== undefined);
  if (given.every(({ length }) => length === 0)) throw nothingToDraw(`${name} without points`);
  // These count or summarize one list of values; the other places them.
  if (type === 'histogram' || type === 'box' || type === 'violin') return;
  const lying = type === 'bar' && trace.orientation === 'h';
  const missing = lying ? 'x' : 'y';
  if (trace[missing] === undefined) {
    throw new InputError({
      given: `${name} without ${missing}`,
      expected: `${missing}, the values to draw`,
      remedy: `Add them: { x, y, name }. Only ${lying ? 'y' : 'x'} may be left out, and counts from 0 then.`,
    });
  }
  if (x !== undefined && y !== undefined && x !== y) {
    throw new ShapeError({
      given: `${name} with ${x} x and ${y} y`,
      expected: 'as many x as y',
      remedy: 'Each point needs both.',
    });
  }
}

function requireGrid({ x, y, z }: Trace, name: string) {
  // Anything but rows, such as a tensor, is refused by its kind later on.
  if (z !== undefined && !Array.isArray(z)) return;
  const rows = (z ?? []).map((row) => row?.length as number | undefined);
  const columns = rows[0];
  if (!columns) throw nothingToDraw(`${name} without rows of z`);
  const ragged = rows.findIndex((length) => length !== columns);
  if (ragged >= 0) {
    throw new ShapeError({
      given: `${name} with ${rows[ragged] ?? 'no'} numbers in row ${ragged} of z and ${columns} in row 0`,
      expected: 'rows of one length',
      remedy: 'Fill what is missing with NaN, and explain it in { gaps }.',
    });
  }
  requireTicks(name, 'x', x?.length, columns, 'columns');
  requireTicks(name, 'y', y?.length, rows.length, 'rows');
}

/** Along a grid stand the middles of its cells, or their edges. */
function requireTicks(
  name: string,
  axis: 'x' | 'y',
  given: number | undefined,
  cells: number,
  cellsName: string,
) {
  if (given === undefined || given === cells || given === cells + 1) return;
  throw new ShapeError({
    given: `${name} with ${given} ${axis} for ${cells} ${cellsName} of z`,
    expected: `${cells} middles or ${cells + 1} edges of cells`,
    remedy: 'z holds rows: z[i][j] is drawn at y[i] and x[j].',
  });
}

function nothingToDraw(given: string) {
  return new InputError({
    given,
    expected: 'numbers to draw',
    remedy: 'Leave the trace out where there is nothing to show.',
  });
}

interface Context {
  /** Whether only positive numbers can be drawn. */
  log?: boolean;
  /** Where gaps are counted; without it they are refused. */
  count?: Gaps;
}

function plain(value: unknown, path: string, context: Context): unknown {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as Float64Array, (number) => drawable(number, path, context));
  }
  if (Array.isArray(value)) return value.map((item) => plain(item, path, context));
  if (typeof value === 'number') return drawable(value, path, context);
  if (value === null || ['string', 'boolean', 'undefined'].includes(typeof value)) return value;
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value as object);
    return Object.fromEntries(
      entries.map(([name, item]) => [name, plain(item, `${path}.${name}`, context)]),
    );
  }
  const kind = (value as object).constructor?.name ?? typeof value;
  throw new InputError({
    given: `${path} as a ${kind}`,
    expected: 'numbers, strings, arrays and plain objects',
    remedy: kind === 'Tensor' ? 'Read the tensor first: await t.array().' : 'Turn it into numbers.',
  });
}

function drawable(number: number, path: string, { log, count }: Context): number | null {
  if (count) count.of += 1;
  if (Number.isFinite(number) && !(log && number <= 0)) return shortened(number);
  if (!count) {
    throw new NotFiniteError({
      given: `${number} in ${path}`,
      expected: 'a finite number',
      remedy: 'Say in the layout only what can be drawn.',
    });
  }
  count.missing += 1;
  return null;
}

function shortened(number: number): number {
  return Number.isSafeInteger(number) ? number : Number(number.toPrecision(DIGITS));
}
