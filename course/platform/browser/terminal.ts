/** Where a line can be written over, if there is such a place. */
export interface Terminal {
  write(text: string): void;
}

/** A page has no terminal. */
export const terminal = (): Terminal | undefined => undefined;
