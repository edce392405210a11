import type { Bundle } from '../child/messages';
import { CompilationInterrupted, Compiler } from '../compiler';
import { decodeBase64, type Json, type Message } from '../protocol';
import { CommTable, commMessageOf } from './comms';
import type { Debugging, Ending, Home } from './home';
import { Origins } from './origins';
import { Output } from './output';
import { type FromCell, type Outcome, Runner } from './runner';
import { endsInSemicolon, semicolonHides } from './semicolon';
import { type ErrorContent, Tracebacks } from './traceback';

/** How a cell ended, in the protocol's terms. */
export type Verdict = { ok: true; result: Bundle | undefined } | { ok: false; error: ErrorContent };

/** Compiles and runs cells, and publishes what they put out, also after their end. */
export class Evaluator {
  readonly compiler: Compiler;
  readonly comms = new CommTable();
  readonly output: Output;
  readonly debugger: Debugging | undefined;
  private readonly runner: Runner;
  /** What was executed, by the name that its stack frames carry. */
  private readonly sources = new Map<string, string>();
  private readonly tracebacks: Tracebacks;
  private readonly origins = new Origins();
  private request: Message | undefined;
  private interrupted = false;

  constructor(private readonly home: Home) {
    this.compiler = new Compiler(() => home.startCompiler(), home.compilerRest);
    this.output = new Output(home.channels);
    this.tracebacks = new Tracebacks(this.sources, home.files);
    this.runner = new Runner((events) => home.startChild(events), {
      message: (message) => this.receive(message),
      output: (name, text) => {
        const parent = this.origins.latest;
        if (parent) this.output.print(name, text, parent);
      },
      inspector: (method, params) => this.debugger?.receive(method, params),
      replaced: (ending) => this.forget(ending),
    });
    this.debugger = home.startDebugger?.(
      { post: (method, params) => this.runner.inspect(method, params) },
      (event) => {
        const parent = this.request?.header ?? this.origins.latest;
        if (parent) this.output.publish('debug_event', event, parent);
      },
    );
  }

  /**
   * Evaluates `code` as part of `request`.
   *
   * @param count its number on screen; without one, traces call it an expression.
   * @param keep whether later cells see what it declares.
   */
  async evaluate(
    code: string,
    request: Message,
    { count, keep = true }: { count?: number | undefined; keep?: boolean } = {},
  ): Promise<Verdict> {
    this.request = request;
    this.interrupted = false;
    try {
      const compiled = await this.compiler.call('compile', code);
      if (!compiled.ok)
        return { ok: false, error: this.tracebacks.typeErrorsOf(compiled.diagnostics, code) };
      if (this.interrupted) return INTERRUPTED_EARLY;
      for (const advice of compiled.advice)
        this.output.print('stderr', `${advice}\n`, request.header);
      const id = this.origins.ofCell(request);
      const file = count === undefined ? `expression-${id}.ts` : `cell-${count}.ts`;
      this.sources.set(count === undefined ? 'expression' : `cell [${count}]`, code);
      await this.debugger?.prepare(file, code, compiled.mappings);
      const semicolon = { there: endsInSemicolon(code), hides: false };
      if (semicolon.there) semicolon.hides = semicolonHides(request, this.home.notebookMetadata());
      const allowInput = request.content.allow_stdin === true;
      const outcome = await this.runner.run({ id, file, allowInput, semicolon, ...compiled });
      return this.judge(outcome, keep);
    } catch (error) {
      if (error instanceof CompilationInterrupted) return INTERRUPTED_EARLY;
      throw error;
    } finally {
      this.request = undefined;
    }
  }

  /** Ends what runs; where nothing does, nothing happens. */
  interrupt(): void {
    this.interrupted = true;
    this.compiler.interrupt();
    this.runner.interrupt();
  }

  answerInput(text: string): void {
    this.runner.answerInput(text);
  }

  /** Hands a message of the front end to the comms that cells have opened. */
  async sendComm(request: Message): Promise<void> {
    const message = commMessageOf(request);
    this.comms.note(message);
    await this.runner.sendComm(this.origins.ofCommMessage(request), message);
  }

  async stop(): Promise<void> {
    await this.runner.stop();
    this.compiler.stop();
    this.output.flush();
  }

  private judge(outcome: Outcome, keep: boolean): Verdict {
    if (outcome.type === 'lost') {
      return { ok: false, error: endingError(outcome.ending) };
    }
    if (outcome.ok) {
      if (keep) void this.compiler.call('commit');
      return { ok: true, result: outcome.result };
    }
    if (keep) void this.compiler.call('commit', outcome.made);
    return { ok: false, error: this.tracebacks.errorOf(outcome.failure) };
  }

  private receive(message: FromCell): void {
    const parent = this.origins.headerOf(message.cell);
    if (!parent) return;
    switch (message.type) {
      case 'stream':
        this.output.print(message.name, message.text, parent);
        break;
      case 'display': {
        const { data, metadata = {}, transient = {} } = message.bundle;
        const type = message.update ? 'update_display_data' : 'display_data';
        this.output.publish(type, { data, metadata, transient }, parent);
        break;
      }
      case 'clear':
        this.output.publish('clear_output', { wait: message.wait }, parent);
        break;
      case 'failure': {
        const { traceback } = this.tracebacks.errorOf(message.failure);
        this.output.print('stderr', `${message.heading}\n${traceback.join('\n')}\n`, parent);
        break;
      }
      case 'input':
        this.ask(message.prompt, message.password);
        break;
      case 'comm': {
        const { type, content, metadata, buffers } = message.message;
        this.comms.note(message.message);
        const binary = buffers.map(decodeBase64);
        this.output.publish(type, content, parent, { metadata, buffers: binary });
      }
    }
  }

  private ask(prompt: string, password: boolean): void {
    if (!this.request) return;
    this.output.flush();
    this.home.channels.reply('stdin', this.request, 'input_request', { prompt, password });
  }

  /** The process of the cells is gone, and their variables with it. */
  private forget(ending: Ending): void {
    void this.compiler.call('reset');
    this.debugger?.reset();
    this.comms.clear();
    const parent = this.origins.latest;
    if (this.request || !parent) return;
    const { traceback } = endingError(ending);
    this.output.print('stderr', `${traceback.join('\n')}\n`, parent);
  }
}

function endingError({ ename, evalue }: Ending): ErrorContent {
  return { ename, evalue, traceback: [`${ename}: ${evalue}`] };
}

const INTERRUPTED_EARLY: Verdict = {
  ok: false,
  error: {
    ename: 'KeyboardInterrupt',
    evalue: 'the cell was interrupted before it ran',
    traceback: ['KeyboardInterrupt: the cell was interrupted before it ran'],
  },
};

/** What `user_expressions` or an `execute_reply` say about a value or an error. */
export function expressionResult(verdict: Verdict): Json {
  if (!verdict.ok) return { status: 'error', ...verdict.error };
  const { data = {}, metadata = {} } = verdict.result ?? {};
  return { status: 'ok', data, metadata };
}
