import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createRequire, isBuiltin, Module } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as own from '../..';
import { display } from '../../child/display';
import type { Bundle } from '../../child/messages';
import { namespaceOf } from '../../child/namespace';
import { NATIVE, RESOLVER, ROOT } from '../paths';
import type { FreshModules } from './fresh-modules';

const here = createRequire(join(ROOT, 'package.json'));

/** Node.js' own `import()`, whatever has compiled this file. */
const { load }: { load(url: string): Promise<Record<string, unknown>> } = here(NATIVE);

type Resolve = (name: string, parent: string) => string;
type Namespace = Record<string, unknown>;

/** How TypeScript and JavaScript that is an ES module is loaded, so that an edit can be read again. */
interface Loader {
  import(url: string, parent: string): Promise<Namespace>;
  unregister(): Promise<void>;
}

type Register = (options: { namespace: string; onImport(url: string): void }) => Loader;

/**
 * Modules as the cells of a notebook see them. ES modules are imported as such; CommonJS, and what
 * tsx makes of TypeScript that does not say that it is one, is required.
 */
export class NotebookModules {
  readonly require: NodeJS.Require;
  /** `import.meta` in a cell. */
  readonly meta: Readonly<Record<string, unknown>>;
  private readonly parent: string;
  private paths: Readonly<Record<string, string>> = {};
  private resolve: Resolve | undefined;
  private loader: Loader | undefined;
  private count = 0;

  constructor(
    directory: string,
    private readonly fresh: FreshModules,
  ) {
    provideOwnPackages();
    const filename = join(directory, 'notebook.ts');
    this.require = createRequire(filename);
    this.parent = pathToFileURL(filename).href;
    this.meta = Object.assign(Object.create(null), {
      dirname: directory,
      filename,
      url: this.parent,
      resolve: (name: string) => {
        const file = this.fileOf(name);
        if (file !== undefined) return pathToFileURL(file).href;
        return isBuiltin(name) && !name.startsWith('node:') ? `node:${name}` : name;
      },
    });
  }

  /** Lets what was edited be read again, before a cell that imports. */
  refresh(paths: Readonly<Record<string, string>> = {}): void {
    this.paths = paths;
    if (!this.fresh.refresh()) return;
    void this.loader?.unregister();
    this.loader = undefined;
  }

  /** The module that `import name` means in a cell: an ES module, or what `module.exports` is. */
  async import(name: string): Promise<unknown> {
    const file = this.fileOf(name);
    if (file === undefined) return this.require(name);
    if (!isESModule(file)) {
      try {
        return this.require(file);
      } catch (error) {
        if (!needsImport(error)) throw error;
      }
    }
    const url = pathToFileURL(file).href;
    try {
      if (file.includes('/node_modules/') && /\.m?js$/.test(file)) return await load(url);
      const loader = await this.ownLoader();
      return await loader.import(url, this.parent);
    } catch (error) {
      if (error instanceof SyntaxError) tellPlace(error, file);
      throw error;
    }
  }

  /** What `await import(name)` gives in a cell. */
  async dynamicImport(name: unknown): Promise<unknown> {
    return namespaceOf(await this.import(String(name)));
  }

  /** Finds the resolver of ES modules, which has to be imported. To be awaited before `import`. */
  async prepare(): Promise<void> {
    this.resolve ??= (await load(pathToFileURL(RESOLVER).href)).default as Resolve;
  }

  private fileOf(given: string): string | undefined {
    const name = this.paths[given] ?? given;
    if (isBuiltin(name) || OWN_PACKAGES.has(name)) return undefined;
    try {
      const url = this.resolve!(name, this.parent);
      const file = url.startsWith('file:') ? fileURLToPath(url) : undefined;
      if (file && statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
    } catch {
      // Without its extension, say, as CommonJS and TypeScript have it.
    }
    return this.require.resolve(name);
  }

  private async ownLoader(): Promise<Loader> {
    if (this.loader) return this.loader;
    const api = join(dirname(here.resolve('tsx/package.json')), 'dist', 'esm', 'api', 'index.mjs');
    const { register } = await load(pathToFileURL(api).href);
    this.loader = (register as Register)({
      namespace: `notebook-${++this.count}`,
      onImport: (url) => {
        if (url.startsWith('file:')) this.fresh.note(fileURLToPath(url.replace(/\?.*$/, '')));
      },
    });
    return this.loader;
  }
}

/** By its ending, or by the nearest `package.json`. */
function isESModule(file: string): boolean {
  const ending = extname(file);
  if (ending === '.mjs' || ending === '.mts') return true;
  if (ending !== '.js' && ending !== '.ts' && ending !== '.tsx' && ending !== '.jsx') return false;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    try {
      const { type } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      return type === 'module';
    } catch {
      if (folder === dirname(folder)) return false;
    }
  }
}

/** Node.js prints where a JavaScript module is malformed only when it exits, not in the error. */
function tellPlace(error: SyntaxError, file: string): void {
  if (!error.stack?.startsWith('SyntaxError') || !/\.m?js$/.test(file)) return;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const given = { encoding: 'utf8', timeout: 5000, env, windowsHide: true } as const;
  const { stderr } = spawnSync(process.execPath, ['--check', file], given);
  const [place, found] = stderr?.split(/^SyntaxError/m) ?? [];
  if (found !== undefined) error.stack = `${place!.trimEnd()}\n\n${error.stack}`;
}

/** Whether CommonJS cannot load it: it awaits at its top, or holds an ES module that does. */
function needsImport(error: unknown): boolean {
  const { code, message = '' } = error as { code?: string; message?: string };
  return (
    code === 'ERR_REQUIRE_ESM' ||
    code === 'ERR_REQUIRE_ASYNC_MODULE' ||
    /Top-level await is currently not supported with the "cjs" output format/.test(message)
  );
}

/** What the kernel brings along, wherever it runs. */
const OWN_PACKAGES = new Set(['implicit-kernel', 'tslab']);

type Load = (request: string, parent: unknown, isMain: boolean) => unknown;

/**
 * Makes `implicit-kernel` importable everywhere, and `tslab` with its `display` connected to this
 * kernel. The compiler that tslab would load with it is left out: this process does not compile.
 */
function provideOwnPackages(): void {
  const modules = Module as typeof Module & { _load: Load };
  const load = modules._load;
  let tslab: unknown;
  modules._load = (request, parent, isMain) => {
    if (request === 'implicit-kernel') return own;
    if (request !== 'tslab') return load(request, parent, isMain);
    tslab ??= loadTslab();
    return tslab;
  };
}

function loadTslab(): unknown {
  const main = here.resolve('tslab');
  const fork = createRequire(main).resolve('@tslab/typescript-for-tslab');
  const stand = new Module(fork);
  stand.loaded = true;
  stand.exports = { version: here('typescript/package.json').version, sys: {} };
  here.cache[fork] = stand;
  const tslab = here(main);
  here(join(dirname(main), 'jupyter.js')).lastWriteDisplayData = (
    bundle: Bundle,
    update: boolean,
  ) => display(bundle, update);
  return tslab;
}
