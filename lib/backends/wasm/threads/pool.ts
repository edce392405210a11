import { maySleep, type SharingWorker, startWorker } from '#platform/sharing';
import { UnsupportedError } from '../../../errors';
import { originOf } from '../assembler';
import { type Heap, memoryOf } from '../kernels/heap';
import { LEAST_WORK, WORTH_STARTING } from './limits';
import { type Begin, type Learn, MOST_ARGUMENTS, SCRIPT, WORD, WORDS } from './script';
import { Trial } from './trial';

type Run = (...values: number[]) => void;

/** An argument for `count` parts of a job from the `first` on: `base + step · first + scale · count`. */
export type Argument = readonly [base: number, step: number, scale: number];

/** A call that can be made in shares. */
export interface Job {
  run: Run;
  /** About how much it is, see LEAST_WORK. */
  work: number;
  /** How many parts there are; each share but the last is a multiple of `unit`. */
  count: number;
  unit: number;
  /** What its time grows with, among jobs of this function; by default the number of parts. */
  size?: number;
  arguments: readonly Argument[];
}

/** So many shares for each thread: one that is late takes fewer. */
const SHARES = 8;

/** How often it is looked for the end of the others' last shares, before this thread sleeps: some 20 µs. */
const LOOKS = 2000;

/** Milliseconds after which a thread counts as lost. */
const LONGEST = 10_000;

/** How many functions workers keep; with another one they are started anew. */
const MOST_FUNCTIONS = 1024;

/** The threads of one heap. */
export class Pool {
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  readonly #workers: readonly SharingWorker[];
  readonly #numbers = new Map<Run, number>();
  /** The number of the last message. */
  #last = 0;
  /** Whether a job is under way; an interrupt leaves it so. */
  #isBusy = false;
  /** Whether a thread was lost. */
  isBroken = false;

  /** @throws where no worker can be started */
  constructor(
    memory: WebAssembly.Memory,
    readonly threads: number,
  ) {
    this.#workers = Array.from({ length: threads - 1 }, () => startWorker(SCRIPT));
    this.#post((number) => ({ number, memory, words: this.#words }));
  }

