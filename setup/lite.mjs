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
import { stamped, versionsOf } from './lite/files.mjs';
import { finishSite } from './lite/finish.mjs';
import { frontPage } from './lite/front-page.mjs';
import { measure } from './lite/measure.mjs';
import { serve } from './lite/serve.mjs';
import { packTypes } from './lite/types.mjs';
import { buildKernel } from './lite/workers.mjs';
import { findPython } from './machine.mjs';
import { inRoot, pythonIn, read, venv } from './paths.mjs';
import { prepare } from './prepare.mjs';
import { makeVenv, pythonEnvironment, venvIsReady } from './python-packages.mjs';
import { run } from './run.mjs';
import { runMain, SetupError, step } from './step.mjs';

const usage = `Usage: npm run lite [-- [DIRECTORY] [--quick] [--serve] [--port PORT] [--isolated] [--install]]

  writes the course as a site that needs no server of its own: JupyterLite, with the kernel in the page

  DIRECTORY    where to, instead of lite/
  --quick      without opening a lesson in Chromium to measure what it costs a reader
  --serve      shows what was written before, as any server of files would
  --install    only installs JupyterLite, in .lite
  --isolated   with the headers that let wasm use threads
`;

const work = inRoot('.lite');
const place = {
  folder: join(work, 'venv'),
  requirements: inRoot('setup', 'lite', 'requirements.txt'),
};

/**
 * What is shown until JupyterLab is. Its own picture for this moves: where no GPU draws, drawing it took a sixth of the
 * processor that a first visit needs.
 */
const OPENING = `
#course-opens { margin: 40vh 0 0; text-align: center; font: 16px system-ui, sans-serif; color: #757575 }
#course-opens:has(~ .jp-LabShell) { display: none }
`;

/** What a learner opens. */
const FOLDERS = ['notebooks', 'exercises', 'solutions'];

/** `npm run lite`: the course in a page. */
await runMain(async () => {
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
  await step('Service worker', () => finishSite(site));
  if (!values.quick) await step('First cell of lesson 01', (progress) => measure(site, progress));
  console.log('Show it: npm run lite -- --serve');
});

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        install: { type: 'boolean' },
        quick: { type: 'boolean' },
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
      else writeFileSync(target, frontPage(read(inRoot(name, file))));
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
  return stamped(notebook);
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
  writeFileSync(join(site, 'versions.json'), JSON.stringify(versionsOf(join(work, 'contents'))));
  edit(join(site, 'lab', 'index.html'), [
    // Its own script, once the service worker is there: not at once.
    ['rel="preload" href="../build', 'rel="next" href="../build'],
    ['<script id="jupyter-config-data"', '<script src="../begin.js"></script>$&'],
    ['await import(', 'await globalThis.courseBegins;$&'],
    [
      '</head>',
      `<style>${read(inRoot('setup', 'jupyter', 'custom', 'folded.css'))}${OPENING}</style>$&`,
    ],
    ['<div id="jupyterlite-loading', '<p id="course-opens">Opening the course …</p>$&'],
  ]);
  lighten(join(site, 'jupyter-lite.json'));
}

/**
 * @param {string} file
 * @param {[from: string, to: string][]} replacements
 */
function edit(file, replacements) {
  let text = readFileSync(file, 'utf8');
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new SetupError(`${file} is not the one expected: no ${from}`);
    text = text.replace(from, to);
  }
  writeFileSync(file, text);
}

/**
 * JupyterLab would load plotly's extension, which is as large as itself, before it shows anything; ours
 * loads it with the first figure.
 *
 * @param {string} file
 */
function lighten(file) {
  const settings = JSON.parse(readFileSync(file, 'utf8'));
  const data = settings['jupyter-config-data'];
  /** @type {{ name: string, load: string }[]} */
  const extensions = data.federated_extensions;
  const plotly = extensions.find(({ name }) => name === 'jupyterlab-plotly');
  if (!plotly) throw new SetupError('The extension of plotly is missing.');
  data.federated_extensions = extensions.filter((extension) => extension !== plotly);
  // The other one has a third of a megabyte.
  data.faviconUrl = './icon-120x120.png';
  data.plotlyExtension = `${plotly.name}/${plotly.load}`;
  writeFileSync(file, JSON.stringify(settings));
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
