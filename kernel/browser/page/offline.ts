import { firstCell } from './first-cell';

/**
 * Loads what a kernel loads later, so that the service worker keeps it: then the page opens without a
 * network.
 *
 * @param scripts the URL of the kernel's folder; its `files.json` lists what a kernel loads.
 */
export async function keepForOffline(scripts: string): Promise<void> {
  if (!navigator.serviceWorker?.controller) return;
  await firstCell.over;
  const files: string[] = await (await fetch(`${scripts}files.json`)).json();
  for (const file of files) await (await fetch(`${scripts}${file}`)).arrayBuffer();
  document.documentElement.dataset.offline = 'ready';
}
