import type { FromChild, FromInspector, Stream, ToChild } from '../child/messages';
import type { CompilerWorker, Rest } from '../compiler';
import type { Channels, Json } from '../protocol';

/**
 * All that a kernel needs of the place where it runs: a process of Node.js (`kernel/node`) or a page
 * (`kernel/browser`).
 */
export interface Home {
  readonly about: About;
  readonly channels: Channels;
  /** Where sources are that stack traces name; in cells they are known without it. */
  readonly files: SourceFiles;
  startCompiler(): CompilerWorker;
  /** When the compiler gives its memory back; never by default. */
  readonly compilerRest?: Rest | undefined;
  startChild(events: ChildEvents): Child;
  /** Where cells can be stopped at breakpoints. */
  startDebugger?(inspector: Inspector, tell: (event: Json) => void): Debugging;
  /** The metadata of the notebook, where they can be known. */
  notebookMetadata(): Json;
  /** What is done after the answer to a `shutdown_request`. */
  exit(): void;
}

/** The kernel's description of itself. */
export interface About {
  /** Of the kernel. */
  version: string;
  /** The version of the compiler. */
  typescript: string;
  /** Name and version of what runs the cells. */
  host: string;
}

export interface SourceFiles {
  /** The path that a place in a stack trace means, which may be a URL. */
  pathOf(place: string): string;
  read(path: string): string | undefined;
}

/** The process or worker in which cells run, seen from the kernel. */
export interface Child {
  /** Resolves once it has ended. */
  readonly ended: Promise<void>;
  send(message: ToChild): void;
  /** Ends it at once, and all that its cells have started. */
  kill(): void;
}

export interface ChildEvents {
  message(message: FromChild): void;
  inspector(message: FromInspector): void;
  /** Text that did not come through JavaScript: from native code or another process. */
  output(name: Stream, text: string): void;
  ended(ending: Ending): void;
}

/** Why a child ended, and what that means, as an error of the cell. */
export interface Ending {
  ename: string;
  evalue: string;
}

/** Commands to the inspector of the child. */
export interface Inspector {
  post<T>(method: string, params?: object): Promise<T>;
}

/** A debugger by the messages of Jupyter. */
export interface Debugging {
  /** Answers the content of a `debug_request`. */
  answer(request: Json): Promise<Json>;
  /** To be called before a cell runs whose code is in `file`. */
  prepare(file: string, code: string, mappings: string): Promise<void>;
  /** The events of the inspector. */
  receive(method: string, params: object): void;
  /** The child is gone; the next one knows nothing of a debugger yet. */
  reset(): void;
}
