import { appendFileSync, existsSync, readFileSync, renameSync } from 'node:fs';

/** What is kept under a name, a path here; nothing where nothing was. */
export const readStored = (name: string): string | undefined =>
  existsSync(name) ? readFileSync(name, 'utf8') : undefined;

/** Adds to what is kept, in one write. */
export const appendStored = (name: string, text: string): void => appendFileSync(name, text);

/** Keeps it under another name. */
export const renameStored = (name: string, other: string): void => renameSync(name, other);
