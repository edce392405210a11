import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import * as tf from '@tensorflow/tfjs';
import { type Alive, isMeasuring, withBytesOf } from '../live';
import { applyChanges, type Call, knownIn, listOf, revived } from './call';
import { type Frame, FrameReader, frameOf, MOST_BYTES } from './frames';
import { Recording } from './graph';
import { DEFAULT_MEMORY, type Launch } from './launch';
import type { Failure, Reply, Request } from './messages';
import { FormatError, readValue } from './value-reader';
import { Writer, type WriterHooks } from './value-writer';
import { tensorsIn } from './values';
import { filesOf, usageOf } from './watch';

/** Why a process with a learner's program ended before it had done all. */
export interface Ending {
  stopped: 'timeout' | 'memory' | 'exited' | 'crashed' | 'aborted';
  /** The exit status or signal, and the end of what it printed. */
  details: string;
}

export interface Limits {
  /** Of the whole process, start included. */
  seconds: number;
  /** Of its memory, in MB; 2048 by default. */
  memory?: number;
  signal?: AbortSignal;
}

/** What the program handed to `check`, and what went wrong in its cells. */
export interface Ran {
  answers: Map<string, unknown>;
  failures: Failure[];
}

/** What is asked of a process that has ended. */
export class EndedError extends Error {
  override name = 'EndedError';
}

const MOST_OUTPUT = 16_384;
const MOST_PROCESSES = 32;
const MOST_THREADS = 200;
const MOST_FILES = 20_000;
/** What one process may send in all. */
const MOST_RECEIVED = 512 * 2 ** 20;
const MOST_FAILURES = 50;
/** Milliseconds in which a process that has nothing left to do ends by itself. */
const TIME_TO_END = 500;
const MB = 2 ** 20;

/**
 * A process that runs a learner's program, and whose functions can be called from here.
 *
 * It is given arguments and sends results. Functions among the arguments stay here: they are called
 * from there, so that what they count and remember cannot be changed there.
 */
export class LearnerProcess {
  /** How many tensors each call since the last `run` left behind. */
  kept: number[] = [];
  /** How it ended, where it was asked for something after that, or could not finish. */
  cutOff: Ending | undefined;

  private readonly process: ChildProcess;
  private readonly channel: Duplex;
  private readonly timers: NodeJS.Timeout[];
  private ending: Ending | undefined;
  private stopped: Ending['stopped'] | undefined;
  private output = '';
  private received = 0;
  private waiting: { resolve(frame: Frame<Reply>): void; reject(error: Error): void } | undefined;
  private call: Call | undefined;
  private names = 0;
  /** Settled once it listens. */
  private readonly ready: Promise<unknown>;

  constructor(
    private readonly launch: Launch,
    private readonly limits: Limits,
  ) {
    const { command, args, env, folder } = launch;
    this.process = spawn(command, args, {
      cwd: folder,
      env,
      // What it prints is for no one to read, but for the words with which Node.js ends.
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      // A process group of its own, so that what it starts ends with it.
      detached: process.platform !== 'win32',
    });
    this.channel = this.process.stdio[3] as Duplex;
    this.channel.on('error', () => {});
    this.timers = [
      setTimeout(() => this.stop('timeout'), limits.seconds * 1000),
      setInterval(() => this.watch(), 100),
    ];
    limits.signal?.addEventListener('abort', this.abort);
    if (limits.signal?.aborted) this.abort();
    this.ready = this.reply();
    this.ready.catch(() => {});
    this.listen();
  }

  /** Runs a program, and returns what it has passed to `check` so far. */
  async run(code: string): Promise<Ran> {
    await this.ready;
    this.kept = [];
    const { head, bytes } = await this.ask({ type: 'run', code }, new Uint8Array(0));
    if (head.type !== 'ran') throw this.broken();
    try {
      return this.ranOf(head, bytes);
    } catch {
      throw this.broken();
    }
  }

  private ranOf(head: Extract<Reply, { type: 'ran' }>, bytes: Uint8Array): Ran {
    const answers = new Map<string, unknown>();
    for (const [id, answer] of listOf(head.answers)) {
      const isFunction = typeof answer === 'object' && answer?.kind === 'function';
      const value = isFunction ? this.functionFor(id) : readValue({ value: answer, bytes });
      answers.set(String(id), value);
    }
    const failures = listOf(head.failures)
      .slice(0, MOST_FAILURES)
      .map(({ cell, message }) => ({ cell: Number(cell), message: String(message).slice(0, 500) }));
    return { answers, failures };
  }

