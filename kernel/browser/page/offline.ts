/** The cache of JupyterLite's service worker. */
const CACHE = 'precache';

/** Until then the first cell has the line for itself. */
const AFTER_MS = 5000;

/**
 * Keeps what this page has loaded, and what a kernel loads later, so that it opens without a network.
 *
 * JupyterLite's service worker keeps what goes through it; the first page of a visit is loaded before
 * it is there.
 *
 * @param scripts the URL of the kernel's folder; its `files.json` lists what a kernel loads.
 */
export async function keepForOffline(scripts: string): Promise<void> {
  if (!('serviceWorker' in navigator) || !('caches' in globalThis)) return;
  await navigator.serviceWorker.ready;
  await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
  const files: string[] = await (await fetch(`${scripts}files.json`)).json();
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
  const wanted = [location.href, ...loaded, ...files.map((file) => `${scripts}${file}`)];
  const own = wanted.filter((url) => url.startsWith(location.origin));
  const cache = await caches.open(CACHE);
  for (const url of new Set(own)) {
    if (!(await cache.match(url))) await cache.add(url).catch(() => {});
  }
  document.documentElement.dataset.offline = 'ready';
}
