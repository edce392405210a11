import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Axis, Layout, Trace } from '../../course/notebook';
import { figureBundle } from '../../course/notebook/figure';

export const RESULTS = join(__dirname, '..', 'results', 'descent');

/** A line of one panel; in every panel a name has one colour. */
export interface Line {
  name: string;
  colour: string;
  dash?: string;
  x: number[];
  /** `null` is a gap. */
  y: (number | null)[];
  /** Ends of a bar at each point, such as the range of seeds. */
  low?: (number | null)[];
  high?: (number | null)[];
  /** Default `'lines'`. */
  mode?: string;
}

export interface Panel {
  title: string;
  xaxis: Axis;
  yaxis: Axis;
  lines: Line[];
}

const COLUMNS = 2;
const ROW_HEIGHT = 300;
const [LEGEND, FOOT] = [70, 60];

/** Draws panels side by side, two in a row, with one legend above, and writes the picture. */
export async function writeGrid(
  file: string,
  panels: readonly Panel[],
  words: string,
): Promise<void> {
  const rows = Math.ceil(panels.length / COLUMNS);
  // A quarter of a row between two rows, and none below the last.
  const units = rows - 0.24;
  const layout: Layout = {
    width: 960,
    height: LEGEND + FOOT + ROW_HEIGHT * units,
    margin: { t: LEGEND, b: FOOT },
    legend: { orientation: 'h', y: 1 + 10 / (ROW_HEIGHT * units), yanchor: 'bottom' },
  };
  const annotations: object[] = [];
  const named = new Set<string>();
  const traces: Trace[] = [];
  panels.forEach(({ title, xaxis, yaxis, lines }, i) => {
    const n = i === 0 ? '' : `${i + 1}`;
    const row = Math.floor(i / COLUMNS);
    const top = 1 - row / units;
    const bottom = Math.max(0, 1 - (row + 0.76) / units);
    const left = i % COLUMNS === 0;
    layout[`xaxis${n}`] = { ...xaxis, domain: left ? [0, 0.44] : [0.56, 1], anchor: `y${n}` };
    layout[`yaxis${n}`] = { ...yaxis, domain: [bottom, top - 0.07 / units], anchor: `x${n}` };
    annotations.push({
      text: `<b>${title}</b>`,
      x: left ? 0 : 0.56,
      xref: 'paper',
      xanchor: 'left',
      y: top - 0.06 / units,
      yref: 'paper',
      yanchor: 'bottom',
      showarrow: false,
    });
    for (const { name, colour, dash = 'solid', mode = 'lines', x, y, low, high } of lines) {
      traces.push({
        x,
        y,
        ...(low && high && { error_y: bars(y, low, high, colour) }),
        name,
        mode,
        line: { color: colour, dash, width: 2 },
        marker: { color: colour, size: 6 },
        xaxis: `x${n}`,
        yaxis: `y${n}`,
        legendgroup: name,
        showlegend: !named.has(name),
      });
      named.add(name);
    }
  });
  layout.annotations = annotations;
  const { data } = await figureBundle(traces, layout, { words });
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, file), Buffer.from(data['image/png'] as string, 'base64'));
}

/** Bars from `low` to `high`; an end that is not there is none. */
function bars(
  y: (number | null)[],
  low: (number | null)[],
  high: (number | null)[],
  color: string,
): object {
  const apart = (ends: (number | null)[], sign: number) =>
    ends.map((end, i) => (end === null || y[i] == null ? 0 : sign * (end - y[i])));
  const [array, arrayminus] = [apart(high, 1), apart(low, -1)];
  return { type: 'data', symmetric: false, array, arrayminus, color, thickness: 1, width: 3 };
}

/** Rows of cells as a table in Markdown. */
export function markdownTable(rows: readonly Record<string, string>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(names),
    line(names.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map((row) => line(names.map((name) => row[name]!))),
  ].join('\n');
}
