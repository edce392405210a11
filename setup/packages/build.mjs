import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { inRoot, read } from '../paths.mjs';

const require = createRequire(import.meta.url);

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
  });
  writeTypes(folder, dist);
  for (const file of files.filter(isCopied)) {
    mkdirSync(dirname(join(dist, file)), { recursive: true });
    cpSync(join(folder, file), join(dist, file));
  }
  if (existsSync(join(dist, 'datasets'))) {
    const rows = inRoot('data', 'ionosphere', 'ionosphere.csv');
    cpSync(rows, join(dist, 'datasets', 'ionosphere.csv'));
  }
  cpSync(inRoot('LICENSE'), join(dist, 'LICENSE'));
  cpSync(inRoot('CHANGELOG.md'), join(dist, 'CHANGELOG.md'));
  const manifest = published(JSON.parse(read(join(folder, 'package.json'))));
  // Before the entry, for which the package is loaded: `#platform/…` leads where this file says.
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeEntryForImport(dist);
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
 */
function writeTypes(folder, dist) {
  const { config } = ts.readConfigFile(inRoot('tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, inRoot());
  const program = ts.createProgram([join(folder, 'index.ts')], {
    ...options,
    typeRoots: [inRoot('node_modules', '@types')],
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    noEmitOnError: true,
    rootDir: folder,
    outDir: dist,
  });
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

/** @param {string} dist */
function writeEntryForImport(dist) {
  const names = Object.keys(require(join(dist, 'index.js'))).sort();
  const code = [
    "import library from './index.js';",
    `export const {\n${names.map((name) => `  ${name},\n`).join('')}} = library;`,
  ];
  writeFileSync(join(dist, 'index.mjs'), `${code.join('\n')}\n`);
  writeFileSync(join(dist, 'index.d.mts'), "export * from './index.js';\n");
}

/** What the library uses where it is installed: OpenBLAS through koffi, a GPU through webgpu. */
const optionalPeers = ['koffi', 'webgpu'];

/**
 * The package.json of the package, from that of the workspace. `main` and `types` stand beside
 * `exports` because a notebook's cell resolves packages the older way.
 *
 * TensorFlow.js keeps its engine in a global, and the library repairs that very version of it: it
 * belongs to the program that uses both, and its version is exact.
 *
 * @param {Record<string, any>} workspace its package.json
 * @returns {Record<string, any>}
 */
function published({ private: _, main, types, imports, ...manifest }) {
  const dependencies = { ...manifest.dependencies };
  /** @type {Record<string, string>} */
  const peerDependencies = {};
  for (const name of ['@tensorflow/tfjs', ...optionalPeers]) {
    if (!(name in dependencies)) continue;
    peerDependencies[name] = dependencies[name];
    delete dependencies[name];
  }
  const optional = optionalPeers.filter((name) => name in peerDependencies);
  return {
    ...manifest,
    engines: JSON.parse(readFileSync(inRoot('package.json'), 'utf8')).engines,
    type: 'commonjs',
    main: 'index.js',
    module: 'index.mjs',
    types: 'index.d.ts',
    exports: {
      '.': {
        import: { types: './index.d.mts', default: './index.mjs' },
        require: { types: './index.d.ts', default: './index.js' },
      },
      './package.json': './package.json',
    },
    // The modules of the two homes, `#platform/…`, as they are called once compiled.
    ...(imports && { imports: JSON.parse(JSON.stringify(imports).replaceAll('.ts"', '.js"')) }),
    dependencies,
    ...(Object.keys(peerDependencies).length > 0 && { peerDependencies }),
    ...(optional.length > 0 && {
      peerDependenciesMeta: Object.fromEntries(optional.map((name) => [name, { optional: true }])),
    }),
  };
}
