import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const windows = process.platform === 'win32';

/** The checkout that these scripts belong to. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string[]} names */
export const inRoot = (...names) => join(root, ...names);

export const venv = inRoot('.venv');

/**
 * The Python inside an environment.
 *
 * @param {string} folder
 */
export const pythonIn = (folder) =>
  windows ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');

/** The Python inside `.venv`. */
export const venvPython = pythonIn(venv);

/** What each failing program printed, for the sentence that points there. */
export const log = inRoot('setup.log');

/**
 * The text of a file, or an empty string where there is none.
 *
 * @param {string} file
 */
export const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/**
 * The SHA-256 of a file's bytes, in hexadecimal.
 *
 * @param {string} file
 */
export const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
