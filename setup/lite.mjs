import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { serve } from './lite/serve.mjs';
import { packTypes } from './lite/types.mjs';
import { buildKernel } from './lite/workers.mjs';
import { findPython } from './machine.mjs';
import { inRoot, pythonIn, venv } from './paths.mjs';
import { prepare } from './prepare.mjs';
import { makeVenv, pythonEnvironment, venvIsReady } from './python-packages.mjs';
import { run } from './run.mjs';
import { SetupError, step, told } from './step.mjs';

const usage = `Usage: npm run lite [-- [DIRECTORY] [--serve] [--port PORT] [--isolated] [--install]]

  writes the course as a site that needs no server of its own: JupyterLite, with the kernel in the page

  DIRECTORY    where to, instead of lite/
  --serve      shows what was written before, as any server of files would
  --install    only installs JupyterLite, in .lite
  --isolated   with the headers that let wasm use threads
`;

const work = inRoot('.lite');
const place = {
  folder: join(work, 'venv'),
  requirements: inRoot('setup', 'lite', 'requirements.txt'),
};

/** What a learner opens. */
const FOLDERS = ['notebooks', 'exercises', 'solutions'];

/** `npm run lite`: the course in a page. */
await told(async () => {
  const { values, positionals } = options();
  const site = positionals[0] ?? inRoot('lite');
  if (values.serve) return show(site, Number(values.port ?? 8000), values.isolated === true);
  await prepare();
  await step('JupyterLite in .lite', async (progress) => {
    if (venvIsReady(place)) return 'ready';
    mkdirSync(work, { recursive: true });
    await makeVenv(findPython(), progress, place);
    return 'installed';
  });
  if (values.install) return;
  const extension = join(work, 'extensions', 'implicit-kernel');
  rmSync(join(work, 'extensions'), { recursive: true, force: true });
  mkdirSync(join(extension, 'static'), { recursive: true });
  await step('Kernel for pages', async () => {
    await buildKernel(join(extension, 'static'));
    writeFileSync(join(extension, 'package.json'), JSON.stringify(manifest()));
    return weightOf(join(extension, 'static'), ['remoteEntry.js', 'compiler.js', 'cells.js']);
  });
  await step('Declarations', () => {
    const { files, bytes } = packTypes(join(extension, 'static', 'types.json.gz'));
    return `${files} files, ${megabytes(bytes)}; ${weightOf(join(extension, 'static'), ['types.json.gz'])}`;
  });
  await step('Notebooks', () => `${copyContents(join(work, 'contents'))} files`);
  await step('Site', async () => {
    await buildSite(site);
    return site;
  });
  console.log('Show it: npm run lite -- --serve');
});

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        install: { type: 'boolean' },
        serve: { type: 'boolean' },
        isolated: { type: 'boolean' },
        port: { type: 'string' },
      },
    });
  } catch {
    throw new SetupError(usage);
  }
}

/**
 * @param {string} site
 * @param {number} port
 * @param {boolean} isolated
 */
async function show(site, port, isolated) {
  if (!existsSync(join(site, 'index.html'))) {
    throw new SetupError(`There is no site in ${site}: run npm run lite first.`);
  }
  const { url } = await serve(site, { port, isolated });
  console.log(`Open ${url}`);
}

/** What JupyterLab reads of an extension. */
function manifest() {
  const { name, version, license } = JSON.parse(
    readFileSync(inRoot('kernel', 'package.json'), 'utf8'),
  );
  return {
    name,
    version,
    license,
    jupyterlab: {
      extension: true,
      outputDir: '.',
      _build: { load: 'static/remoteEntry.js', extension: './extension' },
    },
    jupyterlite: { liteExtension: true },
  };
}

/**
 * Notebooks and the pages that lead to them, without the texts that they are built from.
 *
 * @param {string} folder
 */
