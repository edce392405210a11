import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { inRoot, read } from '../paths.mjs';
import { SETTLED } from './settled-exports.cjs';

/**
 * Writes `folder/dist`, the workspace as a package of plain JavaScript with types.
 *
 * Module by module, so that what finds its files by `__dirname` goes on finding them. The code is
 * CommonJS; `index.mjs` gives the same objects to `import`, so that a program which uses both has
 * one library with one backend, not two.
 *
 * @param {string} folder
 */
export async function buildPackage(folder) {
  const dist = join(folder, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const files = filesOf(folder);
  await build({
    entryPoints: files.filter(isModule).map((file) => join(folder, file)),
    outdir: dist,
    outbase: folder,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
    footer: { js: SETTLED },
  });
  const workspace = JSON.parse(read(join(folder, 'package.json')));
  const doors = doorsOf(workspace).map(({ name }) => name);
  writeTypes(folder, dist, doors);
  for (const file of files.filter(isCopied)) {
    mkdirSync(dirname(join(dist, file)), { recursive: true });
    cpSync(join(folder, file), join(dist, file));
  }
  if (existsSync(join(dist, 'datasets', 'ionosphere.js'))) {
    const rows = inRoot('data', 'ionosphere', 'ionosphere.csv');
    cpSync(rows, join(dist, 'datasets', 'ionosphere.csv'));
  }
  cpSync(inRoot('LICENSE'), join(dist, 'LICENSE'));
  cpSync(inRoot('CHANGELOG.md'), join(dist, 'CHANGELOG.md'));
  const manifest = published(workspace);
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const door of doors) await writeEntryForImport(folder, dist, door);
  return { name: manifest.name, version: manifest.version, dist };
}

/**
 * The files of a workspace that belong into its package, by their paths in it. What is for the
 * course's page alone does not.
 *
 * @param {string} folder
 */
function filesOf(folder) {
  const isForeign = (/** @type {string} */ file) =>
    /^(browser|dist|node_modules)([/\\]|$)/.test(file);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => !isForeign(file) && !isForTests(file))
    .sort();
}

const isForTests = (/** @type {string} */ file) =>
  /\.test\.ts$|(^|[/\\])(testing\.ts$|op-table([/\\]|$)|fuzz([/\\]|$))/.test(file);
const isDeclaration = (/** @type {string} */ file) => file.endsWith('.d.ts');
const isModule = (/** @type {string} */ file) => file.endsWith('.ts') && !isDeclaration(file);
/** What is not compiled: declarations written by hand, commands, pages to read. */
const isCopied = (/** @type {string} */ file) =>
  isDeclaration(file) || file.endsWith('.md') || (file.startsWith('bin') && /\.[cm]js$/.test(file));

/**
 * @param {string} folder
 * @param {string} dist
 * @param {string[]} doors
 */
function writeTypes(folder, dist, doors) {
  const { config } = ts.readConfigFile(inRoot('tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, inRoot());
  const program = ts.createProgram(
    doors.map((door) => join(folder, `${door}.ts`)),
    {
      ...options,
      // The library as it was built: its sources are not a part of another package.
      ...(folder !== inRoot('lib') && {
        paths: {
          'implicit-lab': [`${inRoot('lib', 'dist')}/index.d.ts`],
          'implicit-lab/*': [`${inRoot('lib', 'dist')}/*.d.ts`],
        },
      }),
      typeRoots: [inRoot('node_modules', '@types')],
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      noEmitOnError: true,
      rootDir: folder,
      outDir: dist,
    },
  );
  const { diagnostics } = program.emit();
  const all = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (all.length > 0) {
    const host = {
      getCurrentDirectory: () => folder,
      getCanonicalFileName: (/** @type {string} */ file) => file,
      getNewLine: () => '\n',
    };
    throw new Error(ts.formatDiagnostics(all, host));
  }
}

/**
 * Writes the module that gives `import` the objects that `require` gives.
 *
 * @param {string} folder
 * @param {string} dist
 * @param {string} door
 */
async function writeEntryForImport(folder, dist, door) {
  const { metafile } = await build({
    entryPoints: [join(folder, `${door}.ts`)],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outdir: dist,
    write: false,
    metafile: true,
    logLevel: 'error',
  });
  const [output] = Object.values(metafile.outputs);
  const names = (output?.exports ?? []).sort();
  const code = [
    `import library from './${door}.js';`,
    `export const {\n${names.map((name) => `  ${name},\n`).join('')}} = library;`,
  ];
  writeFileSync(join(dist, `${door}.mjs`), `${code.join('\n')}\n`);
  writeFileSync(join(dist, `${door}.d.mts`), `export * from './${door}.js';\n`);
}

/**
 * The package.json of the package, from that of the workspace. `main` and `types` are next to
 * `exports` because a notebook's cell resolves packages the older way.
 *
 * @param {Record<string, any>} workspace its package.json
 * @returns {Record<string, any>}
 */
function published({ private: _, main, types, exports, imports, ...manifest }) {
  const doors = doorsOf({ main, exports }).map(({ door, name }) => [
    door,
    {
      import: { types: `./${name}.d.mts`, default: `./${name}.mjs` },
      require: { types: `./${name}.d.ts`, default: `./${name}.js` },
    },
  ]);
  return {
    ...manifest,
    engines: JSON.parse(readFileSync(inRoot('package.json'), 'utf8')).engines,
    type: 'commonjs',
    main: 'index.js',
    module: 'index.mjs',
    types: 'index.d.ts',
    exports: { ...Object.fromEntries(doors), './package.json': './package.json' },
    // The modules of the two homes, `#platform/…`, as they are called once compiled.
    ...(imports && { imports: JSON.parse(JSON.stringify(imports).replaceAll('.ts"', '.js"')) }),
  };
}

/**
 * What a program can import of a workspace: the name behind the package's, and the module.
 *
 * @param {{ main: string, exports?: Record<string, string> }} manifest
 * @returns {{ door: string, name: string }[]}
 */
function doorsOf({ main, exports = { '.': `./${main}` } }) {
  return Object.entries(exports)
    .filter(([, file]) => file.endsWith('.ts'))
    .map(([door, file]) => ({ door, name: file.slice('./'.length, -'.ts'.length) }));
}
