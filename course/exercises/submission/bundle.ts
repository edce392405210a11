import { existsSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { hasFilter, seccompFilter } from './filter';

/** The data sets that come with the course. */
export const DATA = join(__dirname, '..', '..', '..', 'data');

/**
 * Makes a folder with the program that runs learners' programs and the library as one file, which
 * starts four times as fast. Of the exercises nothing is in it but `check` and `hint`.
 *
 * @throws Error where esbuild is not installed, as outside a checkout
 */
export function makeProgram(): string {
  const folder = mkdtempSync(join(tmpdir(), 'implicit-lab-program-'));
  // All other packages are required when they are used.
  bundleTo(bundleIn(folder), { packages: 'external' });
  if (hasFilter()) writeFileSync(filterIn(folder), seccompFilter());
  // Where the library looks for it.
  if (existsSync(DATA)) symlinkSync(DATA, join(folder, 'data'));
  return folder;
}

/** Writes the program of a submission's process as one file, with the library. */
export function bundleTo(file: string, options: import('esbuild').BuildOptions): void {
  const entry = ['child.ts', 'child.js'].map((name) => join(__dirname, name)).find(existsSync)!;
  const { buildSync } = createRequire(__filename)('esbuild') as typeof import('esbuild');
  buildSync({
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    alias: { 'implicit-lab': libraryFolder() },
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
    ...options,
  });
}

/** The library, whose code is a part of the program. */
const libraryFolder = () => dirname(createRequire(__filename).resolve('implicit-lab/package.json'));

export const bundleIn = (folder: string) => join(folder, 'course', 'platform', 'node', 'child.cjs');

/** A process that has loaded all, where it was kept. */
export const snapshotIn = (folder: string) => join(folder, 'snapshot', 'child.blob');

/** The filter of system calls for a sandbox. */
export const filterIn = (folder: string) => join(folder, 'filter');

/** Where the packages are that the library needs. */
export function modulesFolder(): string {
  const file = realpathSync(createRequire(__filename).resolve('@tensorflow/tfjs/package.json'));
  return file.slice(0, file.lastIndexOf(`${sep}node_modules${sep}`) + `${sep}node_modules`.length);
}
