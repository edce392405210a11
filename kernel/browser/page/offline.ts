import { firstCell } from './first-cell';

/**
 * Loads what a kernel loads later, so that the service worker keeps it: then the page opens without a
 * network.
 *
 * @param scripts the URL of the kernel's folder; its `files.json` lists what a kernel loads.
 * @param site that of the root of the site.
 */
export async function keepForOffline(scripts: string, site: string): Promise<void> {
  if (!navigator.serviceWorker?.controller) return;
  await firstCell.over;
  const files: string[] = await (await fetch(`${scripts}files.json`)).json();
  for (const file of files) await (await fetch(`${scripts}${file}`)).arrayBuffer();
  // Without it, the next visit takes longer; that is all.
  await compileForNextVisit(site).catch((error) => console.warn('Not compiled:', error));
  document.documentElement.dataset.offline = 'ready';
}

/** Lets a second service worker be installed, which makes the browser keep compiled scripts; once for each build. */
async function compileForNextVisit(site: string): Promise<void> {
  // Other browsers keep no compiled code of what a service worker has put into a cache.
  if (!('userAgentData' in navigator)) return;
  const { installing } = await navigator.serviceWorker.register(`${site}compiled.js`, {
    scope: `${site}compiled/`,
  });
  if (!installing) return;
  await new Promise<void>((resolve) => {
    const isOver = () => installing.state !== 'installing' && resolve();
    installing.addEventListener('statechange', isOver);
    isOver();
  });
}
