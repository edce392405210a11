import { Module } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Boxes, type Progress } from '../../child/boxes';
import { stringify } from '../../child/json';
import type { NotebookModules } from './modules';

/** Runs the code of cells, which share their names. */
export class Scope {
  readonly boxes = new Boxes();
  /** Node.js forgets the source map of a module that is collected, and functions of a cell throw long after it. */
  private readonly withMaps: NodeModule[] = [];

  constructor(
    private readonly directory: string,
    private readonly modules: NotebookModules,
  ) {}

  /**
   * Runs a cell.
   *
   * @param progress hears which names the cell has made and what its last expression gave.
   */
  async run(
    cell: { file: string; code: string; mappings: string },
    progress: Progress,
  ): Promise<void> {
    const filename = join(this.directory, cell.file);
    const module = new Module(filename) as NodeModule & Compilable;
    module.filename = filename;
    module.paths = this.modules.require.resolve.paths('_') ?? [];
    // Written by hand: a cell may have given all objects a `toJSON`.
    const source = stringify(pathToFileURL(filename).href);
    const map = `{"version":3,"sources":[${source}],"names":[],"mappings":"${cell.mappings}"}`;
    const url = `data:application/json;base64,${Buffer.from(map).toString('base64')}`;
    const code = `module.exports = async function (require, __implicit_cell__) {
${cell.code}
};
//# sourceMappingURL=${url}`;
    module._compile(code, filename);
    this.withMaps.push(module);
    const { modules, boxes } = this;
    // As in an ES module, `this` is nothing.
    const run: typeof module.exports = module.exports;
    module.exports = undefined;
    await run(modules.require, {
      ...progress,
      box: (name: string) => boxes.box(name),
      meta: modules.meta,
      import: (name: unknown) => modules.dynamicImport(name),
      imports: async (name: string, names: Record<string, string>) => {
        boxes.import(await modules.import(name), names);
        progress.made(...Object.keys(names));
      },
    });
  }
}

/** Node.js compiles a module through this method, which also reads the source map. */
interface Compilable {
  _compile(code: string, filename: string): void;
}
