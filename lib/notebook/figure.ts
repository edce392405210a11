import { InputError, NotFiniteError } from '../errors';
import { axisName, axisOf, cleanLayout, cleanTraces, type Gaps } from './clean';
import { type Bundle, publish } from './display';
import { labelEnds } from './ends';
import { completed } from './layout';
import { draw, ignored, type Spec } from './picture';
import type { Axis, Layout, Trace } from './trace';

const MAX_JSON_BYTES = 1_000_000;

/** What a figure needs beside its traces and layout. */
export interface FigureOptions {
  /**
   * The figure said in words, for readers who do not see it: what is drawn, what it shows, with
   * the numbers that matter.
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
 * Shows a figure: interactive in JupyterLab, a picture on GitHub, and in words.
 *
 * Traces and layout are those of plotly.js's flat kinds. Every axis with tick labels needs a title
 * with its unit. The size is 720 × 440 pixels unless the layout says otherwise.
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
 * @throws NotFiniteError if a value cannot be drawn and `gaps` does not say why
 */
export async function figure(
  traces: readonly Trace[],
  layout: Layout,
  options: FigureOptions,
): Promise<void> {
  publish(await figureBundle(traces, layout, options));
}

/** What {@link figure} shows, without showing it. */
export async function figureBundle(
  traces: readonly Trace[],
  layout: Layout,
  options: FigureOptions,
): Promise<Bundle> {
  requireWords(options?.words);
  const { words, labels = 'legend', gaps } = options;
  requireTitles(traces, layout);
  const { data, gaps: missing } = cleaned(traces, layout, gaps);
  const spoken = missing.length === 0 ? words : `${words} Gaps (${gaps}): ${listed(missing)}.`;
  const complete = completed(cleanLayout(layout), data, labels);
  const spec = { data, layout: complete };
  requireSmall(spec);
  requireNone(ignored(spec));
  const { png, layout: drawn } = await draw(
    spec,
    labels === 'ends' ? (plot) => labelEnds(data, complete, plot) : undefined,
  );
  return {
    data: {
      'application/vnd.plotly.v1+json': { data, layout: drawn, config: { displaylogo: false } },
      'image/png': png.toString('base64'),
      'text/plain': spoken,
    },
    metadata: { 'image/png': { width: complete.width, height: complete.height, alt: spoken } },
  };
}

function requireWords(words: string | undefined) {
  if (typeof words === 'string' && words.trim() !== '') return;
  throw new InputError({
    given: 'a figure without words',
    expected: '{ words: … }, the figure said in words',
    remedy: 'Say what is drawn and what it shows, for readers who do not see it.',
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
      remedy: "Leave them out, or say in { gaps: 'diverged' } what they mean.",
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

function requireSmall(spec: Spec) {
  const bytes = JSON.stringify(spec).length;
  if (bytes <= MAX_JSON_BYTES) return;
  throw new InputError({
    given: `a figure of ${Math.round(bytes / 1000)} kB`,
    expected: `at most ${MAX_JSON_BYTES / 1000} kB, so that notebooks stay small`,
    remedy: 'Draw fewer points: every tenth, or as many as the picture is wide.',
  });
}
