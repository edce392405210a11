import { PageKernel } from './kernel';
import { type KernelClient, type KernelSpecs, partOf, type ShareScope } from './lite';
import { keepForOffline } from './offline';

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
  const [{ IKernelSpecs, IKernelClient }, { PageConfig }, { Signal }] = await Promise.all([
    partOf(shared, '@jupyterlite/services'),
    partOf(shared, '@jupyterlab/coreutils'),
    partOf(shared, '@lumino/signaling'),
  ]);
  const plugin = {
    id: `${NAME}:kernel`,
    description: 'The kernel "TypeScript"',
    autoStart: true,
    requires: [IKernelSpecs, IKernelClient],
    activate(_app: unknown, specs: KernelSpecs, client: KernelClient) {
      const here = (option: string): string =>
        new URL(PageConfig.getOption(option), location.href).href.replace(/\/?$/, '/');
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
      keepForOffline(scripts).catch((error) => console.warn('Not kept for offline:', error));
    },
  };
  return () => ({ __esModule: true, default: [plugin] });
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

const page = globalThis as { _JUPYTERLAB?: Record<string, object> };
page._JUPYTERLAB ??= {};
page._JUPYTERLAB[NAME] = {
  init(scope: ShareScope) {
    shared = scope;
  },
  get: () => extension(),
};
