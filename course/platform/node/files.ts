import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The content of a file. */
export const readBytes = (file: string): Uint8Array => readFileSync(file);

/** The content of a file of text in UTF-8. */
export const readText = (file: string): string => readFileSync(file, 'utf8');

/** The names in a folder; none where there is no folder. */
export const namesIn = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder) : [];

/** A path from its parts. */
export const joined = (...parts: string[]): string => path.join(...parts);

/** The last part of a path. */
export const lastName = (file: string): string => path.basename(file);
