import { parentPort } from 'node:worker_threads';
import type { Request } from '../../compiler';
import { answerOf } from '../../compiler/serve';
import { Session } from '../../compiler/session';
import { onDisk } from './disk';

/** The thread that owns the TypeScript session: one request after the other, as they come. */
const session = new Session(onDisk(process.cwd()));
const port = parentPort!;

port.on('message', (request: Request) => port.postMessage(answerOf(session, request)));