  /** Ends it, and all that it started. */
  close(): void {
    this.unwatch();
    const isIdle = !this.ending && !this.stopped && !this.waiting && !this.call;
    if (!isIdle) {
      this.end();
      return;
    }
    // It waits for the next request, and ends by itself where there is none to come.
    this.channel.end();
    const timer = setTimeout(() => this.end(), TIME_TO_END);
    this.process.once('exit', () => clearTimeout(timer));
  }

  private unwatch() {
    for (const timer of this.timers) clearTimeout(timer);
    this.limits.signal?.removeEventListener('abort', this.abort);
  }

  /** The function that the program handed to `check`, to be called from here. */
  private functionFor(id: string) {
    return async (...args: unknown[]): Promise<unknown> => {
      if (this.call) throw new Error('the call before has not ended');
      const call: Call = {
        functions: new Map(),
        arrays: new Map(),
        tensors: new Map(),
        lent: [],
      };
      this.call = call;
      const writer = this.writerFor(call, { isNaming: true });
      const coded = writer.write(args);
      const { head, bytes } = await this.ask({ type: 'call', id, args: coded }, writer.bytes());
      this.call = undefined;
      try {
        if (head.type === 'returned') {
          applyChanges(call, head.changes, bytes);
          this.kept.push(Math.max(0, Number(head.kept) || 0));
          return readValue({ value: head.value, bytes }, knownIn(call));
        }
        if (head.type !== 'threw') throw this.broken();
        applyChanges(call, head.changes, bytes);
        this.kept.push(0);
        throw revived(head.error, bytes, call);
      } catch (error) {
        if (error instanceof FormatError) throw this.broken();
        throw error;
      } finally {
        tf.dispose(call.lent);
      }
    };
  }

  /** Arguments are given names, by which changes and returned tensors are identified. */
  private writerFor(
    call: Call,
    { isNaming = false, known }: { isNaming?: boolean; known?: WriterHooks['tensor'] } = {},
  ): Writer {
    const name: WriterHooks['name'] = (value) => {
      const id = this.names++;
      if (value instanceof tf.Tensor) call.tensors.set(id, value);
      else call.arrays.set(id, value);
      return id;
    };
    const ids = new Map([...call.tensors].map(([id, tensor]) => [tensor, id]));
    return new Writer({
      tensor: (tensor) => {
        const index = ids.get(tensor);
        return known?.(tensor) ?? (index === undefined ? undefined : { kind: 'known', index });
      },
      ...(isNaming ? { name } : {}),
      function: (f, owner) => {
        const handle = this.names++;
        call.functions.set(handle, { f: f as (...args: unknown[]) => unknown, owner });
        return { kind: 'function', handle, length: f.length, measures: isMeasuring(f) };
      },
    });
  }

  /** Answers a call from there. */
  private async serve(request: Extract<Reply, { type: 'callback' }>, bytes: Uint8Array) {
    const { call } = this;
    const target = call?.functions.get(request.handle);
    if (!call || !target) {
      const error = { name: 'Error', message: 'the call that this function belongs to has ended' };
      return this.send({ type: 'error', error }, new Uint8Array(0));
    }
    applyChanges(call, request.changes, bytes);
    const args = readValue({ value: request.args, bytes }, knownIn(call));
    if (!Array.isArray(args)) throw new FormatError('no arguments');
    const inputs = tensorsIn(args);
    call.lent.push(...inputs.filter((tensor) => ![...call.tensors.values()].includes(tensor)));
    let measure = false;
    const measured = () => {
      measure = true;
      return aliveOf(request.alive);
    };
    let recording: Recording | undefined;
    const writer = this.writerFor(call, { known: (tensor) => recording?.codeOf(tensor) });
    recording = new Recording(inputs, writer);
    const compute = () =>
      withBytesOf(measured, () => recording.run(() => target.f.apply(target.owner, args)));
    const answer = (result: unknown, isPromise: boolean) => {
      const value = writer.write(result);
      const { nodes } = recording;
      this.send({ type: 'value', value, nodes, isPromise, measure }, writer.bytes());
    };
    try {
      if (inputs.length > 0) {
        tf.tidy(() => answer(compute(), false));
      } else {
        const result = compute();
        const isPromise = result instanceof Promise;
        answer(isPromise ? await result : result, isPromise);
      }
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      this.send({ type: 'error', error: { name, message } }, new Uint8Array(0));
    }
  }

