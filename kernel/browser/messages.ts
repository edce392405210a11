import type { FromChild, ToChild } from '../child/messages';

/** How a worker without shared memory learns of an interrupt: it asks, and waits for the answer. */
export interface Asking {
  /** What JupyterLite's service worker hands to the page. */
  url: string;
  /** The page that is to answer. */
  id: string;
}

/** The first message to the worker of the cells. */
export interface Beginning {
  type: 'begin';
  /** The URL of the folder of the library for pages, with a slash at its end. */
  library: string;
  /** The folder of the notebook, from the root of the site's files. */
  directory: string;
  /** Where the page can share memory: its first number is 1 from an interrupt until it was heard. */
  signals: SharedArrayBuffer | undefined;
  asking: Asking | undefined;
}

export type ToCells = Beginning | ToChild;
export type FromCells = FromChild;
