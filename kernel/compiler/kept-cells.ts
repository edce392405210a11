import type { Live } from './earlier';

/** What a cell has left for later ones, so that another session can take it over. */
export interface Committed {
  id: number;
  text: string;
  global: boolean;
  live: [name: string, live: Live][];
  modules: [name: string, text: string][];
}

/** The cells that have run, and the names and modules that later ones find. */
export class KeptCells {
  readonly live = new Map<string, Live>();
  readonly modules = new Map<string, string>();
  readonly #cells = new Map<number, Committed>();
  /** The cells that import. */
  readonly #imports = new Set<number>();

  /** Adds a cell. Its names and modules replace earlier ones. */
  add(committed: Committed): void {
    const { id, text, live, modules } = committed;
    this.#cells.set(id, committed);
    if (/\b(?:import|require)\b/.test(withoutEarlier(text))) this.#imports.add(id);
    for (const [name, one] of live) this.live.set(name, one);
    for (const [name, one] of modules) this.modules.set(name, one);
    if (!committed.global) return;
    // What a cell declares for all files holds until it is run again.
    for (const other of this.#cells.values()) {
      if (other.id !== id && other.text === text) other.global = false;
    }
  }

  all(): Committed[] {
    return [...this.#cells.values()];
  }

  /** The ids of the cells whose declarations hold for all files. */
  global(): number[] {
    return this.all().flatMap(({ id, global }) => (global ? [id] : []));
  }

  /** The cells that later ones take names from, and that import. */
  importing(): number[] {
    const ids = new Set([...this.live.values()].map(({ cell }) => cell));
    return [...ids].filter((id) => this.#imports.has(id)).sort((a, b) => a - b);
  }

  nextId(): number {
    return this.#cells.size + 1;
  }

  clear(): void {
    for (const known of [this.live, this.modules, this.#cells, this.#imports]) known.clear();
  }
}

/** The text of a kept cell without the lines that take names from earlier ones. */
function withoutEarlier(text: string): string {
  return text.replace(/^.*"\.\/~cell-\d+".*$/gm, '');
}
