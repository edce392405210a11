/** Numbers, categories or dates along one axis; `null` is a gap. */
export type Values =
  | readonly (number | string | null)[]
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array;

/** The kinds of trace that are drawn alike in a notebook and in a picture. */
export const TRACE_TYPES = [
  'scatter',
  'bar',
  'heatmap',
  'contour',
  'histogram',
  'box',
  'violin',
] as const;

/** One set of marks; all attributes of plotly.js's reference are passed through. */
export interface Trace {
  /** `'scatter'` (lines and points) unless given. */
  type?: (typeof TRACE_TYPES)[number];
  /** What a legend, a label or a hint calls it. */
  name?: string;
  x?: Values;
  y?: Values;
  /** Rows of a heat map or contour plot. */
  z?: readonly Values[];
  /** `'lines'`, `'markers'`, `'text'`, joined by `+`. */
  mode?: string;
  line?: { color?: string; width?: number; dash?: string; [attribute: string]: unknown };
  marker?: { color?: unknown; size?: unknown; [attribute: string]: unknown };
  /** The axes it belongs to: `'x'`, `'x2'`, … */
  xaxis?: string;
  yaxis?: string;
  [attribute: string]: unknown;
}

/** An axis; all attributes of plotly.js's reference are passed through. */
export interface Axis {
  /** What is measured, with its unit: `'time (s)'`. */
  title?: string | { text: string; [attribute: string]: unknown };
  type?: 'linear' | 'log' | 'category' | 'date';
  /** Ends of the axis; on a log axis their decimal exponents. */
  range?: readonly (number | string | null)[];
  [attribute: string]: unknown;
}

/** Everything around the traces; all attributes of plotly.js's reference are passed through. */
export interface Layout {
  title?: string | { text: string; [attribute: string]: unknown };
  xaxis?: Axis;
  yaxis?: Axis;
  /** Pixels; 720 unless given. */
  width?: number;
  /** Pixels; 440 unless given. */
  height?: number;
  [attribute: string]: unknown;
}

/** A layout of known size. */
export interface Sized extends Layout {
  width: number;
  height: number;
}
