import * as kernel from '../..';
import { namespaceOf } from '../../child/namespace';
import { absentModule } from '../absent';

/** The library for pages: `course/browser`. */
interface Library {
  initialize(options: { assets: string; directory: string }): Promise<void>;
  readonly library: object;
  readonly course: object;
  readonly tensorflow: object & { removeBackend(name: string): void };
}

const LIBRARY = new Set(['implicit-lab', 'implicit-lab-course', '@tensorflow/tfjs']);

/** The packages that cells of a page can import. */
export class PageModules {
  private readonly loaded = new Map<string, unknown>([['implicit-kernel', kernel]]);
  private loading: Promise<void> | undefined;

  /** @param assets the URL of the folder of the library for pages. */
  constructor(
    private readonly assets: string,
    private readonly directory: string,
  ) {}

  readonly require = (name: string): unknown => {
    if (this.loaded.has(name)) return this.loaded.get(name);
    throw new Error(
      LIBRARY.has(name)
        ? `In a page, ${name} is there once it was imported: write import … from '${name}'.`
        : absentModule(name),
    );
  };

  async import(name: string): Promise<unknown> {
    if (LIBRARY.has(name)) await this.loadLibrary();
    return this.require(name);
  }

  async dynamicImport(name: string): Promise<unknown> {
    return namespaceOf(await this.import(name));
  }

  /** Loads what the code of a cell imports; what it calls is then there from the beginning. */
  async prepare(code: string): Promise<void> {
    const named = [...LIBRARY].some(
      (name) => code.includes(`'${name}'`) || code.includes(`"${name}"`),
    );
    if (named) await this.loadLibrary();
  }

  private loadLibrary(): Promise<void> {
    this.loading ??= this.load().catch((error) => {
      this.loading = undefined;
      throw error;
    });
    return this.loading;
  }

  private async load(): Promise<void> {
    const { initialize, library, course, tensorflow }: Library = await import(
      `${this.assets}index.js`
    );
    // It would be the first choice of TensorFlow.js. Its products are float16 in places, and it reads
    // back slowly: as under Node.js, the choice is cpu until a cell asks for another backend.
    tensorflow.removeBackend('webgl');
    await initialize({ assets: this.assets, directory: this.directory });
    this.loaded.set('implicit-lab', asModule(library));
    this.loaded.set('implicit-lab-course', asModule(course));
    this.loaded.set('@tensorflow/tfjs', asModule(tensorflow));
  }
}

/** As CommonJS has it: TypeScript's own code asks for the mark. */
function asModule(module: object): object {
  return Object.assign(Object.create(null, { __esModule: { value: true } }), module);
}
