import type { Application, NotebookPanel, PageParts } from './lite';

/**
 * What a new build of the site means to a learner: they are notified, and switch to it when they want to. Their
 * notebooks stay as they are. The site's own version of one is offered as another file.
 */

/** What the build has put into the metadata of each notebook, and into `versions.json`. */
interface Stamp {
  version?: string;
}
type Versions = Record<string, string>;

const UPDATED = 'This course has been updated. What you have written stays as it is.';

/**
 * Tells that there is a new build, once its files are here, and goes over to it. A tab next to the one in which the
 * reader has done so is told as well: the files of its own build are gone.
 */
export async function offerNewBuild(
  app: Application,
  { Notification }: PageParts['@jupyterlab/apputils'],
): Promise<void> {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  const registration = await serviceWorker.ready;
  const offer = (text: string, callback: () => void) =>
    Notification.info(text, { autoClose: false, actions: [{ label: 'Reload', callback }] });
  const reload = async () => {
    // A page with something that is not saved asks its reader whether to leave it.
    await app.commands.execute('docmanager:save-all').catch(() => {});
    location.reload();
  };
  let wasHere = serviceWorker.controller !== null;
  let isWanted = false;
  serviceWorker.addEventListener('controllerchange', () => {
    if (isWanted) void reload();
    else if (wasHere) offer(`${UPDATED} Another tab has gone over to the new version.`, reload);
    wasHere = true;
  });
  const offerWaiting = () => {
    const { waiting } = registration;
    if (!waiting || !serviceWorker.controller) return;
    offer(UPDATED, () => {
      isWanted = true;
      waiting.postMessage('take over');
    });
  };
  offerWaiting();
  registration.addEventListener('updatefound', () => {
    const { installing } = registration;
    installing?.addEventListener('statechange', () => {
      if (installing.state === 'installed') offerWaiting();
    });
  });
}

/** Offers what the site has now to a learner who opens a notebook that was made from an earlier version. */
export class NewVersions {
  private readonly versions: Promise<Versions>;

  /** @param site the URL of its root, with a slash at its end. */
  constructor(
    private readonly app: Application,
    private readonly site: string,
    private readonly parts: PageParts['@jupyterlab/apputils'],
  ) {
    this.versions = fetch(`${site}versions.json`)
      .then((response) => (response.ok ? response.json() : {}))
      .catch(() => ({}));
  }

  async offer({ context, content }: NotebookPanel): Promise<void> {
    await context.ready;
    const { path } = context;
    const version = (await this.versions)[path];
    const { version: mine } = (content.model?.getMetadata('site') ?? {}) as Stamp;
    if (version === undefined || mine === version) return;
    if (localStorage.getItem(this.keyOf(path)) === version) return;
    this.parts.Notification.info(
      `The course has a new version of ${path}. Yours is kept as it is.`,
      {
        autoClose: false,
        actions: [{ label: 'Open the new one', callback: () => void this.open(path, version) }],
      },
    );
  }

  /** Opens the site's version, as a separate file next to the learner's. */
  private async open(path: string, version: string): Promise<void> {
    const { contents } = this.app.serviceManager;
    const content = await (await fetch(`${this.site}files/${path}`)).json();
    const name = await this.freeName(path);
    await contents.save(name, { type: 'notebook', format: 'json', content });
    localStorage.setItem(this.keyOf(path), version);
    await this.app.commands.execute('docmanager:open', { path: name });
  }

  private async freeName(path: string): Promise<string> {
    const { contents } = this.app.serviceManager;
    for (let i = 1; ; i++) {
      const name = path.replace(/\.ipynb$/, `-new${i === 1 ? '' : `-${i}`}.ipynb`);
      const isTaken = await contents.get(name, { content: false }).then(
        () => true,
        () => false,
      );
      if (!isTaken) return name;
    }
  }

  private readonly keyOf = (path: string): string => `${this.site}${path}: new version opened`;
}
