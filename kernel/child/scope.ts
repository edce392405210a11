import { Module } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from './json';

/** Holds the value of one name, as the property of that name. */
type Box = Record<string, unknown>;

/** Runs the code of cells, which share their names. */
export class Scope {
  private readonly boxes = new Map<string, Box>();

  constructor(
    private readonly directory: string,
    private readonly require: NodeJS.Require,
  ) {}

  /**
   * Runs a cell.
   *
   * @param progress hears which names the cell has made and what its last expression gave.
   */
  async run(
    cell: { file: string; code: string; mappings: string },
    progress: { made(...names: string[]): void; result(value: unknown): void },
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
    const box = (name: string): Box => this.box(name);
    await module.exports(this.require, { ...importForms, ...progress, box });
  }

  /** A box without its value at first: the engine then takes its kind from the first one. */
  private box(name: string): Box {
    const box = this.boxes.get(name) ?? {};
    this.boxes.set(name, box);
    return box;
  }
}

/** Node.js compiles a module through this method, which also reads the source map. */
interface Compilable {
  _compile(code: string, filename: string): void;
}

const CompilableModule = Module as unknown as new (id: string) => NodeModule & Compilable;

/** What the forms of `import` make of a module, as TypeScript's esModuleInterop has it. */
const importForms = {
  named(module: Record<string, unknown>, name: string): unknown {
    if (name === 'default' && !module?.__esModule) return module;
    if (!(name in Object(module))) {
      throw new SyntaxError(`The imported module does not export '${name}'.`);
    }
    return module[name];
  },
  namespace(module: unknown): unknown {
    if (typeof module !== 'object' && typeof module !== 'function') return { default: module };
    if (module === null || (module as { __esModule?: boolean }).__esModule) return module;
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(module)) {
      Object.defineProperty(copy, key, {
        enumerable: true,
        get: () => (module as Record<string, unknown>)[key],
      });
    }
    copy.default = module;
    return copy;
  },
};
