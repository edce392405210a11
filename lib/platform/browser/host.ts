/** A module of `lib/exercises`, loaded when it is asked for. */
export type Modules = Record<string, () => Promise<unknown>>;

/** What the page has said to the library; `initialize` in `lib/browser` fills it in. */
interface Host {
  /** The URL of the folder with the files that the build has made, with a slash at its end. */
  assets: string | undefined;
  /** The folder of the notebook that runs, as in `solutions`. */
  directory: string;
  /** What Node.js has in `process.env`. */
  variables: Record<string, string>;
  /** The exercises and questions, by their paths in `lib/exercises`. */
  modules: Modules;
  /** Files that can be read at once, by their paths. */
  files: Map<string, Uint8Array>;
}

export const host: Host = {
  assets: undefined,
  directory: '',
  variables: {},
  modules: {},
  files: new Map(),
};

/** The URL of a file that the build has made. */
export function assetUrl(name: string): string {
  if (host.assets === undefined) throw new Error(`${name} comes with the course's own page only`);
  return new URL(name, host.assets).href;
}
