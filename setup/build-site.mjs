import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import katex from 'katex';
import { inRoot, venvPython } from './paths.mjs';
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';
import { runMain, SetupError, step } from './step.mjs';

/**
 * `npm run site [-- DIRECTORY] [--live URL]`: writes the course as pages that a browser opens from the
 * disk. With `--live`, each notebook leads to its page in a site of `npm run lite`, whose address is
 * absolute or from the root of the pages.
 */
await runMain(async () => {
  await prepare();
  const { values, positionals } = options();
  const site = positionals[0] ?? inRoot('site');
  rmSync(site, { recursive: true, force: true });
  mkdirSync(site, { recursive: true });
  await step('Pages', async () => {
    const said = await succeed(venvPython, [
      inRoot('setup', 'site', 'pages.py'),
      site,
      ...(values.live ? [values.live] : []),
    ]);
    return said.trim();
  });
  await step('Formulas', () => `${setFormulas(site)} formulas`);
  await step('API', async () => {
    await succeed(process.execPath, [
      inRoot('node_modules', 'typedoc', 'bin', 'typedoc'),
      '--options',
      inRoot('setup', 'site', 'typedoc.json'),
      '--out',
      join(site, 'api'),
    ]);
    return 'api/index.html';
  });
  copyAssets(join(site, 'assets'));
  console.log(`Open ${join(site, 'index.html')}`);
});

function options() {
  try {
    return parseArgs({ allowPositionals: true, options: { live: { type: 'string' } } });
  } catch {
    throw new SetupError('Usage: npm run site [-- DIRECTORY] [--live URL]');
  }
}

/**
 * @param {string} program
 * @param {string[]} args
 */
async function succeed(program, args) {
  const { ok, output, reason } = await run(program, args, { limit: { seconds: 300 } });
  if (!ok) throw new SetupError(`The site could not be built. ${reason ?? ''}\n${output}`);
  return output;
}

/**
 * Sets all formulas, so that pages show them without a script; returns how many there are.
 *
 * @param {string} site
 */
function setFormulas(site) {
  let count = 0;
  const pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.html'),
  );
  for (const page of pages) {
    const text = readFileSync(join(site, page), 'utf8');
    const set = text.replaceAll(
      /<span class="math( display)?">([^<]*)<\/span>/g,
      (_, display, formula) => {
        count += 1;
        return formulaAsHtml(unescaped(formula), display !== undefined, page);
      },
    );
    writeFileSync(join(site, page), set);
  }
  return count;
}

/**
 * @param {string} formula
 * @param {boolean} displayMode
 * @param {string} page
 */
function formulaAsHtml(formula, displayMode, page) {
  try {
    const set = katex.renderToString(formula, { displayMode, strict: 'ignore' });
    return displayMode ? `<span class="math display">${set}</span>` : set;
  } catch (error) {
    throw new SetupError(`${page}: KaTeX cannot set ${formula.trim()}\n${error}`);
  }
}

/** @param {string} text */
function unescaped(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/**
 * Everything that the pages need is next to them: nothing comes over the net.
 *
 * @param {string} folder
 */
function copyAssets(folder) {
  const katexFiles = inRoot('node_modules', 'katex', 'dist');
  cpSync(join(katexFiles, 'katex.min.css'), join(folder, 'katex', 'katex.min.css'));
  cpSync(join(katexFiles, 'fonts'), join(folder, 'katex', 'fonts'), {
    recursive: true,
    filter: (file) => !/\.(ttf|woff)$/.test(file),
  });
  cpSync(
    inRoot('node_modules', 'plotly.js-dist-min', 'plotly.min.js'),
    join(folder, 'plotly.min.js'),
  );
  for (const name of ['site.css', 'site.js'])
    cpSync(inRoot('setup', 'site', name), join(folder, name));
}
