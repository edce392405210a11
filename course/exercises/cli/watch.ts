import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { codeFor, NotebookError, readNotebook } from '../submission';
import { checkSaved, isUntouched, textOf } from './check';
import { type Source, sourceOf, sources } from './course';

export interface WatchOptions {
  ids: string[];
  seconds: number;
  signal: AbortSignal;
}

const POLL_MS = 300;

/**
 * `implicit-lab watch`: checks an exercise again whenever its code is saved, until the signal.
 *
 * Files are looked at by their path, so an editor may write them in place or put new ones there.
 */
export async function watch({ ids, seconds, signal }: WatchOptions): Promise<number> {
  const course = sources();
  for (const id of ids) sourceOf(id, course);
  const watched = course.filter(
    (source) => ids.length === 0 || source.ids.some((id) => ids.includes(id)),
  );
  const notebooks = watched.map(
    (source) =>
      new WatchedNotebook(
        source,
        source.ids.filter((id) => ids.length === 0 || ids.includes(id)),
      ),
  );
  const count = notebooks.reduce((sum, { ids }) => sum + ids.length, 0);
  console.log(
    `Watching ${count === 1 ? ids[0] : `${count} exercises`}: save a notebook to check it. Ctrl-C ends.`,
  );
  while (!signal.aborted) {
    for (const notebook of notebooks) await notebook.look(seconds, signal);
    await pause(POLL_MS, signal);
  }
  return 0;
}

/** A file may be read in the middle of being written; it is called broken only when it stays so. */
const LOOKS_BEFORE_COMPLAINT = 3;

/** A notebook whose exercises are checked when their code changes. */
class WatchedNotebook {
  /** What the file looked like when it was last read. */
  private stamp = '';
  /** Exercise → its code when it was last seen. */
  private seen = new Map<string, string>();
  private failedLooks = 0;

  constructor(
    private readonly source: Source,
    readonly ids: readonly string[],
  ) {
    this.changedExercises();
  }

  /** Checks what has changed since it last looked. */
  async look(seconds: number, signal: AbortSignal): Promise<void> {
    for (const id of this.changedExercises()) {
      if (signal.aborted) return;
      if (isUntouched(this.source, id)) continue;
      console.log(`\n${new Date().toLocaleTimeString()}  ${id} …`);
      const verdict = await this.check(id, seconds, signal);
      if (verdict.status !== 'aborted') console.log(textOf(verdict));
      else if (!signal.aborted) {
        this.seen.delete(id);
        console.log(`${id}: saved again, so from the beginning.`);
      }
    }
  }

  /** Checks an exercise; breaks off when the notebook is saved again meanwhile. */
  private async check(id: string, seconds: number, signal: AbortSignal) {
    const controller = new AbortController();
    const timer = setInterval(() => {
      if (signal.aborted || stampOf(this.source.notebook) !== this.stamp) controller.abort();
    }, POLL_MS);
    try {
      return await checkSaved(this.source, id, { seconds, signal: controller.signal });
    } finally {
      clearInterval(timer);
    }
  }

  /** The exercises whose code is not what it was when this was last called. */
  private changedExercises(): string[] {
    const stamp = stampOf(this.source.notebook);
    if (stamp === this.stamp && this.failedLooks === 0) return [];
    try {
      const notebook = readNotebook(this.source.notebook);
      const isFirst = this.stamp === '';
      const before = this.seen;
      this.seen = new Map(this.ids.map((id) => [id, codeFor(notebook, id).join('\n')]));
      this.stamp = stamp;
      this.failedLooks = 0;
      return isFirst ? [] : this.ids.filter((id) => this.seen.get(id) !== before.get(id));
    } catch (error) {
      if (!(error instanceof NotebookError)) throw error;
      this.failedLooks += 1;
      if (this.failedLooks === LOOKS_BEFORE_COMPLAINT) {
        console.error(`${basename(this.source.notebook)}: ${error.message}. Still watching.`);
      }
      return [];
    }
  }
}

function stampOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats ? `${stats.mtimeMs} ${stats.ino} ${stats.size}` : 'missing';
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
