import type { Layout, Trace } from '../../course/notebook';

/** The errors of a method by step, and how they are drawn. */
export interface Curve {
  name: string;
  colour: string;
  dash?: string;
  iterate: number[];
  jacobian: number[];
}

/** One problem: its iterates on the left, their Jacobians on the right. */
export interface Row {
  title: string;
  curves: Curve[];
}

export interface PanelOptions {
  /** Ends of the vertical axes, as decimal exponents. */
  range: { iterate: [number, number]; jacobian: [number, number] };
}

const ROW_HEIGHT = 270;
const WORSE = '#fdf0e8';

/** Two panels a problem, on logarithmic axes, with the region shaded where the Jacobian is worse than 0. */
export function panels(
  rows: readonly Row[],
  { range }: PanelOptions,
): { traces: Trace[]; layout: Layout } {
  const axis = (row: number, column: number) => {
    const number = 2 * row + column + 1;
    return number === 1 ? '' : String(number);
  };
  // A quarter of a row between two rows, and none below the last.
  const units = rows.length - 0.24;
  const share = (row: number): [number, number] => {
    const from = 1 - (row + 0.76) / units;
    return [Math.max(0, from), 1 - (row + 0.08) / units];
  };

  const named = new Set<string>();
  const firstOf = (name: string) => !named.has(name) && named.add(name) !== undefined;
  const traces = rows.flatMap(({ curves }, row) =>
    curves.flatMap(({ name, colour, dash = 'solid', iterate, jacobian }) =>
      [iterate, jacobian].map((errors, column): Trace => {
        const n = axis(row, column);
        return {
          x: errors.map((_, t) => t),
          y: errors,
          mode: 'lines',
          line: { color: colour, dash, width: 2.2 },
          xaxis: `x${n}`,
          yaxis: `y${n}`,
          name,
          legendgroup: name,
          showlegend: firstOf(name),
        };
      }),
    ),
  );

  const layout: Layout = { width: 960, height: 60 + ROW_HEIGHT * rows.length };
  const annotations: object[] = [];
  const shapes: object[] = [];
  rows.forEach(({ title, curves }, row) => {
    const steps = Math.max(...curves.map(({ iterate }) => iterate.length)) - 1;
    for (const [column, kind] of (['iterate', 'jacobian'] as const).entries()) {
      const n = axis(row, column);
      layout[`xaxis${n}`] = {
        title: { text: 'step t', standoff: 4 },
        domain: column === 0 ? [0, 0.44] : [0.56, 1],
        anchor: `y${n}`,
        range: [0, steps],
      };
      layout[`yaxis${n}`] = {
        title: kind === 'iterate' ? '‖xₜ − x*‖ (relative)' : '‖∂xₜ − ∂x*‖ (relative)',
        type: 'log',
        domain: share(row),
        anchor: `x${n}`,
        range: range[kind],
        dtick: 1,
      };
    }
    const right = axis(row, 1);
    shapes.push({
      type: 'rect',
      xref: `x${right} domain`,
      yref: `y${right}`,
      x0: 0,
      x1: 1,
      y0: 1,
      y1: 10 ** range.jacobian[1],
      fillcolor: WORSE,
      line: { width: 0 },
      layer: 'below',
    });
    annotations.push({
      text: title,
      font: { size: 14, weight: 600 },
      xref: 'paper',
      yref: 'paper',
      x: 0,
      y: share(row)[1],
      xanchor: 'left',
      yanchor: 'bottom',
      showarrow: false,
    });
    annotations.push({
      text: 'worse than 0',
      font: { color: '#b5562a', size: 12 },
      xref: `x${right} domain`,
      yref: `y${right} domain`,
      x: 0.62,
      y: 0.98,
      xanchor: 'center',
      yanchor: 'top',
      showarrow: false,
    });
  });
  return { traces, layout: { ...layout, showlegend: true, annotations, shapes } };
}
