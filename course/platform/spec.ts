/** A layout of known size. */
export interface Area {
  width: number;
  height: number;
}

/** What plotly.js draws. */
export interface Spec<L extends Area> {
  data: unknown[];
  layout: L;
}
