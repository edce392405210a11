import { startEarly } from './early-compiler';
import { figures, type RendererRegistry } from './figures';
import { PageKernel } from './kernel';
import {
  type Application,
  type KernelClient,
  type KernelSpecs,
  type NotebookTracker,
  partOf,
  type ShareScope,
} from './lite';
import { makeRoom } from './narrow';
import { warnWhereNothingIsKept } from './nothing-kept';
import { keepForOffline } from './offline';
import { takeUnchangedSettings } from './settings';
import { NewVersions, offerNewBuild } from './updates';

/**
 * The extension of JupyterLite that brings the kernel, and its container of module federation: a
 * script that puts `init` and `get` where JupyterLab looks for them.
 */

/** The build fills these in. */
declare const KERNEL_VERSION: string;
declare const TYPESCRIPT_VERSION: string;

const NAME = 'implicit-kernel';

const SPEC = {
  name: NAME,
  display_name: 'TypeScript',
  language: 'typescript',
  argv: [],
  resources: {},
};

let shared: ShareScope = {};

async function extension(): Promise<() => object> {
  takeUnchangedSettings(await partOf(shared, '@jupyterlab/settingregistry'));
  const plugins = await Promise.all([kernel(), drawing(), news()]);
  return () => ({ __esModule: true, default: plugins });
}

type Here = (option: string) => string;

/** The URLs that the page is configured with, with a slash at their ends. */
async function configured(): Promise<{ here: Here; option: Here }> {
  const { PageConfig } = await partOf(shared, '@jupyterlab/coreutils');
  const option = (name: string): string => PageConfig.getOption(name);
  const here = (name: string): string =>
    new URL(option(name), location.href).href.replace(/\/?$/, '/');
  return { here, option };
}

async function kernel(): Promise<object> {
  const [{ IKernelSpecs, IKernelClient }, { Signal }, { here }] = await Promise.all([
    partOf(shared, '@jupyterlite/services'),
    partOf(shared, '@lumino/signaling'),
    configured(),
  ]);
  return {
    id: `${NAME}:kernel`,
    description: 'The kernel "TypeScript"',
    autoStart: true,
    requires: [IKernelSpecs, IKernelClient],
    activate(_app: unknown, specs: KernelSpecs, client: KernelClient) {
      const scripts = `${here('fullLabextensionsUrl')}${NAME}/static/`;
      const places = { scripts, library: `${scripts}library/`, site: here('baseUrl') };
      const versions = { version: KERNEL_VERSION, typescript: TYPESCRIPT_VERSION };
      specs.register({
        spec: SPEC,
        create: async (options) =>
          new PageKernel(options, places, versions, (sender) => new Signal(sender)),
      });
      passInterrupts(client);
      // Without it, the course needs the network; that is all.
      keepForOffline(scripts, places.site).catch((error) =>
        console.warn('Not kept for offline:', error),
      );
    },
  };
}

/** Figures, by plotly's extension, which the build has taken from those that JupyterLab loads itself. */
async function drawing(): Promise<object> {
  const [widgets, { IRenderMimeRegistry }, { here, option }] = await Promise.all([
    partOf(shared, '@lumino/widgets'),
    partOf(shared, '@jupyterlab/rendermime'),
    configured(),
  ]);
  return {
    id: `${NAME}:figures`,
    description: 'Draws figures by plotly',
    autoStart: true,
    requires: [IRenderMimeRegistry],
    activate(_app: unknown, registry: RendererRegistry) {
      const url = here('fullLabextensionsUrl') + option('plotlyExtension');
      registry.addFactory(figures(widgets, url, shared), 0);
    },
  };
}

/** What the page itself tells and does: new builds of the site and new versions of notebooks, room where it is narrow. */
async function news(): Promise<object> {
  const [parts, { INotebookTracker }, { here }] = await Promise.all([
    partOf(shared, '@jupyterlab/apputils'),
    partOf(shared, '@jupyterlab/notebook'),
    configured(),
  ]);
  return {
    id: `${NAME}:news`,
    description:
      'Tells of new versions of the course, and of a browser that keeps nothing; makes room',
    autoStart: true,
    requires: [INotebookTracker],
    activate(app: Application, tracker: NotebookTracker) {
      makeRoom(app, tracker);
      const versions = new NewVersions(app, here('baseUrl'), parts);
      const offer = (panel: Parameters<NewVersions['offer']>[0]) => void versions.offer(panel);
      tracker.forEach(offer);
      tracker.widgetAdded.connect((_sender, panel) => offer(panel));
      warnWhereNothingIsKept(parts);
      offerNewBuild(app, parts).catch((error) => console.warn('No news of the course:', error));
    },
  };
}

/** JupyterLite itself drops the cells that wait, and leaves the one alone that runs. */
function passInterrupts(client: KernelClient): void {
  const interrupt = client.interrupt.bind(client);
  client.interrupt = async (id) => {
    const kernel = await client.getModel(id);
    if (kernel instanceof PageKernel) kernel.interrupt();
    else await interrupt(id);
  };
}

const { currentScript } = document;
if (currentScript instanceof HTMLScriptElement) startEarly(new URL('.', currentScript.src).href);

const page = globalThis as { _JUPYTERLAB?: Record<string, object> };
page._JUPYTERLAB ??= {};
page._JUPYTERLAB[NAME] = {
  init(scope: ShareScope) {
    shared = scope;
  },
  get: () => extension(),
};
