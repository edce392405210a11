import { inNextTurn } from 'implicit-lab/support';
import type { Bundle } from '../../output';
import { type DrawingSink, redirect } from '../kernel';
import type { Shown } from './live-view';
import type { State } from './model';

/** What a drawing has shown, and what it threw. */
export interface Drawn {
  bundles: Bundle[];
  failure?: { thrown: unknown };
}

/**
 * What `draw` shows and prints.
 *
 * @param pictures whether figures are to be pictures too
 */
export function drawn(draw: () => unknown, pictures: boolean): Promise<Drawn> {
  return new Promise((resolve) => {
    const bundles: Bundle[] = [];
    const fail = (thrown: unknown) => resolve({ bundles, failure: { thrown } });
    const sink: DrawingSink = {
      pictures,
      display: (bundle, update) => collect(bundles, bundle as Bundle, update),
      print: (_, text) => collectText(bundles, text),
      interrupted: () => fail(INTERRUPTED),
    };
    // In a turn of its own: an interrupt of a loop ends all that the turn would have come to.
    inNextTurn(() => {
      redirect(sink, async () => draw()).then(() => resolve({ bundles }), fail);
    });
  });
}

/** What a live view has to change to show a drawing. One that failed leaves the one before, pale. */
export function viewState({ bundles, failure }: Drawn): State {
  if (failure) return { problem: wordsOf(failure.thrown) };
  return { outputs: bundles.map(({ data }) => shown(data)), problem: '' };
}

const INTERRUPTED = 'The drawing was interrupted.';

/** A later output of the same `display_id` takes the place of the one before. */
function collect(bundles: Bundle[], bundle: Bundle, update: boolean): void {
  const id = bundle.transient?.display_id;
  const before = update ? bundles.findIndex((other) => other.transient?.display_id === id) : -1;
  if (before >= 0) bundles[before] = bundle;
  else if (!update) bundles.push(bundle);
}

/** Prints that follow each other are one output. */
function collectText(bundles: Bundle[], text: string): void {
  const last = bundles.at(-1);
  const isText = last && Object.keys(last.data).length === 1 && !last.transient;
  if (isText) last.data['text/plain'] += text;
  else bundles.push({ data: { 'text/plain': text } });
}

function shown(data: Bundle['data']): Shown {
  const forms = [
    ['plotly', 'application/vnd.plotly.v1+json'],
    ['html', 'text/html'],
    ['png', 'image/png'],
  ] as const;
  for (const [kind, type] of forms) if (type in data) return { kind, content: data[type] };
  return { kind: 'text', content: data['text/plain'] };
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}
