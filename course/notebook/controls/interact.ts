import { InputError } from 'implicit-lab';
import { checkNoMore } from 'implicit-lab/support';
import { escapeHtml, publish } from '../../output';
import { liveComms } from '../kernel';
import { Control } from './control';
import { drawn, viewState } from './drawing';
import { openLive } from './live';
import { MOST_STILLS } from './live-view';
import type { Model } from './model';
import { openColumn } from './widgets';

/** Controls by the names that a drawing knows them by. */
export type Controls = Record<string, Control<unknown>>;

/** What controls are set to. */
export type Settings<C extends Controls> = {
  [Name in keyof C]: C[Name] extends Control<infer T> ? T : never;
};

/**
 * Draws with what controls are set to, and draws again, in place, whenever a reader moves one.
 *
 * `draw` shows what it likes by `figure` and `table`, or prints. While a slider is dragged the latest
 * value is drawn and those between are left out. What `draw` throws is shown below the controls, which
 * stay alive; only the first drawing's error is the cell's. Fix the ranges of a figure's axes, so that
 * the curves move and not the axes.
 *
 * Where no person runs the cell, as when a notebook is executed for a page, and in scripts, it draws
 * once.
 *
 * @example
 * ```ts
 * await interact({ h: slider({ min: 0.01, max: 2.5, label: 'step size h' }) }, ({ h }) =>
 *   figure([{ x: steps, y: errors(h) }], layout, { words: 'The error grows once h exceeds 2.' }),
 * );
 * ```
 *
 * @throws InputError if there are no controls
 * @throws what the first drawing throws
 */
export async function interact<C extends Controls>(
  controls: C,
  draw: (settings: Settings<C>) => unknown,
): Promise<void> {
  checkNoMore('interact', arguments, 2);
  requireControls(controls);
  const all = Object.values(controls);
  const settings = () =>
    Object.fromEntries(Object.entries(controls).map(([name, { value }]) => [name, value]));
  const drawNow = () => draw(settings() as Settings<C>);
  if (liveComms()) await showLive(all, drawNow);
  else await showOnce(all, drawNow);
}

/** The values that it is drawn for, then the drawing. */
async function showOnce(controls: Control<unknown>[], draw: () => unknown): Promise<void> {
  const words = `Drawn for ${wordsOf(controls)}. Run this cell in JupyterLab to change it.`;
  publish({
    data: { 'text/html': `<p><small>${escapeHtml(words)}</small></p>`, 'text/plain': words },
  });
  await draw();
}

function wordsOf(controls: Control<unknown>[]): string {
  const said = controls.map((control) => control.said()).filter((words) => words !== '');
  return said.length > 0 ? said.join(', ') : 'the first time';
}

async function showLive(controls: Control<unknown>[], draw: () => unknown): Promise<void> {
  const labelWidth = `${Math.max(...controls.map(({ label }) => label.length))}ch`;
  const first = await drawn(draw, true);
  const stills = Math.min(first.bundles.length, MOST_STILLS);
  const live = openLive({ ...viewState(first), stills });
  const column = openColumn([...controls.map((control) => control.widget(labelWidth)), live]);
  publish({
    data: {
      'application/vnd.jupyter.widget-view+json': column.view,
      'text/plain': wordsOf(controls),
    },
  });
  for (const still of first.bundles.slice(0, stills)) publish(still);
  keepDrawn(controls, draw, live);
  if (first.failure) throw first.failure.thrown;
}

/** Draws again at each change; changes that come during a drawing are drawn by one more. */
function keepDrawn(controls: Control<unknown>[], draw: () => unknown, live: Model): void {
  let outdated = false;
  let drawing = false;
  const redraw = async () => {
    outdated = true;
    if (drawing) return;
    drawing = true;
    while (outdated) {
      outdated = false;
      const next = await drawn(draw, false);
      live.set(viewState(next));
    }
    drawing = false;
  };
  for (const control of controls) control.onChange(() => void redraw());
}

function requireControls(controls: Controls) {
  const wrong = Object.entries(controls).find(([, control]) => !(control instanceof Control));
  if (!wrong && Object.keys(controls).length > 0) return;
  throw new InputError({
    given: wrong ? `${wrong[0]}, which is not a control` : 'no controls',
    expected: 'sliders, dropdowns and buttons by name',
    remedy: "Pass { h: slider({ min: 0, max: 1, label: 'step size h' }) }, for example.",
  });
}
