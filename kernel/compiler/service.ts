import { parentPort } from 'node:worker_threads';
import type { Answer, Request } from './client';
import { onDisk } from './disk';
import { Session } from './session';

/** The worker that owns the TypeScript session: one request after the other, as they come. */
const session = new Session(onDisk(process.cwd()));
const port = parentPort!;

port.on('message', ({ id, method, parameters }: Request) => {
  const call = session[method] as (...values: unknown[]) => unknown;
  let answer: Answer;
  try {
    answer = { id, value: call.apply(session, parameters) };
  } catch (error) {
    answer = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  port.postMessage(answer);
});