  private listen() {
    const reader = new FrameReader();
    this.channel.on('data', (piece: Buffer) => {
      try {
        this.received += piece.length;
        if (this.received > MOST_RECEIVED) throw new FormatError('too much in all');
        for (const frame of reader.take(piece)) this.hear(frame as Frame<Reply>);
      } catch (error) {
        this.fail(error);
      }
    });
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.output = (this.output + text).slice(-MOST_OUTPUT);
    });
    this.process.on('error', (error) => this.finish('crashed', error.message));
    this.process.on('exit', (status, killed) => {
      const how = killed ? `ended by ${killed}` : `exit status ${status}`;
      // What it sent and printed last may still be on its way.
      setTimeout(() => this.finish(killed || isSignal(status) ? 'crashed' : 'exited', how), 20);
    });
  }

  private hear(frame: Frame<Reply>) {
    const { head, bytes } = frame;
    if (typeof head !== 'object' || head === null) throw new FormatError('no message');
    if (head.type === 'callback') {
      this.serve(head, bytes).catch((error) => this.fail(error));
      return;
    }
    const { waiting } = this;
    if (!waiting) throw new FormatError('an answer to nothing');
    this.waiting = undefined;
    waiting.resolve(frame);
  }

  private fail(error: unknown) {
    this.output += `\n${error instanceof Error ? error.message : error}`;
    this.stop('crashed');
  }

  private broken(): Error {
    this.fail(new FormatError('an answer to something else'));
    this.cutOff ??= { stopped: 'crashed', details: 'it did not keep to the protocol' };
    return new EndedError('it did not keep to the protocol');
  }

  private ask(request: Request, bytes: Uint8Array): Promise<Frame<Reply>> {
    const reply = this.reply();
    this.send(request, bytes);
    return reply;
  }

  private reply(): Promise<Frame<Reply>> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      if (this.ending) this.tellEnd(this.ending);
    });
  }

  private send(request: Request, bytes: Uint8Array) {
    if (this.ending) return;
    // One that asks and does not listen would fill the memory here.
    if (this.channel.writableLength > MOST_BYTES) this.fail(new FormatError('it does not listen'));
    else this.channel.write(frameOf(request, bytes));
  }

  private readonly abort = () => this.stop('aborted');

  private stop(why: Ending['stopped']) {
    this.stopped ??= why;
    this.end();
  }

  private watch() {
    const { pid } = this.process;
    if (pid === undefined) return;
    const { bytes, processes, threads } = usageOf(pid);
    const { memory = DEFAULT_MEMORY } = this.limits;
    if (bytes > memory * MB) this.stop('memory');
    else if (processes > MOST_PROCESSES || threads > MOST_THREADS) {
      this.output += `\nmore than ${MOST_PROCESSES} processes or ${MOST_THREADS} threads`;
      this.stop('crashed');
    } else if (this.launch.own && filesOf(pid, this.launch.own) > MOST_FILES) {
      this.output += `\nmore than ${MOST_FILES} files`;
      this.stop('crashed');
    }
  }

  private finish(natural: Ending['stopped'], how: string) {
    if (this.ending) return;
    const stopped = this.stopped ?? (ranOutOfMemory(this.output) ? 'memory' : natural);
    this.ending = { stopped, details: `${how}\n${this.output}`.trim() };
    this.unwatch();
    this.end();
    this.tellEnd(this.ending);
  }

  private tellEnd(ending: Ending) {
    if (!this.waiting) return;
    this.cutOff = ending;
    const { reject } = this.waiting;
    this.waiting = undefined;
    if (this.call) tf.dispose(this.call.lent);
    this.call = undefined;
    reject(new EndedError(ending.details));
  }

  private end() {
    try {
      if (process.platform === 'win32') this.process.kill('SIGKILL');
      else process.kill(-this.process.pid!, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

/** What a learner's process says of its memory, if it is that. */
function aliveOf(said: Partial<Alive> | undefined): Alive | undefined {
  const { objects, buffers } = said ?? {};
  return typeof objects === 'number' && typeof buffers === 'number'
    ? { objects, buffers }
    : undefined;
}

/** Starts a process, without the message that TensorFlow.js prints when it is first used. */
export function startLearner(launch: Launch, limits: Limits): LearnerProcess {
  tf.enableProdMode();
  return new LearnerProcess(launch, limits);
}

/** Whether an error means that a process has ended. */
export const isEnd = (error: unknown) => error instanceof EndedError;

const ranOutOfMemory = (output: string) =>
  /heap out of memory|Array buffer allocation failed/.test(output);

/** Whether an exit status is how bubblewrap reports a signal: 128 and its number. */
const isSignal = (status: number | null) => status !== null && status > 128 && status < 160;
