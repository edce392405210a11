import { Boxes, type Progress } from '../../child/boxes';
import { NOTEBOOKS } from '../places';
import type { PageModules } from './modules';
import { rememberMap, scriptOf } from './traces';

/** Runs the code of cells, which share their names. */
export class Scope {
  readonly boxes = new Boxes();

  constructor(private readonly modules: PageModules) {}

  async run(
    { file, code, mappings }: { file: string; code: string; mappings: string },
    progress: Progress,
  ): Promise<void> {
    const { boxes, modules } = this;
    rememberMap(file, mappings);
    // One line before the code, as its map has it.
    const made = `(function (require, __implicit_cell__) {\n${code}\n})\n//# sourceURL=${scriptOf(file)}`;
    // biome-ignore lint/security/noGlobalEval: this is what a kernel is for
    const cell: (...values: unknown[]) => Promise<void> = globalThis.eval(made);
    await cell(modules.require, {
      ...progress,
      box: (name: string) => boxes.box(name),
      meta: { url: `${NOTEBOOKS}/notebook.ts` },
      import: (name: unknown) => modules.dynamicImport(String(name)),
      imports: async (name: string, names: Record<string, string>) => {
        boxes.import(await modules.import(name), names);
        progress.made(...Object.keys(names));
      },
    });
  }
}
