import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';
import { inRoot, read } from '../paths.mjs';
import { SetupError } from '../step.mjs';

/*
 * The declarations that cells of a page need, in one file: what the compiler reads for a cell that
 * imports everything. The paths are those of kernel/browser/places.ts.
 */

const CELL = '/course/notebooks/cell.ts';
const PACKAGES = '/course/node_modules/';
/** The packages that are developed here, by their folders: their declarations are made beforehand. */
const OWN = { lib: 'implicit-lab', course: 'implicit-lab-course' };
const ownFolders = Object.values(OWN).map((name) => `${PACKAGES}${name}/`);
const LIBRARIES = [
  'webworker',
  'esnext.disposable',
  'decorators',
  'es2023',
  'es2024',
  'es2025.collection',
  'es2025.iterator',
].map((name) => `lib.${name}.d.ts`);

/** Cells may ask for variables of the environment; there are none. */
const GLOBALS = `
interface PageProcess { readonly env: Record<string, string | undefined> }
declare var process: PageProcess;
`;

/**
 * @param {string} file
 * @returns {{ files: number, bytes: number }}
 */
export function packTypes(file) {
  /** @type {Map<string, string>} */
  const made = new Map([
    [
      CELL,
      `import * as tf from '@tensorflow/tfjs';\nimport * as lab from 'implicit-lab';\nimport * as course from 'implicit-lab-course';\nexport { tf, lab, course };\n`,
    ],
    ['/kernel/compiler/globals.d.ts', globals() + GLOBALS],
    ...Object.keys(OWN).flatMap(declarationsOf),
  ]);
  /** @type {Record<string, string>} */
  const used = {};
  /** @param {string} path */
  const textOf = (path) => {
    const place = placeOf(path);
    return made.get(path) ?? (place && existsSync(place) ? readFileSync(place, 'utf8') : undefined);
  };
  const folders = new Set([...made.keys()].flatMap(foldersOf));
  /** @type {ts.CompilerHost} */
  const host = {
    fileExists: (path) => made.has(path) || isFile(placeOf(path)),
    readFile(path) {
      const text = textOf(path);
      if (text !== undefined) used[path] = shortened(path, text);
      return text;
    },
    directoryExists: (path) => folders.has(path) || existsSync(placeOf(`${path}/`) ?? ''),
    getSourceFile(path, version) {
      const text = host.readFile(path);
      return text === undefined ? undefined : ts.createSourceFile(path, text, version);
    },
    getDefaultLibFileName: () => '/typescript/lib.d.ts',
    getDefaultLibLocation: () => '/typescript',
    getCurrentDirectory: () => '/course/notebooks',
    getCanonicalFileName: (path) => path,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    getDirectories: () => [],
    realpath: (path) => path,
    writeFile() {},
  };
  const program = ts.createProgram(
    [CELL, '/kernel/index.ts', '/kernel/compiler/globals.d.ts'],
    {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Preserve,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      esModuleInterop: true,
      strict: true,
      skipLibCheck: true,
      noEmit: true,
      lib: LIBRARIES,
      types: [],
    },
    host,
  );
  const cell = program.getSourceFile(CELL);
  const [wrong] = program.getSemanticDiagnostics(cell);
  if (wrong) throw new SetupError(ts.flattenDiagnosticMessageText(wrong.messageText, ' '));
  delete used[CELL];
  const json = JSON.stringify(used);
  writeFileSync(file, gzipSync(json, { level: 9 }));
  return { files: Object.keys(used).length, bytes: json.length };
}

/**
 * Where a file of the archive comes from.
 *
 * @param {string} path
 */
function placeOf(path) {
  if (ownFolders.some((folder) => path.startsWith(folder))) return undefined;
  if (path.startsWith(PACKAGES)) return inRoot('node_modules', path.slice(PACKAGES.length));
  if (path.startsWith('/typescript/'))
    return inRoot('node_modules', 'typescript', 'lib', path.slice('/typescript/'.length));
  if (path.startsWith('/kernel/')) return inRoot('kernel', path.slice('/kernel/'.length));
  return undefined;
}

/** @param {string | undefined} place */
const isFile = (place) => place !== undefined && /\.\w+$/.test(place) && existsSync(place);

/** @param {string} path */
const foldersOf = (path) =>
  [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index)).filter(Boolean);

/** The dialogs; what Node.js adds for itself follows them in some versions of the file. */
function globals() {
  const [dialogs = ''] = read(inRoot('kernel', 'compiler', 'globals.d.ts')).split(
    '/*\n * What every Node.js has',
  );
  return dialogs;
}

/**
 * The declarations of a package that is developed here, and its manifest, by their paths.
 *
 * @param {string} folder
 * @returns {[path: string, text: string][]}
 */
function declarationsOf(folder) {
  const manifest = JSON.parse(read(inRoot(folder, 'package.json')));
  const { name } = manifest;
  const texts = read(inRoot('node_modules', '.cache', 'implicit-kernel', `${name}.json`));
  if (texts === '') throw new SetupError(`The declarations of ${name} are missing.`);
  const root = `${PACKAGES}${name}/`;
  manifest.imports = { '#platform/*': './platform/node/*.d.ts' };
  manifest.exports = JSON.parse(JSON.stringify(manifest.exports).replaceAll('.ts"', '.d.ts"'));
  manifest.types = 'index.d.ts';
  return [
    [`${root}package.json`, JSON.stringify(manifest)],
    ...Object.entries(JSON.parse(texts).declarations).map(
      ([path, text]) =>
        /** @type {[string, string]} */ ([root + path.replace(/\.ts$/, '.d.ts'), text]),
    ),
  ];
}

/** What the compiler reads of a package.json, and the kernel: see kernel/compiler/moved.ts. */
const READ_FIELDS = [
  ...['name', 'version', 'type', 'types', 'typings', 'main', 'exports', 'imports'],
  'implicit-kernel',
];

/**
 * Without what the compiler does not look at.
 *
 * @param {string} path
 * @param {string} text
 */
function shortened(path, text) {
  if (path.endsWith('.json')) {
    const manifest = JSON.parse(text);
    return JSON.stringify(Object.fromEntries(READ_FIELDS.map((name) => [name, manifest[name]])));
  }
  return text
    .replace(/\/\/# sourceMappingURL=.*/g, '')
    .replace(/^\/\*\*?\s*\n \* @license[\s\S]*?\*\//, '');
}
