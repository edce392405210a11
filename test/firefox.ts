import { type BrowserContext, firefox } from 'playwright-core';
import bundle from 'playwright-core/lib/utilsBundle';
import { firefoxPath, PATIENCE_MS } from './needs';

/**
 * The system's own Firefox, by WebDriver BiDi. playwright-core is made for newer ones: to what this one does not
 * know, and tests of the course do not use, it gets an answer from here.
 */
const UNKNOWN = 'emulation.setMediaFeaturesOverride';

interface Socket {
  send(text: string, ...rest: unknown[]): void;
  emit(event: 'message', data: Buffer, isBinary: boolean): void;
}

let isPatched = false;

function answerWhatIsUnknown(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = bundle.ws as { prototype: Socket };
  const { send } = prototype;
  prototype.send = function (this: Socket, text, ...rest) {
    if (!text.includes(`"method":"${UNKNOWN}"`)) return send.call(this, text, ...rest);
    const { id } = JSON.parse(text);
    const answer = Buffer.from(JSON.stringify({ type: 'success', id, result: {} }));
    setImmediate(() => this.emit('message', answer, false));
  };
}

/** Firefox with one profile. Its home is there, too: it refuses one that belongs to another user. */
export async function startFirefox(profile: string): Promise<BrowserContext> {
  answerWhatIsUnknown();
  return firefox.launchPersistentContext(profile, {
    channel: 'moz-firefox',
    executablePath: firefoxPath()!,
    env: { ...process.env, HOME: profile },
    viewport: { width: 1200, height: 1000 },
    timeout: PATIENCE_MS,
  });
}
