import { InputError } from 'implicit-lab';
import { checkNoMore, phrase, shown as worded } from 'implicit-lab/support';
import { terminal } from '#platform/terminal';
import {
  type Bundle,
  escapeHtml,
  formatNumber,
  formatSeconds,
  inNotebook,
  publish,
} from '../output';

/** How far a long computation has come. */
export interface Progress {
  /**
   * Shows that `done` of the total is done, followed by a note such as `'loss 0.31'`.
   *
   * @throws InputError if `done` is negative or not finite
   */
  update(done: number, note?: string): void;
  /** Leaves one line: how much was done, in what time. Reaching the total does the same. */
  end(note?: string): void;
}

const INTERVAL_MS = 100;
const CELLS = 24;

/** Functions that the kernel calls when a cell has ended, in whatever way. */
const CELL_END = Symbol.for('implicit-kernel.cell-end');

/**
 * Shows progress in one place: a bar, the rate, the time left; at the end, one short line.
 *
 * The bar is drawn again at most every 100 ms. Where an error or an interrupt ends the cell, the
 * line shows how far it came. Outside a notebook it is written to a terminal's standard error, and
 * nowhere else.
 *
 * @param total how much there is to do, in any unit
 * @throws InputError if the total is not a positive number
 */
export function progress(total: number, label: string): Progress {
  checkNoMore('progress', arguments, 2);
  if (!(Number.isFinite(total) && total > 0)) {
    throw new InputError({
      given: `a total of ${worded(total)}`,
      expected: 'a positive number',
      remedy: 'Pass how many steps there are.',
    });
  }
  if (typeof label !== 'string') {
    throw new InputError({
      given: `${phrase(label)} as the label`,
      expected: 'a text',
      remedy: "Say what is done: progress(100, 'training').",
    });
  }
  const show = inNotebook() ? notebookOutput() : terminalOutput();
  const start = performance.now();
  let shown = start;
  let done = 0;
  let note: string | undefined;
  let ended = false;
  const state = () => ({ label, done, total, note, seconds: (performance.now() - start) / 1000 });

  const end = (lastNote?: string) => {
    if (ended) return;
    ended = true;
    note = lastNote ?? note;
    atCellEnd().delete(end);
    show.last(lastLine(state()));
  };
  const update = (nowDone: number, nowNote?: string) => {
    requireDone(nowDone);
    if (ended) return;
    done = nowDone;
    note = nowNote;
    if (done >= total) {
      end();
    } else if (performance.now() - shown >= INTERVAL_MS) {
      shown = performance.now();
      show.next(state());
    }
  };

  atCellEnd().add(end);
  show.next(state());
  return { update, end };
}

/**
 * The items one by one, with a progress bar that ends where the loop ends.
 *
 * @example
 * ```ts
 * for (const batch of track(batches(train, { size: 200, seed: 1 }), 'Epoch 1', 300)) { … }
 * ```
 *
 * @param total how many items there are; not needed where they have a `length`
 * @throws InputError if there are no items, or their number is unknown
 */
export function* track<T>(
  items: Iterable<T>,
  label: string,
  total = (items as { length?: number } | undefined)?.length,
): Generator<T, void, undefined> {
  checkNoMore('track', arguments, 3);
  const bar = progress(total ?? Number.NaN, label);
  let done = 0;
  try {
    for (const item of items) {
      yield item;
      done += 1;
      bar.update(done);
    }
  } finally {
    bar.end();
  }
}

interface State {
  label: string;
  done: number;
  total: number;
  note: string | undefined;
  seconds: number;
}

interface Output {
  next(state: State): void;
  last(line: string): void;
}

function atCellEnd(): Set<() => void> {
  const host = globalThis as { [CELL_END]?: Set<() => void> };
  host[CELL_END] ??= new Set();
  return host[CELL_END];
}

/** `crypto.randomUUID` is missing from pages that come over plain HTTP. */
const uniqueName = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('-');

function notebookOutput(): Output {
  const transient = { display_id: uniqueName() };
  let update = false;
  const show = (data: Bundle['data']) => {
    publish({ data, transient }, update);
    update = true;
  };
  return {
    next: (state) => show({ 'text/html': asHtml(state), 'text/plain': asText(state) }),
    last: (line) => show({ 'text/plain': line }),
  };
}

function terminalOutput(): Output {
  const place = terminal();
  const write = (line: string) => place?.write(`\r\u001b[K${line}`);
  return {
    next: (state) => write(asText(state)),
    last: (line) => write(`${line}\n`),
  };
}

function asText(state: State): string {
  const full = Math.min(CELLS, Math.floor((CELLS * state.done) / state.total));
  const bar = '━'.repeat(full) + '─'.repeat(CELLS - full);
  return `${state.label} ${bar} ${facts(state).join(' · ')}`;
}

function asHtml(state: State): string {
  const bar = `<progress value="${state.done}" max="${state.total}"></progress>`;
  return `<div>${escapeHtml(state.label)} ${bar} ${escapeHtml(facts(state).join(' · '))}</div>`;
}

function facts({ done, total, note, seconds }: State): string[] {
  const rate = done / seconds;
  const timing =
    done > 0 && seconds > 0
      ? [`${formatNumber(rate, 2)}/s`, `${formatSeconds((total - done) / rate)} left`]
      : [];
  return [`${amount(done)} of ${amount(total)}`, ...timing, ...(note ? [note] : [])];
}

function lastLine({ label, done, total, note, seconds }: State): string {
  const time = formatSeconds(seconds);
  const result =
    done >= total
      ? `${amount(done)} in ${time}`
      : `stopped at ${amount(done)} of ${amount(total)} after ${time}`;
  return `${label}: ${result}${note ? `, ${note}` : ''}`;
}

function amount(value: number): string {
  return formatNumber(value, 3);
}

function requireDone(done: number) {
  if (done >= 0 && Number.isFinite(done)) return;
  throw new InputError({
    given: `${done} as done`,
    expected: 'a number from 0 to the total',
    remedy: 'Pass how many of the steps are done.',
  });
}
