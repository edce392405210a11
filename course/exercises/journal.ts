import { courseFolder } from '#platform/course';
import { variable } from '#platform/environment';
import { joined, lastName } from '#platform/files';
import { appendStored, readStored, renameStored } from '#platform/storage';

/** What is remembered of the way through the course, one entry an event. */
export interface Entry {
  /** When, as in `2026-01-31T12:00:00.000Z`. */
  at: string;
  exercise: string;
  /** A check, with its status; a hint taken; the solution looked at. */
  event: 'check' | 'hint' | 'solution';
  /** Of a check. */
  status?: string;
}

/** What is known of one exercise. */
export interface Standing {
  /** Whether a check has said ✓ at any time. */
  isDone: boolean;
  checks: number;
  hints: number;
  sawSolution: boolean;
}

const OFF = 'off';

/**
 * The journal file: `.progress.jsonl` at the root of the course, unless the variable
 * IMPLICIT_LAB_PROGRESS names another, or says `off`.
 */
export function journalFile(): string | undefined {
  const given = variable('IMPLICIT_LAB_PROGRESS');
  if (given === OFF) return undefined;
  return given || joined(courseFolder(), '.progress.jsonl');
}

/**
 * Adds an entry to the journal.
 *
 * Entries are only ever appended, each in one write, so that kernels which run side by side do not
 * lose each other's. A file that cannot be written costs the memory, not the check.
 *
 * @returns a sentence where the entry could not be written
 */
export function remember(entry: Omit<Entry, 'at'>): string | undefined {
  const file = journalFile();
  if (!file) return undefined;
  try {
    // The line break goes first: an entry that was cut off takes no other with it.
    appendStored(file, `\n${JSON.stringify({ at: new Date().toISOString(), ...entry })}`);
    return undefined;
  } catch (error) {
    return `Your progress could not be saved in ${lastName(file)}: ${(error as Error).message}`;
  }
}

/**
 * The entries of the journal, oldest first.
 *
 * A journal with a line that is none is set aside under another name, whole; a new one begins with
 * the lines that could be read, and `notice` says so.
 */
export function readJournal(): { entries: Entry[]; notice?: string } {
  const file = journalFile();
  let text: string | undefined;
  if (!file) return { entries: [] };
  try {
    text = readStored(file);
  } catch (error) {
    return {
      entries: [],
      notice: `Your progress in ${lastName(file)} cannot be read: ${(error as Error).message}`,
    };
  }
  if (text === undefined) return { entries: [] };
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const entries = lines.map(parse).filter((entry) => entry !== undefined);
  if (entries.length === lines.length) return { entries };
  return { entries, notice: setAside(file, entries, lines.length - entries.length) };
}

/** The standing of each exercise that the journal speaks of. */
export function standings(entries: readonly Entry[]): Map<string, Standing> {
  const all = new Map<string, Standing>();
  for (const { exercise, event, status } of entries) {
    const standing = all.get(exercise) ?? { ...UNTOUCHED };
    all.set(exercise, standing);
    if (event === 'hint') standing.hints += 1;
    if (event === 'solution') standing.sawSolution = true;
    if (event === 'check') {
      standing.isDone ||= status === 'right';
      standing.checks += status === 'to-do' ? 0 : 1;
    }
  }
  return all;
}

export const UNTOUCHED: Standing = { isDone: false, checks: 0, hints: 0, sawSolution: false };

const EVENTS = ['check', 'hint', 'solution'];

function parse(line: string): Entry | undefined {
  try {
    const entry = JSON.parse(line);
    const isEntry = typeof entry?.exercise === 'string' && EVENTS.includes(entry.event);
    return isEntry ? entry : undefined;
  } catch {
    return undefined;
  }
}

function setAside(file: string, entries: readonly Entry[], broken: number): string {
  const what = broken === 1 ? 'A line' : `${broken} lines`;
  const aside = `${file}.broken-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`;
  try {
    renameStored(file, aside);
    if (entries.length > 0) {
      appendStored(file, entries.map((entry) => `\n${JSON.stringify(entry)}`).join(''));
    }
    return `${what} of ${lastName(file)} could not be read. The file is kept as ${lastName(aside)}; everything else in it goes on to count.`;
  } catch (error) {
    return `${what} of ${lastName(file)} could not be read, nor could the file be set aside: ${(error as Error).message}`;
  }
}
