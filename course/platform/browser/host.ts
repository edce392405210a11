import { page } from 'implicit-lab/support';

/** A module of `course/exercises`, loaded when it is asked for. */
export type Modules = Record<string, () => Promise<unknown>>;

/** What the page provides for the course; `initialize` in `course/browser` sets it. */
interface Host {
  /** The folder of the notebook that runs, as in `solutions`. */
  directory: string;
  /** The exercises and questions, by their paths in `course/exercises`. */
  modules: Modules;
  /** Files that can be read at once, by their paths. */
  files: Map<string, Uint8Array>;
}

export const host: Host = { directory: '', modules: {}, files: new Map() };

/** The URL of a file that the build has made. */
export function assetUrl(name: string): string {
  if (page.assets === undefined) throw new Error(`${name} comes with the course's own page only`);
  return new URL(name, page.assets).href;
}
