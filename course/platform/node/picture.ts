import { createRequire } from 'node:module';
import type { Area, Spec } from '../spec';
import { FAMILY, fontFiles, SIGNS_FAMILY, signRuns } from './picture/fonts';
import { type Plot, plotlyPage } from './picture/page';
import { encodeOpaquePng } from './picture/png';

export { textWidth } from './picture/fonts';
export type { Plot } from './picture/page';
export type { Area, Spec };

/** A drawn figure, and the layout it was drawn with. */
export interface Picture<L extends Area> {
  /** A PNG in base64, where pictures are drawn. */
  png?: string;
  layout: L;
}

/** Pixels of the picture per pixel of the layout: sharp on today's screens. */
const SCALE = 2;

/** Nothing listens for a mouse. */
const STATIC = { staticPlot: true };

/** A character for private use, of width 0 in Inter and absent from DejaVu Sans. */
const ONLY_MAIN = '\ue2bf';

/**
 * Draws a figure as a PNG without a browser; the same figure gives the same bytes anywhere.
 *
 * `adjust` may look at the drawn figure and return another layout; the one drawn last comes back.
 */
export async function draw<L extends Area>(
  { data, layout }: Spec<L>,
  adjust?: (plot: Plot) => L,
): Promise<Picture<L>> {
  const { plotly, document, restartNames } = plotlyPage();
  // jsdom remembers every name it has looked up, with its elements: new names would pile up.
  restartNames();
  const root = document.createElement('div');
  document.body.append(root);
  try {
    const first = await plotly.newPlot(root, copy(data), copy(layout), STATIC);
    const adjusted = adjust?.(first);
    const plot = adjusted ? await plotly.newPlot(root, copy(data), copy(adjusted), STATIC) : first;
    const svg = await plotly.toImage(plot, {
      format: 'svg',
      width: layout.width,
      height: layout.height,
      imageDataOnly: true,
    });
    return { png: rasterize(svg).toString('base64'), layout: adjusted ?? layout };
  } finally {
    plotly.purge(root);
    root.remove();
  }
}

/** Whether `draw` knows where the axes of a figure will be, and so can adjust it: always. */
export const isLaidOut = (_spec: Spec<Area>): boolean => true;

/** plotly.js writes into what it is given. */
function copy<T>(value: T): T {
  return structuredClone(value);
}

/** What plotly.js would ignore in a figure: misspelt attributes and values it does not know. */
export function ignored({ data, layout }: Spec<Area>): string[] {
  const faults = ['schema', 'value', 'object', 'array'];
  const found = plotlyPage().plotly.validate(copy(data), copy(layout)) ?? [];
  return found.filter(({ code }) => faults.includes(code)).map(({ msg }) => msg);
}

function rasterize(svg: string): Buffer {
  const { Resvg } = createRequire(__filename)(
    '@resvg/resvg-js',
  ) as typeof import('@resvg/resvg-js');
  const image = new Resvg(otherFontForSigns(sharpHeatMaps(svg)), {
    background: '#ffffff',
    fitTo: { mode: 'zoom', value: SCALE },
    font: { fontFiles: fontFiles(), loadSystemFonts: false, defaultFontFamily: FAMILY },
  });
  const { pixels, width, height } = image.render();
  return encodeOpaquePng({ data: pixels, width, height });
}

/** Of the many spellings that plotly.js writes, resvg knows only this one. */
function sharpHeatMaps(svg: string): string {
  return svg.replace(/(image-rendering: [\w-]+;\s*)+/g, 'image-rendering: optimizeSpeed;');
}

/**
 * Sets signs that the main font lacks in the other one.
 *
 * resvg would set the whole line in the other font, as that has all of its characters; so a
 * character that only the main font has, without width and ink, goes in too.
 */
function otherFontForSigns(svg: string): string {
  return svg.replace(/>([^<]+)</g, (whole, text: string) => {
    const runs = signRuns(text);
    if (!runs.some(({ signs }) => signs)) return whole;
    const marked = runs.map(({ run, signs }) =>
      signs ? `<tspan style="font-family: '${SIGNS_FAMILY}'">${run}</tspan>` : run,
    );
    return `>${marked.join('')}<tspan style="fill: none">${ONLY_MAIN}</tspan><`;
  });
}
