import { Session } from 'node:inspector';
import { pathToFileURL } from 'node:url';
import type { DebugCommand, FromInspector } from '../../child/messages';
import { ROOT } from '../paths';
import { sendTo, TO_DEBUGGER } from './wire';

const KERNEL = `${pathToFileURL(ROOT).href}/`;

/**
 * Carries commands to the inspector of the main thread, and its answers and events back. It runs in
 * the watchdog's thread, which goes on while the main thread is stopped at a breakpoint.
 */
export class DebugRelay {
  private session: Session | undefined;
  private stopped = false;

  receive({ id, method, params = {} }: DebugCommand): void {
    this.session ??= this.connect();
    this.session.post(method, params, (error, result) => {
      this.tell(error ? { id, error: error.message } : { id, result: result ?? {} });
    });
  }

  /** Lets the main thread go on, so that what is to end it can. */
  release(): void {
    if (this.stopped) this.session?.post('Debugger.resume');
  }

  private connect(): Session {
    const session = new Session();
    session.connectToMainThread();
    session.on(
      'inspectorNotification',
      ({ method, params }: { method: string; params?: object }) => {
        if (method === 'Debugger.paused') this.stopped = true;
        if (method === 'Debugger.resumed') this.stopped = false;
        if (
          method === 'Debugger.paused' ||
          method === 'Debugger.resumed' ||
          isOwn(method, params)
        ) {
          this.tell({ method, params: params ?? {} });
        }
      },
    );
    return session;
  }

  private tell(message: FromInspector): void {
    sendTo(TO_DEBUGGER, message);
  }
}

/** Of the scripts, those that a reader has written. */
function isOwn(method: string, params: { url?: string } = {}): boolean {
  const { url = '' } = params;
  return (
    method === 'Debugger.scriptParsed' &&
    url.startsWith('file:') &&
    !url.includes('/node_modules/') &&
    !url.startsWith(KERNEL)
  );
}
