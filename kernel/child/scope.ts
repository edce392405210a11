import { Module } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from './json';
import type { NotebookModules } from './modules';
import { exportOf } from './namespace';

/** Holds the value of one name, as the property of that name. */
type Box = Record<string, unknown>;

/** What a cell tells of itself while it runs. */
export interface Progress {
  made(...names: string[]): void;
  result(value: unknown): void;
}

/** Runs the code of cells, which share their names. */
export class Scope {
  private readonly boxes = new Map<string, Box>();

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
    const module = new CompilableModule(filename);
    module.filename = filename;
    // Written by hand: a cell may have given all objects a `toJSON`.
    const source = stringify(pathToFileURL(filename).href);
    const map = `{"version":3,"sources":[${source}],"names":[],"mappings":"${cell.mappings}"}`;
    const url = `data:application/json;base64,${Buffer.from(map).toString('base64')}`;
    const code = `module.exports = async function (require, __cell__) {
${cell.code}
};
//# sourceMappingURL=${url}`;
    module._compile(code, filename);
    const { modules } = this;
    await module.exports(modules.require, {
      ...progress,
      box: (name: string) => this.box(name),
      meta: modules.meta,
      import: (name: unknown) => modules.dynamicImport(name),
      imports: async (name: string, names: Record<string, string>) => {
        const imported = await modules.import(name);
        for (const [local, exported] of Object.entries(names)) {
          this.bind(local, exportOf(imported, exported));
          progress.made(local);
        }
      },
    });
  }

  /** The names of all cells with their values, for a debugger. */
  variables(): Record<string, unknown> {
    const named = [...this.boxes].filter(([name, box]) => name in box);
    return Object.fromEntries(named.map(([name, box]) => [name, box[name]]));
  }

  /** A box without its value at first: the engine then takes its kind from the first one. */
  private box(name: string): Box {
    const box = this.boxes.get(name) ?? {};
    this.boxes.set(name, box);
    return box;
  }

  /** An export of a module that may change is read anew each time, until a cell redefines the name. */
  private bind(name: string, exported: ReturnType<typeof exportOf>): void {
    const box = this.box(name);
    const plain = { configurable: true, enumerable: true, writable: true };
    if ('value' in exported) {
      Object.defineProperty(box, name, { ...plain, value: exported.value });
      return;
    }
    Object.defineProperty(box, name, {
      configurable: true,
      enumerable: true,
      get: exported.get,
      set: (value) => Object.defineProperty(box, name, { ...plain, value }),
    });
  }
}

/** Node.js compiles a module through this method, which also reads the source map. */
interface Compilable {
  _compile(code: string, filename: string): void;
}

const CompilableModule = Module as unknown as new (id: string) => NodeModule & Compilable;
