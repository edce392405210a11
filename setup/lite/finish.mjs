import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles, pack } from './files.mjs';
import { buildOffline } from './workers.mjs';

/**
 * The last steps of a build, once all files of a site are there: compressed ones, and the service worker that
 * knows them all.
 *
 * @param {string} site
 */
export async function finishSite(site) {
  const packed = pack(site);
  const { 'jupyter-config-data': settings } = JSON.parse(
    readFileSync(join(site, 'jupyter-lite.json'), 'utf8'),
  );
  const made = listFiles(site);
  await buildOffline(site, made, settings.appVersion);
  return `build ${made.id}, ${Object.keys(made.files).length} files, ${packed} of them also compressed`;
}
