import type { FromCells, ToCells } from '../messages';

/** Where the parts of the kernel are, and the notebook. */
export interface Places {
  /** The URL of the folder with the workers, with a slash at its end. */
  scripts: string;
  /** That of the library for pages. */
  library: string;
  /** The root of the site. */
  site: string;
  /** The folder of the notebook, from the root of the site's files. */
  directory: string;
}

/** The worker of the cells, in whichever process. */
export interface CellsAt {
  post(message: ToCells): void;
  /** Tells it of an interrupt while it is busy and receives no message. */
  signal(): void;
  /** Ends it at once. */
  end(): void;
}

/** What is heard of it. */
export interface Hearing {
  message(message: FromCells): void;
  /** It could not start, or an error has left it. */
  failed(reason: string): void;
  /** Its process has died. */
  died(): void;
}
