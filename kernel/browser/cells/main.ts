import { endCell } from '../../child/cell-end';
import { comms, receiveComm } from '../../child/comm';
import { type Cell, currentCell, newCell, setLatest, within } from '../../child/context';
import { bundleOf, clearOutput, display } from '../../child/display';
import { failureOf, INTERRUPTED, printed } from '../../child/failure';
import { send, setHost } from '../../child/host';
import { answerInput, forgetQuestions, input } from '../../child/input';
import { GRACE_MS, KeyboardInterrupt } from '../../child/interruption';
import type { CommMessage, RunCell } from '../../child/messages';
import { currentSink, interruptRedirected, redirect } from '../../child/redirect';
import { settings } from '../../child/settings';
import { beforeEveryOperation, closeTensorScopes } from '../../child/tfjs';
import type { Beginning, ToCells } from '../messages';
import { captureConsole } from './console';
import { followCells, leaveAll, originOf } from './follow';
import { workerHost } from './host';
import { beat, forgetInterrupt, listenBy, takeInterrupt, tellInterrupt } from './interrupts';
import { PageModules } from './modules';
import { Scope } from './scope';

/** The worker in which the cells of a page run. The page has the kernel; another worker compiles. */

setHost(workerHost);
Error.stackTraceLimit = 30;
captureConsole();
followCells();
let usesTensors = false;
beforeEveryOperation(throwInterrupt);

let modules: PageModules;
let scope: Scope;
let running: { cell: Cell; made: string[]; warned: boolean } | undefined;
/** The message to a comm that is being handled. */
let handling: number | undefined;

const needsInput = (name: string) => () => {
  throw new Error(`${name}() cannot wait for its answer in a page: use await input('…').`);
};

Object.assign(globalThis, {
  input,
  prompt: needsInput('prompt'),
  confirm: needsInput('confirm'),
  alert: (text = '') => console.log(text),
  __beat: beat,
  // Lessons ask for variables of the environment: there are none.
  process: { env: {} },
  [Symbol.for('implicit-kernel.display')]: display,
  [Symbol.for('implicit-kernel.clearOutput')]: clearOutput,
  [Symbol.for('implicit-kernel.comms')]: comms,
  [Symbol.for('implicit-kernel.redirect')]: redirect,
  [Symbol.for('implicit-kernel.sink')]: currentSink,
  [Symbol.for('implicit-kernel.settings')]: settings,
  [Symbol.for('implicit-kernel.printed')]: printed,
  [Symbol.for('implicit-kernel.attended')]: () => currentCell().allowInput,
});

self.addEventListener('message', ({ data }: MessageEvent<ToCells>) => {
  leaveAll();
  if (data.type === 'begin') begin(data);
  else if (data.type === 'run') void start(data);
  else if (data.type === 'interrupt') interrupt();
  else if (data.type === 'input') answerInput(data.text);
  else if (data.type === 'comm') handleComm(data.id, data.message);
});

function begin({ library, directory, signals, asking }: Beginning): void {
  listenBy(signals, asking);
  modules = new PageModules(library, directory);
  scope = new Scope(modules);
  send({ type: 'ready' });
}

function handleComm(id: number, message: CommMessage): void {
  handling = id;
  try {
    within(newCell(id), () => receiveComm(message));
  } catch (error) {
    if (!KeyboardInterrupt.is(error)) throw error;
    interruptRedirected();
    closeTensorScopes();
  } finally {
    if (handling !== undefined) send({ type: 'handled', cell: handling });
    handling = undefined;
  }
}

type BeforeCell = (code: string) => Promise<void>;

/** What libraries do before a cell, such as fetching the files that it reads at once. */
async function prepare({ code, imports }: RunCell): Promise<void> {
  if (imports) await modules.prepare(code);
  const { [Symbol.for('implicit-kernel.before-cell')]: before } = globalThis as Record<
    symbol,
    Set<BeforeCell> | undefined
  >;
  for (const each of before ?? []) await each(code);
}

async function start(request: RunCell): Promise<void> {
  const { id, allowInput, semicolon } = request;
  const cell = newCell(id, allowInput);
  const made: string[] = [];
  running = { cell, made, warned: false };
  usesTensors = false;
  forgetInterrupt();
  setLatest(cell);
  let value: unknown;
  const progress = {
    made: (...names: string[]) => void made.push(...names),
    result: (last: unknown) => {
      value = last;
    },
  };
  const course = within(cell, async () => {
    await prepare(request);
    await scope.run(request, progress);
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
  endCell(cell);
  // Rejections that the cell left are reported once its microtasks are done.
  setTimeout(() => {
    try {
      answer();
    } catch (error) {
      fail(cell.id, failureOf(error), made);
    }
  });
}

function interrupt(): void {
  if (interruptRedirected()) closeTensorScopes();
  if (running && !running.warned && usesTensors) {
    const { cell } = running;
    running.warned = true;
    tellInterrupt();
    setTimeout(() => endInterrupted(cell), GRACE_MS);
  } else {
    forgetInterrupt();
    if (running) endInterrupted(running.cell);
  }
}

/** Before an operation on tensors: where the running cell is to be interrupted, this is how. */
function throwInterrupt(): void {
  usesTensors = true;
  if (takeInterrupt()) throw new KeyboardInterrupt();
}

function endInterrupted(cell: Cell): void {
  if (running?.cell !== cell) return;
  const { made } = running;
  running = undefined;
  forgetInterrupt();
  endCell(cell);
  cell.interrupted = true;
  forgetQuestions();
  closeTensorScopes();
  fail(cell.id, INTERRUPTED, made);
}

function fail(cell: number, failure: ReturnType<typeof failureOf>, made: string[]): void {
  send({ type: 'done', cell, ok: false, failure, made });
}

function report(thrown: unknown, heading: string): void {
  const cell = originOf();
  if (cell.interrupted || KeyboardInterrupt.is(thrown)) return;
  if (cell.sink) {
    const { name, message } = failureOf(thrown);
    cell.sink.print('stderr', `${heading}\n${name}: ${message}\n`);
    return;
  }
  send({ type: 'failure', cell: cell.id, failure: failureOf(thrown), heading });
}

self.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  report(event.reason, 'This promise was rejected and nothing awaited it:');
});
self.addEventListener('error', (event) => {
  event.preventDefault();
  report(event.error, 'This error was thrown in a callback, and nothing caught it:');
});
