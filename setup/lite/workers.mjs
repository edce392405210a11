import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, transform } from 'esbuild';
import ts from 'typescript';
import { buildForBrowser } from '../browser/build.mjs';
import { inRoot, read } from '../paths.mjs';

/**
 * A page follows a cell through its promises by `Promise.prototype.then`, which a native `await` does
 * not call: async functions become generators.
 */
const WITHOUT_ASYNC = { 'async-await': false, 'async-generator': false, 'for-await': false };

/**
 * Writes the extension of JupyterLite that brings the kernel, its two workers, the frame of one of them, and the library.
 *
 * @param {string} folder
 */
export async function buildKernel(folder) {
  const { version } = JSON.parse(read(inRoot('kernel', 'package.json')));
  const define = {
    KERNEL_VERSION: JSON.stringify(version),
    TYPESCRIPT_VERSION: JSON.stringify(ts.version),
  };
  await bundle('page/extension', join(folder, 'remoteEntry.js'), { define });
  await bundle('compiler/worker', join(folder, 'compiler.js'));
  await bundle('cells/main', join(folder, 'cells.js'), { supported: WITHOUT_ASYNC });
  await bundle('frame/main', join(folder, 'frame.js'));
  writeFileSync(
    join(folder, 'cells.html'),
    '<!doctype html><title>Cells</title><script src="frame.js"></script>\n',
  );
  const library = join(folder, 'library');
  await buildForBrowser(library);
  for (const name of readdirSync(library).filter((file) => file.endsWith('.js'))) {
    const file = join(library, name);
    const { code } = await transform(readFileSync(file, 'utf8'), {
      format: 'esm',
      target: 'es2022',
      supported: WITHOUT_ASYNC,
      minifySyntax: true,
      minifyWhitespace: true,
    });
    writeFileSync(file, code);
  }
  const kept = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.(js|wasm|json|gz|csv|html)$/.test(name) && !name.includes('mnist/'));
  writeFileSync(join(folder, 'files.json'), JSON.stringify([...kept, 'types.json.gz']));
}

/**
 * Writes what a page starts with, before JupyterLab: `begin.js`, and the service workers, which are made for
 * the files of one build.
 *
 * @param {string} site
 * @param {{ id: string, files: Record<string, [string, number]> }} made
 * @param {string} version JupyterLite's
 */
export async function buildOffline(site, made, version) {
  const define = { LITE_VERSION: JSON.stringify(version) };
  await bundle('site/begin', join(site, 'begin.js'), { define });
  const banner = { js: `const BUILD=${JSON.stringify(made)};` };
  for (const name of ['service-worker', 'compiled']) {
    await bundle(`site/${name}`, join(site, `${name}.js`), { banner });
  }
}

/**
 * @param {string} entry in `kernel/browser`
 * @param {string} outfile
 * @param {import('esbuild').BuildOptions} options
 */
async function bundle(entry, outfile, options = {}) {
  await build({
    entryPoints: [inRoot('kernel', 'browser', `${entry}.ts`)],
    outfile,
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    // Names of classes and functions are read: in traces, and by `inspect`.
    keepNames: entry.startsWith('cells'),
    legalComments: 'none',
    logLevel: 'error',
    ...options,
  });
}
