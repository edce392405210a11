import type { FromChild } from './messages';

/** What the place where cells run has for them: a process of Node.js, or a worker of a page. */
export interface Host {
  /** Sends a message to the kernel; nothing of it is lost, whatever happens next. */
  send(message: FromChild): void;
  /** A value as Node.js prints it. */
  inspect(value: unknown, options?: object): string;
  /** The name of the method by which a value prints itself. */
  readonly ownInspect: symbol;
  /** The stack trace of an error, by the lines of TypeScript. */
  stackOf(error: Error): string | undefined;
  isError(value: unknown): boolean;
  isProxy(value: unknown): boolean;
  /** Whether a value is what `import * as` gives of an ES module. */
  isNamespace(value: unknown): boolean;
  readonly traces: Traces;
}

/** How stack traces look there. */
export interface Traces {
  /** What comes before `cell-7.ts` in the name of a cell's file. */
  readonly folders: readonly string[];
  /** Whether a frame is in the code of the kernel. */
  isKernels(frame: string): boolean;
  /** Whether a frame is in what runs the kernel. */
  isPlatforms(frame: string): boolean;
}

let current: Host | undefined;

/** To be called before anything else of this folder. */
export function setHost(host: Host): void {
  current = host;
}

export function host(): Host {
  if (!current) throw new Error('setHost has not been called');
  return current;
}

/** Sends a message to the kernel. */
export const send = (message: FromChild): void => host().send(message);
