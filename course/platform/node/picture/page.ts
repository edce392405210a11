import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { TextDecoder, TextEncoder } from 'node:util';
import { random } from 'implicit-lab';
import type { DOMWindow } from 'jsdom';
import { Painter } from './canvas';
import { lineWidth, textBox } from './measure';
import { pathLength, pointAlong } from './path';

/** The part of plotly.js that pictures are drawn with. */
export interface Plotly {
  newPlot(root: HTMLElement, data: unknown, layout: unknown, config: unknown): Promise<Plot>;
  validate(data: unknown, layout: unknown): { code: string; msg: string }[] | undefined;
  PlotSchema: { get(): unknown };
  toImage(plot: Plot, options: unknown): Promise<string>;
  purge(plot: HTMLElement): void;
}

/** A drawn figure; `_fullLayout` is plotly.js's record of what it laid out. */
export interface Plot extends HTMLElement {
  _fullLayout: Record<string, unknown>;
}

/** plotly.js in a page without a browser. */
export interface Page {
  plotly: Plotly;
  document: Document;
  /** Makes plotly.js choose the same names for its elements again. */
  restartNames(): void;
}

let page: Page | undefined;

/** The page, opened once (about a second). */
export function plotlyPage(): Page {
  page ??= open();
  return page;
}

function open(): Page {
  // Not imported above: a program that draws nothing should not wait for it.
  const load = createRequire(__filename);
  const { JSDOM } = load('jsdom') as typeof import('jsdom');
  const { window } = new JSDOM('<!doctype html><body></body>', {
    runScripts: 'outside-only',
    pretendToBeVisual: false,
  });
  measureText(window);
  measurePaths(window);
  paintHeatMaps(window);
  define(window, 'TextDecoder', TextDecoder);
  define(window, 'TextEncoder', TextEncoder);
  window.URL.createObjectURL = () => 'blob:none';
  window.URL.revokeObjectURL = () => {};
  window.eval(readFileSync(load.resolve('plotly.js-dist-min/plotly.min.js'), 'utf8'));
  const plotly = (window as typeof window & { Plotly: Plotly }).Plotly;
  rememberSchema(plotly);
  const restartNames = () => define(window.Math, 'random', random(0).uniform);
  return { plotly, document: window.document, restartNames };
}

/** plotly.js builds its list of attributes again, in half a second, each time that it validates. */
function rememberSchema(plotly: Plotly) {
  const build = plotly.PlotSchema.get;
  let schema: unknown;
  plotly.PlotSchema.get = () => {
    schema ??= build();
    return schema;
  };
}

function measureText(window: DOMWindow) {
  const prototype = window.SVGElement.prototype;
  function box(this: SVGElement) {
    const { left, top, right, bottom } = textBox(this) ?? { left: 0, top: 0, right: 0, bottom: 0 };
    const [width, height] = [right - left, bottom - top];
    return { x: left, y: top, left, top, right, bottom, width, height };
  }
  define(prototype, 'getBBox', box);
  define(prototype, 'getBoundingClientRect', box);
  define(prototype, 'getComputedTextLength', function (this: SVGElement) {
    return lineWidth(this);
  });
}

function measurePaths(window: DOMWindow) {
  const prototype = window.SVGElement.prototype;
  define(prototype, 'getTotalLength', function (this: SVGElement) {
    return pathLength(this.getAttribute('d') ?? '');
  });
  define(prototype, 'getPointAtLength', function (this: SVGElement, length: number) {
    return pointAlong(this.getAttribute('d') ?? '', length);
  });
}

function paintHeatMaps(window: DOMWindow) {
  const painters = new WeakMap<HTMLCanvasElement, Painter>();
  const prototype = window.HTMLCanvasElement.prototype;
  define(prototype, 'getContext', function (this: HTMLCanvasElement, kind: string) {
    if (kind !== '2d') return null;
    const painter = painters.get(this) ?? new Painter(this);
    painters.set(this, painter);
    return painter;
  });
  define(prototype, 'toDataURL', function (this: HTMLCanvasElement) {
    return painters.get(this)?.toDataURL() ?? '';
  });
  // Lets plotly.js leave the enlarging of pixels to the renderer: a small image for a large map.
  define(window, 'CSS', { supports: (name: string) => name === 'image-rendering' });
}

function define(target: object, name: string, value: unknown) {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}
