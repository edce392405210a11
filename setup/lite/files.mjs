import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/*
 * What the service worker and the pages know of the files of a site: which there are, and what is new.
 */

const TEXTS = /\.(js|json|css|html|ipynb|wasm|svg|md|csv)$/;

/** A smaller one is not worth a file. */
const SMALL_BYTES = 1000;

/** What differs from build to build though nothing has changed; the service workers themselves. */
const NOT_OF_A_BUILD = /^(?:service-worker\.js|compiled\.js|begin\.js|api\/contents\/.*)$/;

/** @param {string | Buffer} content */
const hashOf = (content) => createHash('sha256').update(content).digest('hex').slice(0, 10);

/**
 * A notebook with its own version in its metadata, where a learner's copy keeps it.
 *
 * @param {{ metadata: Record<string, unknown> }} notebook
 */
export function stamped(notebook) {
  delete notebook.metadata.site;
  notebook.metadata.site = { version: hashOf(JSON.stringify(notebook)) };
  return JSON.stringify(notebook);
}

/**
 * The versions of all notebooks of a folder, by their paths.
 *
 * @param {string} folder
 * @returns {Record<string, string>}
 */
export function versionsOf(folder) {
  const notebooks = filesOf(folder).filter((name) => name.endsWith('.ipynb'));
  return Object.fromEntries(
    notebooks.map((name) => [
      name,
      JSON.parse(readFileSync(join(folder, name), 'utf8')).metadata.site.version,
    ]),
  );
}

/**
 * Writes `FILE.gz` for what compresses: no host has to. One that is younger than its file stays.
 *
 * @param {string} site
 * @returns {number} how many
 */
export function pack(site) {
  let count = 0;
  for (const name of filesOf(site).filter((file) => TEXTS.test(file))) {
    const content = readFileSync(join(site, name));
    if (content.length < SMALL_BYTES) continue;
    count += 1;
    if (timeOf(join(site, `${name}.gz`)) > timeOf(join(site, name))) continue;
    writeFileSync(join(site, `${name}.gz`), gzipSync(content, { level: 9 }));
  }
  return count;
}

/**
 * @param {string} site
 * @returns {{ id: string, files: Record<string, [hash: string, packed: number]> }}
 */
export function listFiles(site) {
  const names = new Set(filesOf(site));
  /** @type {Record<string, [string, number]>} */
  const files = {};
  for (const name of [...names].sort()) {
    if (name.endsWith('.gz') && names.has(name.slice(0, -'.gz'.length))) continue;
    if (name === 'service-worker.js' || name === 'compiled.js') continue;
    files[name] = [hashOf(readFileSync(join(site, name))), names.has(`${name}.gz`) ? 1 : 0];
  }
  const told = Object.entries(files).filter(([name]) => !NOT_OF_A_BUILD.test(name));
  return { id: hashOf(JSON.stringify(told)), files };
}

/** When a file was written; 0 if there is none. @param {string} file */
const timeOf = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** @param {string} folder */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => path.slice(folder.length + 1).replaceAll('\\', '/'));
}
