import { Cells } from '../../child/cells';
import { globals } from '../../child/globals';
import { send, setHost } from '../../child/host';
import { answerInput } from '../../child/input';
import { KeyboardInterrupt } from '../../child/interruption';
import type { RunCell } from '../../child/messages';
import { reportStray, STRAY } from '../../child/stray';
import { beforeEveryOperation } from '../../child/tfjs';
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

const cells = new Cells({
  // A browser tells of a rejection in a task of its own, which comes after the first timer.
  afterTurn: (next) => void setTimeout(() => setTimeout(next)),
  async run(request, progress) {
    await prepare(request);
    await scope.run(request, progress);
  },
  abandon() {},
  interrupts: {
    begin() {
      usesTensors = false;
      forgetInterrupt();
    },
    end: forgetInterrupt,
    canThrow: () => usesTensors,
    tell: tellInterrupt,
    forget: forgetInterrupt,
  },
});

const needsInput = (name: string) => () => {
  throw new Error(`${name}() cannot wait for its answer in a page: use await input('…').`);
};

Object.assign(globalThis, globals, {
  prompt: needsInput('prompt'),
  confirm: needsInput('confirm'),
  alert: (text = '') => console.log(text),
  __beat: beat,
  // Lessons read variables of the environment: there are none.
  process: { env: {} },
});

self.addEventListener('message', ({ data }: MessageEvent<ToCells>) => {
  leaveAll();
  if (data.type === 'begin') begin(data);
  else if (data.type === 'run') cells.start(data);
  else if (data.type === 'interrupt') cells.interrupt();
  else if (data.type === 'input') answerInput(data.text);
  else if (data.type === 'comm') cells.handleComm(data.id, data.message);
});

function begin({ library, directory, signals, asking }: Beginning): void {
  listenBy(signals, asking);
  modules = new PageModules(library, directory);
  scope = new Scope(modules);
  send({ type: 'ready' });
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

/** Before an operation on tensors: where the running cell is to be interrupted, this is how. */
function throwInterrupt(): void {
  usesTensors = true;
  if (takeInterrupt()) throw new KeyboardInterrupt();
}

self.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  reportStray(event.reason, originOf(), STRAY.rejection);
});
self.addEventListener('error', (event) => {
  event.preventDefault();
  reportStray(event.error, originOf(), STRAY.callback);
});
