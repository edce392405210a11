import type { LiteMessage } from './channels';

/** What this extension uses of JupyterLite and JupyterLab, which the page itself has. */

export interface KernelOptions {
  id: string;
  name: string;
  /** The folder of the notebook, behind the name of its drive. */
  location: string;
  sendMessage(message: object): void;
}

/** JupyterLite's view of a kernel. */
export interface LiteKernel {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly ready: Promise<void>;
  readonly isDisposed: boolean;
  readonly disposed: Signal;
  handleMessage(message: LiteMessage): Promise<void>;
  dispose(): void;
}

export interface Signal {
  emit(value: undefined): void;
}

export interface KernelSpecs {
  register(options: { spec: object; create(options: KernelOptions): Promise<LiteKernel> }): void;
}

export interface KernelClient {
  interrupt(id: string): Promise<void>;
  getModel(id: string): Promise<unknown>;
}

/** JupyterLab, as far as it is asked here. */
export interface Application {
  readonly shell: { collapseLeft?(): void };
  commands: { execute(id: string, options?: object): Promise<unknown> };
  serviceManager: {
    contents: {
      get(path: string, options: object): Promise<object>;
      save(path: string, file: object): Promise<object>;
    };
  };
}

/** A notebook that is open. */
export interface NotebookPanel {
  context: { path: string; ready: Promise<void> };
  content: { model: { getMetadata(key: string): unknown } | null };
}

export interface NotebookTracker {
  widgetAdded: { connect(hear: (sender: unknown, panel: NotebookPanel) => void): void };
  forEach(each: (panel: NotebookPanel) => void): void;
}

/** A widget with others in it. */
interface Panel {
  readonly node: HTMLElement;
  readonly isDisposed: boolean;
  addWidget(widget: object): void;
}

interface Notice {
  autoClose: false;
  actions: { label: string; callback(): void }[];
}

/** A JSON schema, as far as it says what to add where something is left out. */
export interface Schema {
  $ref?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema | Schema[];
  allOf?: Schema[];
  definitions?: Record<string, Schema>;
}

/** What JupyterLab knows of the settings of one of its parts. */
interface Settings {
  /** What its user has set, as text. */
  raw: string;
  schema: Schema;
  data: { composite: object; user: object };
}

/** How JupyterLab checks settings, and adds what is left out. */
export interface SchemaValidator {
  validateData(settings: Settings, populate?: boolean): unknown;
}

/** The modules of the page, by the names of their packages. */
export interface PageParts {
  '@jupyterlab/apputils': { Notification: { info(text: string, options: Notice): void } };
  '@jupyterlab/notebook': { INotebookTracker: object };
  '@jupyterlab/rendermime': { IRenderMimeRegistry: object };
  '@jupyterlab/settingregistry': { DefaultSchemaValidator: { prototype: SchemaValidator } };
  '@lumino/widgets': { Panel: new () => Panel };
  '@jupyterlite/services': { IKernelSpecs: object; IKernelClient: object };
  '@jupyterlab/coreutils': { PageConfig: { getOption(name: string): string } };
  '@lumino/signaling': { Signal: new (sender: object) => Signal };
}

/** How JupyterLab shares its modules with extensions: by package and version (module federation). */
export type ShareScope = Record<string, Record<string, { get(): Promise<() => unknown> }>>;

/** A module that the page shares. */
export async function partOf<Name extends keyof PageParts>(
  scope: ShareScope,
  name: Name,
): Promise<PageParts[Name]> {
  const [version] = Object.values(scope[name] ?? {});
  if (!version) throw new Error(`This JupyterLite does not share ${name}.`);
  return (await version.get())() as PageParts[Name];
}
