import type { Json } from '../protocol';

/** What is shown: representations of one thing by MIME type. */
export interface Bundle {
  data: Record<string, unknown>;
  metadata?: Json;
  /** `display_id` names an output that later updates replace. */
  transient?: { display_id?: string };
}

/** An error as it can cross to the parent, which turns it into a traceback. */
export interface Failure {
  name: string;
  message: string;
  /** What comes before the frames of its stack; missing when something else than an error was thrown. */
  head?: string;
  /** The frames of cells and libraries, with TypeScript positions. */
  frames?: string[];
  /** What else it has, such as `code`, as Node.js prints an object. */
  fields?: string | undefined;
  /** What an `AggregateError` holds. */
  errors?: Failure[] | undefined;
  cause?: Failure;
}

export type Stream = 'stdout' | 'stderr';

/** A cell ready to run. */
export interface RunCell {
  id: number;
  /** The name that its file would have: `cell-7.ts` is `cell [7]` in stack traces. */
  file: string;
  code: string;
  mappings: string;
  /** Whether it imports: what was edited is then read again. */
  imports: boolean;
  /** Where names of modules lead that Node.js would not find. */
  paths?: Record<string, string>;
  /** Whether the front end can ask its reader for text. */
  allowInput: boolean;
  /** Whether it ends in a semicolon, and whether the notebook wants its value hidden then. */
  semicolon: { there: boolean; hides: boolean };
}

/** Parent to child. */
export type ToChild =
  | ({ type: 'run' } & RunCell)
  | { type: 'interrupt' }
  | { type: 'input'; text: string }
  /** To end by itself. */
  | { type: 'exit' }
  | DebugCommand
  | { type: 'comm'; id: number; message: CommMessage };

/** A command of the Chrome DevTools Protocol, and its answer or an event, on a pipe of their own. */
export interface DebugCommand {
  type: 'debug';
  id: number;
  method: string;
  params?: object | undefined;
}
export type FromInspector =
  | { id: number; result: object }
  | { id: number; error: string }
  | { method: string; params: object };

/** Child to parent. `cell` is the cell that caused it, even when a later one runs. */
export type FromChild =
  | { type: 'ready' }
  | { type: 'stream'; cell: number; name: Stream; text: string }
  | { type: 'display'; cell: number; bundle: Bundle; update: boolean }
  | { type: 'clear'; cell: number; wait: boolean }
  | { type: 'failure'; cell: number; failure: Failure; heading: string }
  | { type: 'input'; cell: number; prompt: string; password: boolean }
  | { type: 'comm'; cell: number; message: CommMessage }
  /** A message of the front end to a comm has been dealt with. */
  | { type: 'handled'; cell: number }
  | { type: 'exiting'; cell: number; code: number }
  | Done;

/** The end of a cell, after everything it put out. */
export type Done =
  | { type: 'done'; cell: number; ok: true; result: Bundle | undefined }
  | { type: 'done'; cell: number; ok: false; failure: Failure; made: string[] };

export interface CommMessage {
  type: 'comm_open' | 'comm_msg' | 'comm_close';
  content: Json;
  metadata: Json;
  /** Base64. */
  buffers: string[];
}
