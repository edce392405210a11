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

/** A drawn figure, and the layout it was drawn with. */
export interface Picture<L extends Area> {
  /** A PNG in base64, where pictures are drawn. */
  png?: string;
  layout: L;
}

/** plotly.js's record of what it laid out. */
export interface Plot {
  _fullLayout: Record<string, unknown>;
}

/**
 * Draws nothing: the page's plotly.js draws every figure, and adds the picture to its output.
 *
 * What would adjust a drawn figure is not called: the worker in which cells run lays nothing out.
 */
export const draw = async <L extends Area>(
  { layout }: Spec<L>,
  _adjust?: (plot: Plot) => L,
): Promise<Picture<L>> => ({ layout });

/** plotly.js, which knows its attributes, is not in the worker. */
export const ignored = (_spec: Spec<Area>): string[] => [];

let pen: OffscreenCanvasRenderingContext2D | undefined;

/** The width of a line of text in pixels, as the page's own fonts have it. */
export function textWidth(text: string, size: number, weight: number): number {
  pen ??= new OffscreenCanvas(1, 1).getContext('2d') ?? undefined;
  // About the mean width of a letter, where nothing measures.
  if (!pen) return 0.55 * size * text.length;
  pen.font = `${weight} ${size}px Inter, "Open Sans", verdana, arial, sans-serif`;
  return pen.measureText(text).width;
}
