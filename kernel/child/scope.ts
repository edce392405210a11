import { Module } from 'node:module';
import { join } from 'node:path';

/** Runs the code of cells, which all share one object of names. */
export class Scope {
  private readonly names: Record<string, unknown> = {};

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
    cell: { id: number; code: string; mappings: string },
    progress: { made(...names: string[]): void; result(value: unknown): void },
  ): Promise<void> {
    const filename = join(this.directory, `cell-${cell.id}.ts`);
    const module = new CompilableModule(filename);
    module.filename = filename;
    const map = { version: 3, sources: [filename], names: [], mappings: cell.mappings };
    const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`;
    const code = `module.exports = async function (exports, require, __cell__) {
${cell.code}
};
//# sourceMappingURL=${url}`;
    module._compile(code, filename);
    await module.exports(this.names, this.require, { ...importForms, ...progress });
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
