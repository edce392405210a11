import { InputError, NotFiniteError } from 'implicit-lab';
import { checkNoMore, checkOptionNames, phrase } from 'implicit-lab/support';
import { draw, ignored, isLaidOut, type Plot } from '#platform/picture';
import { type Bundle, escapeHtml, inNotebook, publish, readableNumbers } from '../output';
import { axisName, axisOf, cleanLayout, cleanTraces, type Gaps } from './clean';
import { labelEnds } from './ends';
import { drawingSink } from './kernel';
import { completed } from './layout';
import type { Axis, Layout, Sized, Trace } from './trace';

const MAX_JSON_BYTES = 1_000_000;

/** What a figure needs in addition to its traces and layout. */
export interface FigureOptions {
  /**
   * The figure in words: what is drawn, what it shows, with the numbers that matter. They are its
   * caption, and stand for it where it cannot be seen. Numbers such as `3e-7` are written as 3×10⁻⁷.
   */
  words: string;
  /** `'legend'` unless given; `'ends'` writes each line's name at its end, in its colour. */
  labels?: 'legend' | 'ends';
  /**
   * What values that cannot be drawn mean (`'diverged'`): NaN, infinities and, on log axes, numbers
   * of 0 and below. They become gaps, and their count is added to the words. Without it they are
   * refused.
   */
  gaps?: string;
}

/**
 * Shows a figure: interactive in JupyterLab, a picture on GitHub, with its words as the caption.
 *
 * Traces and layout are those of plotly.js's flat kinds. Every axis with tick labels needs a title
 * with its unit. The size is 720 × 440 pixels unless the layout has another.
 *
 * @example
 * ```ts
 * await figure(
 *   [{ x: steps, y: losses, name: 'implicit' }],
 *   { xaxis: { title: 'step' }, yaxis: { title: 'loss', type: 'log' } },
 *   { words: 'The loss falls from 2.3 to .01 in 100 steps.' },
 * );
 * ```
 *
 * @throws InputError if words or an axis title are missing, an attribute or its value is unknown, or
 *   the data is too large to keep
 * @throws ShapeError if a trace has not as many x as y
 * @throws NotFiniteError if a value cannot be drawn and `gaps` does not explain why
 */
export async function figure(
  traces: readonly Trace[],
  layout: Layout,
  options: FigureOptions,
): Promise<void> {
  checkNoMore('figure', arguments, 3);
  const sink = drawingSink();
  // Where it is drawn again and again, the names of lines stay in the legend: no end runs about.
  const wanted = sink ? { ...options, labels: 'legend' as const } : options;
  const bundle = sink?.pictures === false ? interactiveBundle : figureBundle;
  const shown = await bundle(traces, layout, wanted);
  publish(shown);
  // Elsewhere the words are all that is printed of the figure.
  if (inNotebook()) publish(captionBundle(shown.data['text/plain']));
}

/** The words under a figure, in the page's own colours. */
export function captionBundle(words: string): Bundle {
  const html = `<p class="implicit-lab-caption" style="max-width: 720px"><small>${escapeHtml(words)}</small></p>`;
  return { data: { 'text/html': html, 'text/plain': words } };
}

/** What {@link figure} shows, without showing it. */
export async function figureBundle(
  traces: readonly Trace[],
  layout: Layout,
  options: FigureOptions,
): Promise<Bundle> {
  checkNoMore('figureBundle', arguments, 3);
  const wanted = prepared(traces, layout, options);
  const atEnds = options.labels === 'ends' && isLaidOut(wanted.spec);
  const { spec, words } = atEnds
    ? wanted
    : prepared(traces, layout, { ...options, labels: 'legend' });
  requireNone(ignored(spec));
  const adjust = atEnds ? (plot: Plot) => labelEnds(spec.data, spec.layout, plot) : undefined;
  const { png, layout: drawn } = await draw(spec, adjust);
  const { width, height } = spec.layout;
  return {
    data: {
      ...interactive({ ...spec, layout: drawn }),
      ...(png !== undefined && { 'image/png': png }),
      'text/plain': words,
    },
    metadata: { 'image/png': { width, height, alt: words } },
  };
}

