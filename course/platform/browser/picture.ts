import { type Area, axesOf, type Plot, type Spec } from './axes';

export type { Area, Plot, Spec } from './axes';

/** A drawn figure, and the layout it was drawn with. */
export interface Picture<L extends Area> {
  /** A PNG in base64, where pictures are drawn. */
  png?: string;
  layout: L;
}

/**
 * Draws nothing: the page's plotly.js draws every figure, and adds the picture to its output. `adjust`
 * sees where the axes will be.
 */
export async function draw<L extends Area>(
  spec: Spec<L>,
  adjust?: (plot: Plot) => L,
): Promise<Picture<L>> {
  const plot = adjust && axesOf(spec);
  return { layout: (plot && adjust?.(plot)) ?? spec.layout };
}

/** Whether `draw` knows where the axes of a figure will be, and so can adjust it. */
export const isLaidOut = (spec: Spec<Area>): boolean => axesOf(spec) !== undefined;

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
