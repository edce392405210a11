import type { FromCells, ToCells } from '../messages';

/** The first message to a frame: the library for pages, and the folder of the notebook. */
export interface Opening {
  type: 'open';
  library: string;
  directory: string;
}

export type ToFrame = Opening | { type: 'signal' } | { type: 'cells'; message: ToCells };

export type FromFrame =
  /** It is there; `isolated` where the browser has given it a process of its own. */
  | { type: 'here'; isolated: boolean }
  /** It holds the lock of its name, for as long as it lives. */
  | { type: 'alive' }
  | { type: 'cells'; message: FromCells }
  | { type: 'failed'; message: string };
