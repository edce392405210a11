import { type Build, cacheOf } from './files';

/**
 * A second service worker, for whose installation alone it exists. Chromium keeps the compiled code, all of it, of a
 * script that is put into a cache while a service worker is installed, if the answer came from the host as it is, not
 * unpacked by a program. So what the first visit has loaded is loaded again, unpacked, once the reader has an
 * answer; later visits need not compile it. Workers do not use such code.
 */

declare const BUILD: Build;

/** What TypeScript's types of a page do not have. */
interface Installing extends Event {
  waitUntil(work: Promise<unknown>): void;
}

/** Scripts for workers, and plotly, which is larger than JupyterLab and not needed to show a lesson. */
const LEFT_OUT =
  /\/(?:implicit-kernel\/static\/(?:compiler|cells|library\/.+)|jupyterlab-plotly\/.+)\.js$/;

self.addEventListener('install', (event) => (event as Installing).waitUntil(compileKept()));

async function compileKept(): Promise<void> {
  const cache = await caches.open(cacheOf(BUILD));
  const root = new URL('.', location.href).href;
  for (const { url } of await cache.keys()) {
    const [hash, packed] = BUILD.files[url.slice(root.length)] ?? [];
    if (packed === 1 && url.endsWith('.js') && !LEFT_OUT.test(url)) {
      await putAgain(cache, url, hash!);
    }
  }
}

/** A host that has another build by now has other files under the same names. */
async function putAgain(cache: Cache, url: string, hash: string): Promise<void> {
  const response = await fetch(url, { cache: 'no-cache' });
  if (!response.ok) return;
  const content = await response.clone().arrayBuffer();
  if (await isOf(content, hash)) await cache.put(url, response);
}

async function isOf(content: ArrayBuffer, hash: string): Promise<boolean> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  const digits = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.startsWith(hash);
}
