import type { PageParts } from './lite';

/** Tells a reader whose browser keeps nothing, as where all cookies are blocked, what becomes of what is written. */
export function warnWhereNothingIsKept({ Notification }: PageParts['@jupyterlab/apputils']): void {
  if (keeps()) return;
  Notification.info(
    'This browser keeps nothing of this site: what you write is gone when you close the page. To keep a notebook, download it (File, Download).',
    { autoClose: false, actions: [] },
  );
}

/** A browser that forbids storage throws where it is named. */
function keeps(): boolean {
  try {
    return globalThis.localStorage !== null;
  } catch {
    return false;
  }
}
