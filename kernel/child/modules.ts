import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';
import { display } from './display';
import type { Bundle } from './messages';

const here = createRequire(__filename);

/** `require` as the cells of a notebook in `directory` see it. */
export function notebookRequire(directory: string): NodeJS.Require {
  provideTslab();
  return createRequire(join(directory, 'notebook.ts'));
}

type Load = (request: string, parent: unknown, isMain: boolean) => unknown;

/**
 * Makes `tslab` importable everywhere, with its `display` connected to this kernel. The compiler
 * that tslab would load with it is left out: this process does not compile.
 */
function provideTslab(): void {
  const modules = Module as unknown as { _load: Load };
  const load = modules._load;
  let tslab: unknown;
  modules._load = (request, parent, isMain) => {
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