/** A figure without its picture, and without plotly.js reading it: both take long when dragging. */
async function interactiveBundle(...figure: Parameters<typeof figureBundle>): Promise<Bundle> {
  const { spec, words } = prepared(...figure);
  return { data: { ...interactive(spec), 'text/plain': words } };
}

function interactive({ data, layout }: Prepared['spec']) {
  return { 'application/vnd.plotly.v1+json': { data, layout, config: { displaylogo: false } } };
}

interface Prepared {
  spec: { data: Trace[]; layout: Sized };
  words: string;
}

/** A figure as plotly.js draws it, and in words. */
function prepared(traces: readonly Trace[], layout: Layout, options: FigureOptions): Prepared {
  requireWords(options?.words);
  checkOptionNames('figure', options, ['words', 'labels', 'gaps']);
  requireLabels(options.labels);
  const { labels = 'legend', gaps } = options;
  const words = readableNumbers(options.words);
  requireTitles(traces, layout);
  const { data, gaps: missing } = cleaned(traces, layout, gaps);
  const spoken = missing.length === 0 ? words : `${words} Gaps (${gaps}): ${listed(missing)}.`;
  const spec = { data, layout: completed(cleanLayout(layout), data, labels) };
  requireSmall(spec);
  return { spec, words: spoken };
}

function requireWords(words: string | undefined) {
  if (typeof words === 'string' && words.trim() !== '') return;
  throw new InputError({
    given: 'a figure without words',
    expected: '{ words: … }, a description of the figure',
    remedy: 'Say what is drawn and what it shows, for readers who do not see it.',
  });
}

function requireLabels(labels: unknown) {
  if (labels === undefined || labels === 'legend' || labels === 'ends') return;
  throw new InputError({
    given: `${phrase(labels)} as the labels of a figure`,
    expected: "'legend' or 'ends'",
    remedy: 'Leave them out for a legend.',
  });
}

function requireTitles(traces: readonly Trace[], layout: Layout) {
  for (const trace of traces) {
    for (const direction of ['x', 'y'] as const) {
      const axis: Axis = axisOf(layout, trace, direction) ?? {};
      if (axis.visible === false || axis.showticklabels === false || titleText(axis)) continue;
      const name = axisName(trace, direction);
      throw new InputError({
        given: `a figure whose ${name} has no title`,
        expected: 'what each axis measures, with its unit',
        remedy: `Add ${name}: { title: 'time (s)' } to the layout, or hide the axis (visible: false).`,
      });
    }
  }
}

function titleText({ title }: Axis): string | undefined {
  return typeof title === 'string' ? title : title?.text;
}

function cleaned(traces: readonly Trace[], layout: Layout, reason: string | undefined) {
  const { data, gaps } = cleanTraces(traces, layout);
  if (gaps.length > 0 && !reason) {
    throw new NotFiniteError({
      given: `values that cannot be drawn: ${listed(gaps)}`,
      expected: 'finite numbers, and positive ones on a log axis',
      remedy: "Leave them out, or explain them: { gaps: 'diverged' }.",
    });
  }
  return { data, gaps };
}

function listed(gaps: Gaps[]): string {
  return gaps.map(({ trace, missing, of }) => `${missing} of ${of} in ${trace}`).join(', ');
}

function requireNone(faults: string[]) {
  if (faults.length === 0) return;
  throw new InputError({
    given: `a figure that plotly.js does not understand: ${faults.join('; ')}`,
    expected: "the attributes and values of plotly.js's reference",
    remedy: 'Look for a spelling mistake.',
  });
}

function requireSmall(spec: Prepared['spec']) {
  const bytes = JSON.stringify(spec).length;
  if (bytes <= MAX_JSON_BYTES) return;
  throw new InputError({
    given: `a figure of ${Math.round(bytes / 1000)} kB`,
    expected: `at most ${MAX_JSON_BYTES / 1000} kB, so that notebooks stay small`,
    remedy: 'Draw fewer points: every tenth, or as many as the picture is wide.',
  });
}
