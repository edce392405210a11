import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bundle, Stream } from '../child/messages';
import { Compiler } from '../compiler';
import {
  Channels,
  type Connection,
  type Header,
  type Json,
  type Message,
  PROTOCOL_VERSION,
  type RequestChannel,
} from '../protocol';
import type { Ending } from './child';
import { endingError } from './ending';
import { History } from './history';
import { Output } from './output';
import { type Outcome, Runner, type RunnerEvents } from './runner';
import { type ErrorContent, errorOf, typeErrorsOf } from './traceback';

/** Requests that come in together with one that fails are aborted; this long they may take. */
const SETTLE_MS = 10;

/** How a cell ended, in the protocol's terms. */
type Verdict = { ok: true; result?: Bundle } | { ok: false; error: ErrorContent };

type Execution = { channel: RequestChannel; request: Message };

/** The kernel: answers requests, and lets cells run one after the other. */
export class Kernel {
  private readonly compiler = new Compiler();
  private readonly history = new History();
  private readonly channels: Channels;
  private readonly output: Output;
  private readonly runner: Runner;
  private readonly queue: Execution[] = [];
  /** What was executed, by the number that its stack frames carry. */
  private readonly sources = new Map<number, string>();
  private readonly headers = new Map<number, Header>();
  private executing: Message | undefined;
  private interrupted = false;
  private lastCell = 0;
  private executionCount = 0;

  constructor(connection: Connection) {
    this.channels = new Channels(connection);
    this.output = new Output(this.channels);
    this.runner = new Runner(this.runnerEvents());
  }

  async start(): Promise<void> {
    await this.channels.open((channel, request) => void this.receive(channel, request));
    this.channels.publish('status', { execution_state: 'starting' }, undefined);
  }

  /** What Ctrl-C does in the terminal that started the kernel. */
  interrupt(): void {
    if (!this.executing) return;
    this.interrupted = true;
    this.runner.interrupt();
  }

  async stop(): Promise<void> {
    this.runner.stop();
    this.output.flush();
    await this.channels.close();
  }

  private async receive(channel: RequestChannel, request: Message): Promise<void> {
    if (channel === 'stdin') {
      if (request.header.msg_type === 'input_reply') {
        this.runner.answerInput(String(request.content.value ?? ''));
      }
      return;
    }
    if (request.header.msg_type === 'execute_request') {
      this.queue.push({ channel, request });
      if (!this.executing) void this.executeAll();
      return;
    }
    this.status('busy', request.header);
    try {
      await this.answer(channel, request);
    } catch (error) {
      const { name, message } = error as Error;
      const type = request.header.msg_type.replace(/request$/, 'reply');
      const content = { status: 'error', ename: name, evalue: message, traceback: [] };
      this.channels.reply(channel, request, type, content);
    }
    this.status('idle', request.header);
    // The client may only look at the state: it is the running cell's again.
    if (this.executing) this.status('busy', this.executing.header);
  }

  private async answer(channel: RequestChannel, request: Message): Promise<void> {
    const { content } = request;
    const reply = (type: string, answer: Json): void =>
      this.channels.reply(channel, request, type, { status: 'ok', ...answer });
    switch (request.header.msg_type) {
      case 'kernel_info_request':
        return reply('kernel_info_reply', kernelInfo());
      case 'complete_request': {
        const [code, cursor] = codeAndCursor(content);
        const { matches, start, end } = await this.compiler.call('complete', code, cursor);
        const position = {
          cursor_start: toCodePoints(code, start),
          cursor_end: toCodePoints(code, end),
        };
        return reply('complete_reply', { matches, ...position, metadata: {} });
      }
      case 'inspect_request': {
        const text = await this.compiler.call('inspect', ...codeAndCursor(content));
        const data = text === undefined ? {} : { 'text/plain': text };
        return reply('inspect_reply', { found: text !== undefined, data, metadata: {} });
      }
      case 'is_complete_request': {
        const answer = await this.compiler.call('completeness', String(content.code ?? ''));
        return reply('is_complete_reply', { ...answer });
      }
      case 'history_request':
        return reply('history_reply', { history: this.history.answer(content) });
      case 'comm_info_request':
        return reply('comm_info_reply', { comms: {} });
      case 'interrupt_request':
        this.interrupt();
        return reply('interrupt_reply', {});
      case 'shutdown_request': {
        const answer = { restart: content.restart === true };
        reply('shutdown_reply', answer);
        this.channels.publish('shutdown_reply', { status: 'ok', ...answer }, request.header);
        await this.stop();
        process.exit(0);
      }
    }
  }

