import { existsSync } from 'node:fs';
import { buildForBrowser } from './browser/build.mjs';
import { inRoot } from './paths.mjs';
import { runMain, SetupError, step } from './step.mjs';

/** `npm run build:browser`: writes `course/browser/dist/`, the library for a page, and its weight. */
await runMain(async () => {
  if (!existsSync(inRoot('node_modules', 'esbuild'))) {
    throw new SetupError('The library is built with what `npm ci` installs: run that first.');
  }
  await step('course/browser/dist', async () => {
    const weights = await buildForBrowser(inRoot('course', 'browser', 'dist'));
    return weights
      .map(({ name, bytes, gzip }) => `${name} ${kilobytes(bytes)}, gzip ${kilobytes(gzip)}`)
      .join('; ');
  });
});

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${Math.round(bytes / 1000)} kB`;
}
