import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import type { FromChild, ToChild } from '../child/messages';
import type { Child, ChildEvents } from '../server';
import { endStarted, MARK } from './child/processes';
import { type End, endingOf } from './ending';
import { BOOT, CHILD, NATIVE } from './paths';

/** How long the pipes of a process that has ended may take to be read. */
const PIPES_MS = 2000;

/** How Node.js begins its report before it aborts. */
const ABORT_REPORT =
  /\n?<--- Last few GCs --->|(?:FATAL ERROR|Fatal error)|\n?----- Native stack trace|\n?\s*#\s+\S*node\S*\[\d+\]/;

/**
 * Where many share a machine, the engine keeps less room for what is new: 26 MB of a process with
 * TensorFlow.js and the library.
 */
const thrift = (): string[] =>
  process.env.IMPLICIT_KERNEL_REST_SECONDS === undefined ? [] : ['--max-semi-space-size=2'];

/** The process in which cells run, seen from its parent. */
export class ChildProcessOfCells implements Child {
  private readonly process: ChildProcess;
  private readonly mark = randomUUID();
  private lastWords = '';
  /** What a cell ended the process with. */
  private exitCode: number | undefined;

  constructor(private readonly events: ChildEvents) {
    // An interrupt may end JavaScript inside a hook, which Node.js would otherwise die of.
    // Workers and processes that a cell starts inherit what reads TypeScript.
    const flags = [
      '--no-force-async-hooks-checks',
      '--experimental-import-meta-resolve',
      '--require',
      NATIVE,
      '--require',
      require.resolve('tsx/cjs'),
      ...thrift(),
    ];
    this.process = spawn(process.execPath, [...flags, BOOT, CHILD], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, [MARK]: this.mark },
      // In a separate process group, so that signals to the kernel's group do not reach it.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    this.listen();
  }

  send(message: ToChild): void {
    const pipe = this.process.stdio[4] as Writable;
    if (pipe.writable) pipe.write(`${JSON.stringify(message)}\n`);
  }

  /** Ends the process at once, and all that its cells have started. */
  kill(): void {
    if (process.platform === 'win32') this.endStarted();
    this.process.kill('SIGKILL');
    this.endStarted();
  }

  /** Resolves once the process has ended. */
  get ended(): Promise<void> {
    const { process } = this;
    if (process.exitCode !== null || process.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => void process.once('exit', () => resolve()));
  }

  private end(end: End): void {
    this.events.ended(endingOf(end, this.exitCode));
  }

  private endStarted(): void {
    if (this.process.pid !== undefined) endStarted(this.process.pid, this.mark);
  }

  /** The report that Node.js writes when it aborts is kept for the message about it. */
  private withoutLastWords(text: string): string {
    const shown = text.replace(/Waiting for the debugger to disconnect\.\.\.\n/, '');
    const at = this.lastWords === '' ? shown.search(ABORT_REPORT) : 0;
    if (at < 0) return shown;
    this.lastWords = (this.lastWords + shown.slice(at)).slice(0, 20_000);
    return shown.slice(0, at);
  }

  private listen(): void {
    const [, , , messages, pipe, inspector] = this.process.stdio as (Readable | Writable)[];
    pipe!.on('error', () => {});
    eachLine(messages as Readable, (line) => {
      const message = parseMessage(line);
      if (message?.type === 'exiting') this.exitCode = message.code;
      if (message) this.events.message(message);
    });
    eachLine(inspector as Readable, (line) => this.events.inspector(JSON.parse(line)));
    for (const name of ['stdout', 'stderr'] as const) {
      const output = this.process[name]!;
      output.setEncoding('utf8');
      output.on('data', (text: string) => {
        const shown = name === 'stderr' ? this.withoutLastWords(text) : text;
        if (shown !== '') this.events.output(name, shown);
      });
    }
    this.process.once('exit', () => {
      this.endStarted();
      // What holds the pipes open and could not be ended is not waited for.
      setTimeout(() => {
        for (const pipe of this.process.stdio) pipe?.destroy();
      }, PIPES_MS).unref();
    });
    // 'close' comes after all pipes are read to their end: nothing that was written is lost.
    this.process.once('close', (code, signal) => {
      this.end({ code, signal, lastWords: this.lastWords });
    });
    this.process.once('error', (error) => {
      this.end({ code: null, signal: null, lastWords: String(error) });
    });
  }
}

function eachLine(pipe: Readable, hear: (line: string) => void): void {
  let partial = '';
  pipe.setEncoding('utf8');
  pipe.on('error', () => {});
  pipe.on('data', (text: string) => {
    const lines = (partial + text).split('\n');
    partial = lines.pop()!;
    for (const line of lines) hear(line);
  });
}

/** A cell can write to the pipe as well: what is not a message is left out. */
function parseMessage(line: string): FromChild | undefined {
  try {
    const message: FromChild | null = JSON.parse(line);
    return typeof message?.type === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