  /** Whether all workers have started. */
  get isReady(): boolean {
    return Atomics.load(this.#words, WORD.READY) === this.#workers.length;
  }

  get isFull(): boolean {
    return this.#last > MOST_FUNCTIONS;
  }

  run(job: Job): void {
    const words = this.#words;
    const number = this.#numberOf(job.run);
    this.settle();
    this.#isBusy = true;
    const parts = Math.ceil(job.count / job.unit / (SHARES * this.threads));
    const share = parts * job.unit;
    words[WORD.FUNCTION] = number;
    words[WORD.COUNT] = job.count;
    words[WORD.SHARE] = share;
    words[WORD.ARGUMENTS] = job.arguments.length;
    words.set(job.arguments.flat(), WORD.FIRST);
    Atomics.store(words, WORD.LEFT, Math.ceil(job.count / share));
    this.#wake();
    try {
      for (;;) {
        const left = Atomics.sub(words, WORD.LEFT, 1);
        if (left <= 0) break;
        const first = (left - 1) * share;
        job.run(...argumentsOf(job, first, Math.min(share, job.count - first)));
      }
    } finally {
      this.settle();
    }
  }

  /** Waits until no worker computes; shares that are not begun are dropped. */
  settle(): void {
    const words = this.#words;
    Atomics.store(words, WORD.LEFT, 0);
    this.#waitForOthers();
    this.#isBusy = false;
    if (words[WORD.FAILED] !== 0) this.#giveUp('failed');
  }

  /** The same where an interrupt may have left workers that compute. */
  settleIfBusy(): void {
    if (this.#isBusy) this.settle();
  }

  end(): void {
    // A worker with a message to come claims nothing.
    Atomics.add(this.#words, WORD.MAIL, 1);
    this.#wake();
    for (const worker of this.#workers) worker.end();
  }

  #waitForOthers(): void {
    const words = this.#words;
    for (let i = 0; i < LOOKS; i++) if (Atomics.load(words, WORD.RUNNING) === 0) return;
    const start = performance.now();
    const sleeps = maySleep();
    for (;;) {
      const running = Atomics.load(words, WORD.RUNNING);
      if (running === 0) return;
      if (sleeps) Atomics.wait(words, WORD.RUNNING, running, 100);
      if (performance.now() - start > LONGEST) this.#giveUp('did not end');
    }
  }

  /** Nothing more is computed by these workers. */
  #giveUp(what: string): never {
    this.end();
    this.isBroken = true;
    throw new UnsupportedError({
      given: `a loop of the wasm backend whose share on another thread ${what}`,
      expected: 'threads that compute to the end',
      remedy: 'Compute it again: from now on loops run on one thread.',
    });
  }

  #wake(): void {
    Atomics.add(this.#words, WORD.TURN, 1);
    Atomics.notify(this.#words, WORD.TURN);
  }

  #numberOf(run: Run): number {
    const known = this.#numbers.get(run);
    if (known !== undefined) return known;
    const { module, name } = originOf(run)!;
    const number = this.#post((number) => ({ number, module, name }));
    this.#numbers.set(run, number);
    return number;
  }

  #post(make: (number: number) => Begin | Learn): number {
    // A number is used once, also where an interrupt comes between.
    const number = ++this.#last;
    Atomics.store(this.#words, WORD.MAIL, number);
    for (const worker of this.#workers) worker.post(make(number));
    this.#wake();
    return number;
  }
}

function argumentsOf(job: Job, first: number, count: number): number[] {
  return job.arguments.map(([base, step, scale]) => base + step * first + scale * count);
}

let wanted = 1;

/** From now on, so many threads share loops, this one included. */
export function shareAmong(threads: number): void {
  wanted = threads;
}

const pools = new WeakMap<Heap, Pool | 'none'>();

/** Whether loops of a heap can be shared: there are threads, and its memory is for all of them. */
export const isShared = (heap: Heap): boolean =>
  wanted > 1 && pools.get(heap) !== 'none' && !(memoryOf(heap).buffer instanceof ArrayBuffer);

/** How many threads loops of a heap can be shared among, this one included. */
export const threadsOf = (heap: Heap): number => (isShared(heap) ? wanted : 1);

/** The threads of a heap, which are started here; undefined where they cannot be. */
function poolOf(heap: Heap): Pool | undefined {
  const known = pools.get(heap);
  if (known === 'none') return undefined;
  if (known !== undefined) {
    if (known.isBroken) {
      pools.set(heap, 'none');
      return undefined;
    }
    if (known.threads === wanted && !known.isFull) return known;
    known.settle();
    known.end();
  }
  try {
    const pool = new Pool(memoryOf(heap), wanted);
    pools.set(heap, pool);
    return pool;
  } catch {
    pools.set(heap, 'none');
    return undefined;
  }
}

/** Milliseconds that long loops of a heap have taken before its threads are started. */
const spent = new WeakMap<Heap, number>();

/** Makes a call in shares, on all threads, where that is faster; on this one where it is not, or they cannot be had. Results are the same. */
export function runInShares(heap: Heap, job: Job): void {
  const canBe = job.work >= LEAST_WORK && isShared(heap) && job.arguments.length <= MOST_ARGUMENTS;
  const origin = canBe ? originOf(job.run) : undefined;
  if (origin === undefined || origin.needsOthers) {
    runAlone(job);
    return;
  }
  const before = spent.get(heap) ?? 0;
  const pool = before < WORTH_STARTING ? undefined : poolOf(heap);
  const time = runTimed(job, pool);
  if (pool === undefined) spent.set(heap, before + time);
}

const runAlone = (job: Job): void => job.run(...argumentsOf(job, 0, job.count));

const trials = new WeakMap<Run, Trial>();

/**
 * Makes a call in the way that was faster so far.
 *
 * @returns milliseconds
 */
function runTimed(job: Job, pool: Pool | undefined): number {
  const trial = trials.get(job.run) ?? new Trial();
  trials.set(job.run, trial);
  const way = pool?.isReady ? trial.choose() : 'alone';
  const start = performance.now();
  if (pool !== undefined && way === 'together') pool.run(job);
  else runAlone(job);
  const time = performance.now() - start;
  trial.took(way, time / (job.size ?? job.count));
  return time;
}

/** Waits for workers that an interrupt has left computing. */
export function settle(heap: Heap): void {
  const pool = pools.get(heap);
  if (pool !== undefined && pool !== 'none') pool.settleIfBusy();
}

/** Ends the threads of a heap that is no longer used. */
export function endThreads(heap: Heap): void {
  const pool = pools.get(heap);
  if (pool !== undefined && pool !== 'none') pool.end();
  pools.delete(heap);
}