  private async executeAll(): Promise<void> {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      const { channel, request } = next;
      this.executing = request;
      this.interrupted = false;
      this.status('busy', request.header);
      const failed = await this.execute(channel, request);
      this.executing = undefined;
      this.status('idle', request.header);
      if (failed && request.content.stop_on_error !== false) await this.abortWaiting();
    }
  }

  /** @returns whether the cell failed. */
  private async execute(channel: RequestChannel, request: Message): Promise<boolean> {
    const { content, header } = request;
    const code = String(content.code ?? '');
    const silent = content.silent === true;
    if (!silent) {
      this.executionCount++;
      this.output.publish('execute_input', { code, execution_count: this.executionCount }, header);
    }
    const execution_count = this.executionCount;
    const verdict = await this.evaluate(code, request, true);
    if (verdict.ok && verdict.result && !silent) {
      const { data, metadata = {} } = verdict.result;
      this.output.publish('execute_result', { execution_count, data, metadata }, header);
    }
    if (!verdict.ok) this.output.publish('error', verdict.error, header);
    if (!silent && content.store_history !== false) {
      const text = verdict.ok ? verdict.result?.data['text/plain'] : undefined;
      this.history.add(execution_count, code, typeof text === 'string' ? text : null);
    }
    this.output.flush();
    const answer = verdict.ok
      ? { status: 'ok', payload: [], user_expressions: await this.userExpressions(request) }
      : { status: 'error', ...verdict.error };
    this.channels.reply(channel, request, 'execute_reply', { ...answer, execution_count });
    return !verdict.ok;
  }

  private async evaluate(code: string, request: Message, keep: boolean): Promise<Verdict> {
    const compiled = await this.compiler.call('compile', code);
    if (!compiled.ok) return { ok: false, error: typeErrorsOf(compiled.diagnostics, code) };
    if (this.interrupted) {
      const failure = { name: 'KeyboardInterrupt', message: 'interrupted before it ran' };
      return { ok: false, error: errorOf(failure, this.sources) };
    }
    const id = ++this.lastCell;
    this.sources.set(id, code);
    this.headers.set(id, request.header);
    const allowInput = request.content.allow_stdin === true;
    const outcome = await this.runner.run({ id, allowInput, ...compiled });
    return this.judge(outcome, keep);
  }

  private judge(outcome: Outcome, keep: boolean): Verdict {
    if (outcome.type === 'lost') {
      return { ok: false, error: endingError(outcome.ending, outcome.exitCode) };
    }
    if (outcome.ok) {
      if (keep) void this.compiler.call('commit');
      return { ok: true, result: outcome.result };
    }
    if (keep) void this.compiler.call('commit', outcome.made);
    return { ok: false, error: errorOf(outcome.failure, this.sources) };
  }

  private async userExpressions(request: Message): Promise<Json> {
    const results: Json = {};
    const expressions = (request.content.user_expressions ?? {}) as Record<string, unknown>;
    for (const [name, expression] of Object.entries(expressions)) {
      const verdict = await this.evaluate(`(${expression})`, request, false);
      results[name] = verdict.ok
        ? { status: 'ok', data: verdict.result?.data ?? {}, metadata: {} }
        : { status: 'error', ...verdict.error };
    }
    return results;
  }

  private async abortWaiting(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    for (const { channel, request } of this.queue.splice(0)) {
      this.status('busy', request.header);
      const content = { status: 'aborted', execution_count: this.executionCount };
      this.channels.reply(channel, request, 'execute_reply', content);
      this.status('idle', request.header);
    }
  }

  private runnerEvents(): RunnerEvents {
    return {
      message: (message) => {
        if (!('cell' in message)) return;
        const parent = this.headers.get(message.cell);
        if (!parent) return;
        switch (message.type) {
          case 'stream':
            return this.output.print(message.name, message.text, parent);
          case 'display': {
            const { data, metadata = {}, transient = {} } = message.bundle;
            const type = message.update ? 'update_display_data' : 'display_data';
            return this.output.publish(type, { data, metadata, transient }, parent);
          }
          case 'clear':
            return this.output.publish('clear_output', { wait: message.wait }, parent);
          case 'failure': {
            const { traceback } = errorOf(message.failure, this.sources);
            const text = `${message.heading}\n${traceback.join('\n')}\n`;
            return this.output.print('stderr', text, parent);
          }
          case 'input':
            return this.askForInput(message.prompt, message.password);
        }
      },
      output: (name: Stream, text: string) => {
        const parent = this.headers.get(this.lastCell);
        if (parent) this.output.print(name, text, parent);
      },
      replaced: (ending: Ending, exitCode: number | undefined) => {
        void this.compiler.call('reset');
        const parent = this.headers.get(this.lastCell);
        if (this.executing || !parent) return;
        this.output.print('stderr', `${endingError(ending, exitCode).traceback[0]}\n`, parent);
      },
    };
  }

  private askForInput(prompt: string, password: boolean): void {
    if (!this.executing) return;
    this.output.flush();
    this.channels.reply('stdin', this.executing, 'input_request', { prompt, password });
  }

  private status(execution_state: 'busy' | 'idle', parent: Header): void {
    this.output.publish('status', { execution_state }, parent);
  }
}

function kernelInfo(): Json {
  const version = versionIn(join(__dirname, '..', 'package.json'));
  const typescript = versionIn(require.resolve('typescript/package.json'));
  return {
    protocol_version: PROTOCOL_VERSION,
    implementation: 'implicit-kernel',
    implementation_version: version,
    banner: `TypeScript ${typescript} on Node.js ${process.versions.node}`,
    help_links: [
      { text: 'TypeScript handbook', url: 'https://www.typescriptlang.org/docs/handbook/' },
    ],
    language_info: {
      name: 'typescript',
      version: typescript,
      mimetype: 'text/typescript',
      file_extension: '.ts',
      pygments_lexer: 'typescript',
      codemirror_mode: { mode: 'typescript', name: 'javascript', typescript: true },
      nbconvert_exporter: 'script',
    },
  };
}

function versionIn(packageFile: string): string {
  return JSON.parse(readFileSync(packageFile, 'utf8')).version;
}

/** The protocol counts cursor positions in code points, JavaScript in UTF-16 units. */
function codeAndCursor(content: Json): [string, number] {
  const code = String(content.code ?? '');
  const points = typeof content.cursor_pos === 'number' ? content.cursor_pos : code.length;
  return [code, [...code].slice(0, points).join('').length];
}

function toCodePoints(code: string, units: number): number {
  return [...code.slice(0, units)].length;
}