function copyContents(folder) {
  rmSync(folder, { recursive: true, force: true });
  let count = 0;
  for (const name of FOLDERS) {
    for (const file of readdirSync(inRoot(name))) {
      if (!file.endsWith('.ipynb') && file !== 'README.md') continue;
      const target = join(folder, name, file);
      mkdirSync(join(folder, name), { recursive: true });
      if (file.endsWith('.ipynb')) writeFileSync(target, withoutPictures(inRoot(name, file)));
      else cpSync(inRoot(name, file), target);
      count += 1;
    }
  }
  return count;
}

/**
 * A page draws figures itself: their pictures are a third of a megabyte before the first cell.
 *
 * @param {string} file
 */
function withoutPictures(file) {
  const notebook = JSON.parse(readFileSync(file, 'utf8'));
  for (const { outputs = [] } of notebook.cells) {
    for (const { data } of outputs) {
      if (data && 'application/vnd.plotly.v1+json' in data) delete data['image/png'];
    }
  }
  return JSON.stringify(notebook);
}

/** @param {string} site */
async function buildSite(site) {
  rmSync(site, { recursive: true, force: true });
  const lite = join(work, 'site');
  rmSync(lite, { recursive: true, force: true });
  mkdirSync(lite, { recursive: true });
  for (const name of ['jupyter-lite.json', 'overrides.json']) {
    cpSync(inRoot('setup', 'lite', name), join(lite, name));
  }
  const { ok, output, reason } = await run(
    pythonIn(place.folder),
    [
      '-m',
      'jupyterlite_core',
      'build',
      `--lite-dir=${lite}`,
      `--output-dir=${site}`,
      `--contents=${join(work, 'contents')}`,
      '--apps=lab',
      '--no-sourcemaps',
      `--FederatedExtensionAddon.extra_labextensions_path=${join(work, 'extensions')}`,
      ...rendering().map((path) => `--FederatedExtensionAddon.extra_labextensions_path=${path}`),
    ],
    { cwd: lite, env: pythonEnvironment(), limit: { seconds: 300 } },
  );
  if (!ok) throw new SetupError(`JupyterLite could not be built. ${reason ?? ''}\n${output}`);
  cpSync(inRoot('setup', 'lite', 'index.html'), join(site, 'index.html'));
  openAnyPathOffline(join(site, 'service-worker.js'));
}

/**
 * Pages differ in the notebook that their address names: any of them is the one that was kept. Lists
 * of contents are files here, not answers of a server, and are kept as well.
 *
 * @param {string} file
 */
function openAnyPathOffline(file) {
  const text = readFileSync(file, 'utf8');
  const matching = /await (\w+)\.match\((\w+)\)/;
  const dropping = /(\w+)\.pathname\.includes\("\/api\/"\)(?=\})/;
  if (!matching.test(text) || !dropping.test(text)) {
    throw new SetupError('The service worker is not the one expected.');
  }
  writeFileSync(
    file,
    text
      .replace(matching, "await $1.match($2,{ignoreSearch:'navigate'===$2.mode})")
      .replace(dropping, '$1.pathname.includes("/api/")&&!$1.pathname.endsWith(".json")'),
  );
}

/** The extensions that draw figures and sliders, as in .venv. */
function rendering() {
  const all = join(venv, 'share', 'jupyter', 'labextensions');
  const chosen = join(work, 'rendering');
  rmSync(chosen, { recursive: true, force: true });
  for (const name of ['@jupyter-widgets', 'anywidget', 'jupyterlab-plotly']) {
    cpSync(join(all, name), join(chosen, name), { recursive: true });
  }
  return [chosen];
}

/**
 * @param {string} folder
 * @param {string[]} names
 */
function weightOf(folder, names) {
  const sizes = names.map((name) => {
    const bytes = readFileSync(join(folder, name));
    const packed = name.endsWith('.gz') ? bytes.length : gzipSync(bytes).length;
    return `${name} ${megabytes(packed)} compressed`;
  });
  return sizes.join(', ');
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
