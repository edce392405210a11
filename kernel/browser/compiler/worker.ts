import type { Compiled, Request } from '../../compiler';
import { answerOf } from '../../compiler/serve';
import { Session } from '../../compiler/session';
import { unpacked } from '../gunzip';
import { KERNEL, LIBRARIES, NOTEBOOKS, WORKER_LIBRARIES } from '../places';
import { withAbsences } from './absent';
import { withBeats } from './beats';
import { inMemory } from './memory';

/** The worker that owns the TypeScript session of a page. Its first message names the archive. */

/** A session whose cells can be interrupted, and whose errors know what a page is. */
class PageSession extends Session {
  override compile(cell: string): Compiled {
    const compiled = super.compile(cell);
    return compiled.ok
      ? { ...compiled, ...withBeats(compiled) }
      : { ok: false, diagnostics: withAbsences(compiled.diagnostics) };
  }
}

async function start(url: string): Promise<Session> {
  const texts = JSON.parse(new TextDecoder().decode(await unpacked(url)));
  const session = new PageSession({
    files: inMemory(texts),
    directory: NOTEBOOKS,
    libraries: LIBRARIES,
    kernel: KERNEL,
    nodeMajor: 22,
    lib: WORKER_LIBRARIES,
    types: [],
  });
  // The first cell of a lesson imports it: its declarations are read while JupyterLab loads.
  session.compile("import 'implicit-lab-course';");
  return session;
}

let session: Promise<Session> | undefined;

self.addEventListener('message', async ({ data }: MessageEvent<Request | { archive: string }>) => {
  if ('archive' in data) {
    session = start(data.archive);
    return;
  }
  try {
    self.postMessage(answerOf(await session!, data));
  } catch (error) {
    // The archive did not arrive.
    self.postMessage({ id: data.id, error: `The compiler could not start: ${String(error)}` });
  }
});
