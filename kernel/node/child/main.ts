import { MessageChannel, Worker } from 'node:worker_threads';
import { endCell } from '../../child/cell-end';
import { comms, receiveComm } from '../../child/comm';
import { type Cell, currentCell, newCell, setLatest, within } from '../../child/context';
import { bundleOf, clearOutput, display } from '../../child/display';
import { failureOf, INTERRUPTED, printed } from '../../child/failure';
import { isCellFrame } from '../../child/frames';
import { setHost } from '../../child/host';
import { answerInput, forgetQuestions, input } from '../../child/input';
import { GRACE_MS, KeyboardInterrupt, Slot } from '../../child/interruption';
import type { CommMessage, RunCell, ToChild } from '../../child/messages';
import { currentSink, interruptRedirected, redirect } from '../../child/redirect';
import { settings } from '../../child/settings';
import { beforeEveryOperation, closeTensorScopes } from '../../child/tfjs';
import { BOOT, bundle, WATCHDOG } from '../paths';
import { guardConsole } from './console';
import { dialogs } from './dialogs';
import { followCells, leaveAll } from './follow';
import { FreshModules } from './fresh-modules';
import { nodeHost } from './host';
import { NotebookModules } from './modules';
import { reportStrayErrors } from './rejections';
import { Scope } from './scope';
import { endThreads, followProcesses, followThreads } from './started';
import { captureStreams } from './streams';
import { send } from './wire';

/** The process in which cells run. Its parent holds the sockets and the compiler. */

setHost(nodeHost);
process.setSourceMapsEnabled(true);
Error.stackTraceLimit = 30;
// The terminal's interrupt is the parent's affair.
process.on('SIGINT', () => {});
captureStreams();
guardConsole();
reportStrayErrors();
reportExit();
followCells();
beforeEveryOperation(throwInterrupt);

const modules = new NotebookModules(process.cwd(), new FreshModules(require.cache));
const scope = new Scope(process.cwd(), modules);
const signals = new Int32Array(new SharedArrayBuffer(20));
const answers = new MessageChannel();
let running: { cell: Cell; made: string[]; warned: boolean } | undefined;
/** The message to a comm that is being handled. */
let handling: number | undefined;

Object.assign(globalThis, {
  input,
  ...dialogs(signals, answers.port2),
  [Symbol.for('implicit-kernel.display')]: display,
  [Symbol.for('implicit-kernel.clearOutput')]: clearOutput,
  [Symbol.for('implicit-kernel.comms')]: comms,
  [Symbol.for('implicit-kernel.redirect')]: redirect,
  [Symbol.for('implicit-kernel.sink')]: currentSink,
  [Symbol.for('implicit-kernel.settings')]: settings,
  [Symbol.for('implicit-kernel.printed')]: printed,
  [Symbol.for('implicit-kernel.variables')]: () => scope.boxes.variables(),
  [Symbol.for('implicit-kernel.attended')]: () => currentCell().allowInput,
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
    setImmediate(() => void start(message));
  } else if (message.type === 'interrupt') {
    Atomics.add(signals, Slot.answered, 1);
    interrupt();
  } else if (message.type === 'input') {
    answerInput(message.text);
  } else if (message.type === 'exit') {
    process.exit();
  } else if (message.type === 'comm') {
    setImmediate(() => handleComm(message.id, message.message));
  }
}

function handleComm(id: number, message: CommMessage): void {
  handling = id;
  try {
    within(newCell(id), () => receiveComm(message));
  } finally {
    handled();
  }
}

function handled(): void {
  if (handling !== undefined) send({ type: 'handled', cell: handling });
  handling = undefined;
}

function start(request: RunCell): void {
  const { id, file, code, mappings, imports, paths, allowInput, semicolon } = request;
  const cell = newCell(id, allowInput);
  const made: string[] = [];
  running = { cell, made, warned: false };
  Atomics.store(signals, Slot.running, id);
  Atomics.store(signals, Slot.tensors, 0);
  setLatest(cell);
  if (imports) modules.refresh(paths);
  let value: unknown;
  const progress = {
    made: (...names: string[]) => void made.push(...names),
    result: (last: unknown) => {
      value = last;
    },
  };
  const course = within(cell, async () => {
    if (imports) await modules.prepare();
    await scope.run({ file, code, mappings }, progress);
    const hidden = semicolon.there && (settings.silentSemicolon ?? semicolon.hides);
    return value === undefined || hidden ? undefined : await bundleOf(value);
  });
  course.then(
    (result) => finish(cell, () => send({ type: 'done', cell: id, ok: true, result })),
    (error) => {
      if (KeyboardInterrupt.is(error)) endInterrupted(cell);
      else finish(cell, () => fail(id, failureOf(error), made));
    },
  );
}

/** An interrupted cell has been answered already, whatever comes of it later. */
function finish(cell: Cell, answer: () => void): void {
  if (running?.cell !== cell) return;
  const { made } = running;
  running = undefined;
  Atomics.store(signals, Slot.running, 0);
  Atomics.store(signals, Slot.asked, 0);
  endCell(cell);
  // Rejections that the cell left are reported once its microtasks are done.
  setImmediate(() => {
    try {
      answer();
    } catch (error) {
      fail(cell.id, failureOf(error), made);
    }
  });
}

function interrupt(): void {
  // Where a handler was terminated, its own `finally` was skipped.
  handled();
  if (interruptRedirected()) closeTensorScopes();
  if (running && !running.warned && Atomics.load(signals, Slot.tensors) === 1) {
    const { cell } = running;
    running.warned = true;
    setTimeout(() => endInterrupted(cell), GRACE_MS);
  } else {
    Atomics.store(signals, Slot.asked, 0);
    if (running) endInterrupted(running.cell);
  }
}

/** Before an operation on tensors: where the running cell is to be interrupted, this is how. */
function throwInterrupt(): void {
  if (currentCell() !== running?.cell) return;
  Atomics.store(signals, Slot.tensors, 1);
  if (Atomics.exchange(signals, Slot.asked, 0) === 1) throw new KeyboardInterrupt();
}

function endInterrupted(cell: Cell): void {
  if (running?.cell !== cell) return;
  const { made } = running;
  running = undefined;
  Atomics.store(signals, Slot.running, 0);
  Atomics.store(signals, Slot.asked, 0);
  endCell(cell);
  cell.interrupted = true;
  endThreads(cell);
  forgetQuestions();
  Atomics.store(signals, Slot.asking, 0);
  closeTensorScopes();
  fail(cell.id, INTERRUPTED, made);
}

function fail(cell: number, failure: ReturnType<typeof failureOf>, made: string[]): void {
  send({ type: 'done', cell, ok: false, failure, made });
}

/** Tells the parent that a cell ended the process, which otherwise looks like a crash. */
function reportExit(): void {
  process.on('exit', (code) => send({ type: 'exiting', cell: running?.cell.id ?? 0, code }));
}
