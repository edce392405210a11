import { textWidth } from '#platform/picture';
import { axisName } from './clean';
import { FONT_SIZE, HEIGHT, TEMPLATE, WIDTH } from './look';
import type { Axis, Layout, Sized, Trace } from './trace';

/** Height of one row of the legend, in pixels. */
const LEGEND_ROW = 24;

/** The space above the axes: with nothing there, with a title, with title and subtitle. */
const [NO_HEAD, TITLE, TITLE_AND_SUBTITLE] = [24, 52, 84];

/** The layout with its size, the common look, and titles as plotly.js wants them. */
export function completed(
  layout: Layout,
  data: readonly Trace[],
  labels: 'legend' | 'ends',
): Sized {
  const titled = Object.entries(layout).map(([name, part]) => {
    if (name === 'title' && typeof part === 'string') return [name, { text: part }];
    if (/^[xy]axis\d*$/.test(name)) return [name, completedAxis(part as Axis, logSpan(data, name))];
    return [name, part];
  });
  const complete: Sized = {
    width: WIDTH,
    height: HEIGHT,
    template: TEMPLATE,
    showlegend: labels === 'legend' && inLegend(data).length > 1,
    ...Object.fromEntries(titled),
  };
  const t = headHeight(complete, data);
  return { ...complete, margin: { t, ...(layout.margin as object) } };
}

/** The height of what is above the axes: title, subtitle, legend. */
function headHeight(layout: Sized, data: readonly Trace[]): number {
  const title = layout.title as { text?: string; subtitle?: object } | undefined;
  const head = !title?.text ? NO_HEAD : title.subtitle ? TITLE_AND_SUBTITLE : TITLE;
  return head + LEGEND_ROW * legendRows(layout, data);
}

/** The traces that a legend lists: those with a name and their own colour. */
function inLegend(data: readonly Trace[]): Trace[] {
  return data.filter(
    ({ name, type, showlegend }) =>
      name && showlegend !== false && type !== 'heatmap' && type !== 'contour',
  );
}

/**
 * Rows of the horizontal legend: one where its entries fit into it side by side, else with columns
 * as wide as the widest entry.
 */
function legendRows(layout: Sized, data: readonly Trace[]): number {
  if (!layout.showlegend || layout.legend) return 0;
  const widths = inLegend(data).map(({ name }) => textWidth(name!, FONT_SIZE, 400) + 45);
  const room = layout.width - 100;
  // With room to spare for the other font that a browser may set it in.
  if (widths.reduce((sum, width) => sum + width, 0) <= 0.95 * room) return 1;
  const columns = Math.max(1, Math.floor(room / Math.max(...widths)));
  return Math.ceil(widths.length / columns);
}

function completedAxis(axis: Axis, decades: number): Axis {
  const title = typeof axis.title === 'string' ? { title: { text: axis.title } } : {};
  return { ...(axis.type === 'log' ? logTicks(decades) : {}), ...axis, ...title };
}

/** Powers of ten alone, where there are enough of them, and not too many, to read an axis by. */
function logTicks(decades: number): Axis {
  if (decades < 1.5) return {};
  // plotly.js sets powers of ten a quarter larger than the ticks of other axes.
  const tickfont = { size: FONT_SIZE * 0.8 };
  return decades <= 8 ? { dtick: 1, tickfont } : { tickfont };
}

/** How many powers of ten the positive numbers along an axis span. */
function logSpan(data: readonly Trace[], name: string): number {
  let [smallest, largest] = [Number.POSITIVE_INFINITY, 0];
  for (const trace of data) {
    for (const direction of ['x', 'y'] as const) {
      if (axisName(trace, direction) !== name) continue;
      for (const value of trace[direction] ?? []) {
        if (typeof value !== 'number' || value <= 0) continue;
        smallest = Math.min(smallest, value);
        largest = Math.max(largest, value);
      }
    }
  }
  return Math.log10(largest / smallest);
}
