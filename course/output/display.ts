import { tslabDisplay } from '#platform/display';

/** One output in several forms; a reader shows the richest it can. */
export interface Bundle {
  /** MIME type → content; `text/plain` is always there. */
  data: { 'text/plain': string; [mimeType: string]: unknown };
  /** MIME type → facts about that form, such as its size. */
  metadata?: Record<string, unknown>;
  /** A name under which this output can be replaced later. */
  transient?: { display_id: string };
}

type Publish = (bundle: Bundle, update: boolean) => void;

const KERNEL = Symbol.for('implicit-kernel.display');

/**
 * Shows a bundle in the running cell, or replaces (`update`) the output of the same `display_id`.
 *
 * Works under this course's kernel and under plain tslab. Elsewhere, in scripts and tests, a new
 * output's `text/plain` is printed and updates are dropped.
 */
export function publish(bundle: Bundle, update = false): void {
  const show = notebook();
  if (show) show(bundle, update);
  else if (!update) console.log(bundle.data['text/plain']);
}

/** Whether cells' outputs are shown by a notebook kernel. */
export function inNotebook(): boolean {
  return notebook() !== undefined;
}

function notebook(): Publish | undefined {
  return (globalThis as { [KERNEL]?: Publish })[KERNEL] ?? (tslabDisplay() as Publish | undefined);
}
