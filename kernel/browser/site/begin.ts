/**
 * Before JupyterLab is loaded: starts the service worker, by which all that follows is loaded, compressed
 * and kept. Where there is none, as without https, a page loads as well.
 */

/** A browser that starts none in this time goes on without. */
const PATIENCE_MS = 4000;

/** JupyterLite takes a service worker for an old one unless this is noted of it. */
declare const LITE_VERSION: string;

async function begin(): Promise<void> {
  const { serviceWorker } = navigator;
  if (!serviceWorker || serviceWorker.controller) return;
  const url = new URL('../service-worker.js?enableCache=true', document.baseURI).href;
  localStorage.setItem(`${url}-version`, LITE_VERSION);
  await serviceWorker.register(url);
  if (serviceWorker.controller) return;
  await new Promise((resolve) => {
    serviceWorker.addEventListener('controllerchange', resolve, { once: true });
    setTimeout(resolve, PATIENCE_MS);
  });
}

const page = globalThis as { courseBegins?: Promise<void> };
page.courseBegins = begin().catch((error) => console.warn('Nothing is kept for later:', error));
