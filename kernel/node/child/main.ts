import { MessageChannel, Worker } from 'node:worker_threads';
import { Cells } from '../../child/cells';
import { currentCell } from '../../child/context';
import { isCellFrame } from '../../child/frames';
import { globals } from '../../child/globals';
import { setHost } from '../../child/host';
import { answerInput } from '../../child/input';
import { KeyboardInterrupt, Slot } from '../../child/interruption';
import type { ToChild } from '../../child/messages';
import { beforeEveryOperation } from '../../child/tfjs';
import { BOOT, bundle, WATCHDOG } from '../paths';
import { guardConsole } from './console';
import { dialogs } from './dialogs';
import { followCells, leaveAll } from './follow';
import { FreshModules } from './fresh-modules';
import { nodeHost } from './host';
import { SharedInterrupts } from './interrupts';
import { NotebookModules } from './modules';
import { reportStrayErrors } from './rejections';
import { Scope } from './scope';
import { endThreads, followProcesses, followThreads } from './started';
import { provideStdin } from './stdin';
import { captureStreams } from './streams';
import { tidyAtRest, tidyLater } from './tidy';
import { expectUnclosedFiles, followUnclosedFiles } from './unclosed';
import { send } from './wire';

/** The process in which cells run. Its parent holds the sockets and the compiler. */

setHost(nodeHost);
process.setSourceMapsEnabled(true);
Error.stackTraceLimit = 30;
// The terminal's interrupt is the parent's affair.
process.on('SIGINT', () => {});
captureStreams();
provideStdin();
guardConsole();
reportStrayErrors();
followUnclosedFiles();
reportExit();
followCells();
beforeEveryOperation(throwInterrupt);

const modules = new NotebookModules(process.cwd(), new FreshModules(require.cache));
const scope = new Scope(process.cwd(), modules);
const signals = new Int32Array(new SharedArrayBuffer(20));
const answers = new MessageChannel();
const interrupts = new SharedInterrupts(signals);

const cells = new Cells({
  interrupts,
  afterTurn: setImmediate,
  async run(request, progress) {
    if (request.imports) {
      modules.refresh(request.paths);
      await modules.prepare();
    }
    await scope.run(request, progress);
    if (request.imports) tidyLater();
    tidyAtRest();
  },
  abandon(cell) {
    expectUnclosedFiles();
    endThreads(cell);
    Atomics.store(signals, Slot.asking, 0);
  },
});

Object.assign(globalThis, globals, dialogs(signals, answers.port2), {
  [Symbol.for('implicit-kernel.variables')]: () => scope.boxes.variables(),
});

// Bundled, it needs nothing that reads TypeScript.
const watchdog = new Worker(bundle === undefined ? BOOT : WATCHDOG, {
  ...(bundle === undefined ? {} : { execArgv: [] }),
  workerData: {
    entry: WATCHDOG,
    signals: signals.buffer,
    answers: answers.port1,
  },
  transferList: [answers.port1],
});
watchdog.on('message', receive);
watchdog.once('online', () => send({ type: 'ready' }));
followProcesses((message) => watchdog.postMessage(message));
followThreads(isCellFrame);

function receive(message: ToChild | { type: 'ping' }): void {
  leaveAll();
  if (message.type === 'run') {
    // A fresh turn of the event loop: what is terminated is then the cell and nothing else.
    setImmediate(() => cells.start(message));
  } else if (message.type === 'interrupt') {
    Atomics.add(signals, Slot.answered, 1);
    cells.interrupt();
  } else if (message.type === 'input') {
    answerInput(message.text);
  } else if (message.type === 'exit') {
    process.exit();
  } else if (message.type === 'comm') {
    setImmediate(() => cells.handleComm(message.id, message.message));
  }
}

/** Before an operation on tensors: where the running cell is to be interrupted, this is how. */
function throwInterrupt(): void {
  if (currentCell() === cells.current && interrupts.take()) throw new KeyboardInterrupt();
}

/** Tells the parent that a cell ended the process, which otherwise looks like a crash. */
function reportExit(): void {
  process.on('exit', (code) => send({ type: 'exiting', cell: cells.current?.id ?? 0, code }));
}
