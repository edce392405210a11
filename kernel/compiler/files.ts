/**
 * All that the compiler needs of the machine or the page that it runs on. Paths are absolute, with
 * forward slashes.
 */
export interface Files {
  read(path: string): string | undefined;
  /** Changes when the file does; `undefined` where there is none. */
  stamp(path: string): number | undefined;
  isDirectory(path: string): boolean;
  /** The names in a directory; both lists are empty where there is none. */
  entries(path: string): { files: string[]; directories: string[] };
  realPath(path: string): string;
}

/** Where a session compiles. */
export interface Surroundings {
  files: Files;
  /** The notebook's. */
  directory: string;
  /** The directory of TypeScript's `lib.*.d.ts`. */
  libraries: string;
  /** The kernel's own: what the notebook has no package for is looked up from there. */
  kernel: string;
  /** The major version of Node.js, which decides what cells can call. */
  nodeMajor: number;
  /** TypeScript's libraries of what is there to call, where Node.js does not decide. */
  lib?: readonly string[];
  /** The packages of types that every cell sees: Node.js' once they are needed, unless others are given. */
  types?: readonly string[];
}
