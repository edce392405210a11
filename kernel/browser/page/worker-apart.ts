import type { FromFrame, ToFrame } from '../frame/messages';
import type { ToCells } from '../messages';
import type { CellsAt, Hearing, Places } from './cells-at';

/** A frame that has not reported so long after it was loaded is not the one that was asked for. */
const SILENCE_MS = 1000;

/**
 * The worker of the cells in a frame that has a process of its own, so that a cell which needs more memory than
 * there is ends this process and not the page. The browser isolates the frame for a header (Document-Isolation-Policy)
 * that the site's service worker sends; the frame can then also share memory with its worker.
 *
 * @returns undefined where the browser or the host does not isolate it
 */
export async function workerApart(
  { scripts, library, directory }: Places,
  hearing: Hearing,
): Promise<CellsAt | undefined> {
  const name = `implicit-kernel-${crypto.randomUUID()}`;
  const frame = document.createElement('iframe');
  const ended = new AbortController();
  const end = () => {
    ended.abort();
    frame.remove();
  };
  const isIsolated = new Promise<boolean>((resolve) => {
    frame.onload = () => void setTimeout(resolve, SILENCE_MS, false);
    const hear = ({ data, source }: MessageEvent<FromFrame>) => {
      if (source !== frame.contentWindow) return;
      if (data.type === 'here' && !data.isolated) resolve(false);
      else if (data.type === 'alive') resolve(true);
      else if (data.type === 'cells') hearing.message(data.message);
      else if (data.type === 'failed') hearing.failed(data.message);
    };
    addEventListener('message', hear, { signal: ended.signal });
  });
  frame.title = 'Where cells run';
  frame.tabIndex = -1;
  frame.ariaHidden = 'true';
  // One that is not drawn, or out of sight, makes its process one of the background, which is slower.
  Object.assign(frame.style, {
    position: 'fixed',
    right: '0',
    bottom: '0',
    width: '1px',
    height: '1px',
    border: '0',
    opacity: '0',
    pointerEvents: 'none',
  });
  frame.src = `${scripts}cells.html#${name}`;
  document.body.append(frame);
  if (!(await isIsolated)) {
    end();
    return undefined;
  }
  // The frame has the lock until its process ends.
  navigator.locks.request(name, { signal: ended.signal }, () => hearing.died()).catch(() => {});
  const tell = (message: ToFrame) => frame.contentWindow?.postMessage(message, location.origin);
  tell({ type: 'open', library, directory });
  return {
    post: (message: ToCells) => tell({ type: 'cells', message }),
    signal: () => tell({ type: 'signal' }),
    end,
  };
}
