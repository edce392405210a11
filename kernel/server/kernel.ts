import type { Channels, Header, Json, Message, RequestChannel } from '../protocol';
import { Evaluator, expressionResult, type Verdict } from './evaluator';
import { helpTopic } from './help';
import { History } from './history';
import type { Home } from './home';
import { answers } from './requests';

/**
 * Requests that were sent together with one that fails are aborted; this is how long they may take
 * to arrive. One that is sent after the reply is another matter, and runs.
 */
const SETTLE_MS = 10;

type Execution = { channel: RequestChannel; request: Message };

/** The kernel: answers requests as they come, and lets cells run one after the other. */
export class Kernel {
  private readonly channels: Channels;
  private readonly evaluator: Evaluator;
  private readonly history = new History();
  private readonly queue: Execution[] = [];
  private draining = false;
  private executing: Message | undefined;
  private executionCount = 0;

  constructor(private readonly home: Home) {
    this.channels = home.channels;
    this.evaluator = new Evaluator(home);
  }

  async start(): Promise<void> {
    await this.channels.open((channel, request) => void this.receive(channel, request));
    this.channels.publish('status', { execution_state: 'starting' }, undefined);
  }

  /** What Ctrl-C does in the terminal that started the kernel. */
  interrupt(): void {
    this.evaluator.interrupt();
  }

  async stop(): Promise<void> {
    await this.evaluator.stop();
    await this.channels.close();
  }

  private async receive(channel: RequestChannel, request: Message): Promise<void> {
    const type = request.header.msg_type;
    if (channel === 'stdin') {
      if (type === 'input_reply') this.evaluator.answerInput(String(request.content.value ?? ''));
    } else if (type === 'execute_request') {
      this.queue.push({ channel, request });
      if (!this.draining) await this.drain();
    } else {
      this.status('busy', request.header);
      await this.answer(channel, request);
      this.status('idle', request.header);
      // A client may only look at the state: it is the running cell's again.
      if (this.executing) this.status('busy', this.executing.header);
    }
  }

  private async answer(channel: RequestChannel, request: Message): Promise<void> {
    const type = request.header.msg_type;
    if (type.startsWith('comm_') && type !== 'comm_info_request') {
      return this.evaluator.sendComm(request);
    }
    if (type === 'debug_request') {
      const answer = await this.evaluator.debugger?.answer(request.content);
      return this.channels.reply(channel, request, 'debug_reply', answer ?? {});
    }
    if (type === 'shutdown_request') return this.shutDown(channel, request);
    const answer = answers[type];
    if (!answer) return;
    let content: Json;
    try {
      const { evaluator, history, home } = this;
      const sources = { evaluator, history, home };
      content = { status: 'ok', ...(await answer(request, sources)) };
    } catch (error) {
      const { name, message, stack = '' } = error as Error;
      console.error(`${type} failed: ${stack}`);
      content = { status: 'error', ename: name, evalue: message, traceback: [] };
    }
    this.channels.reply(channel, request, type.replace(/request$/, 'reply'), content);
  }

  private async shutDown(channel: RequestChannel, request: Message): Promise<void> {
    const content = { status: 'ok', restart: request.content.restart === true };
    this.channels.reply(channel, request, 'shutdown_reply', content);
    this.channels.publish('shutdown_reply', content, request.header);
    this.status('idle', request.header);
    await this.stop();
    this.home.exit();
  }

  private async drain(): Promise<void> {
    this.draining = true;
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      const { channel, request } = next;
      this.executing = request;
      this.status('busy', request.header);
      const aborted = await this.execute(channel, request);
      this.executing = undefined;
      this.status('idle', request.header);
      this.abort(aborted);
    }
    this.draining = false;
  }

  /** @returns the requests that are not to run because this one failed. */
  private async execute(channel: RequestChannel, request: Message): Promise<Execution[]> {
    const { content, header } = request;
    const { output } = this.evaluator;
    const code = String(content.code ?? '');
    const silent = content.silent === true;
    if (!silent) this.executionCount++;
    const execution_count = this.executionCount;
    if (!silent) output.publish('execute_input', { code, execution_count }, header);
    const topic = helpTopic(code);
    const count = silent ? undefined : execution_count;
    const verdict: Verdict =
      topic === undefined
        ? await this.evaluate(code, request, { count })
        : { ok: true, result: undefined };
    if (!verdict.ok) {
      output.publish('error', verdict.error, header);
    } else if (verdict.result && !silent) {
      const { data, metadata = {} } = verdict.result;
      output.publish('execute_result', { execution_count, data, metadata }, header);
    }
    if (!silent && content.store_history !== false) this.remember(code, verdict);
    output.flush();
    const stop = !verdict.ok && content.stop_on_error !== false;
    const aborted = stop ? await this.takeWaiting() : [];
    const answer = verdict.ok
      ? {
          status: 'ok',
          payload: topic === undefined ? [] : [await this.page(topic)],
          user_expressions: await this.userExpressions(request),
        }
      : { status: 'error', ...verdict.error };
    this.channels.reply(channel, request, 'execute_reply', { ...answer, execution_count });
    return aborted;
  }

  /** An error of the kernel's own ends the cell, not the kernel. */
  private async evaluate(
    ...parameters: Parameters<Evaluator['evaluate']>
  ): ReturnType<Evaluator['evaluate']> {
    try {
      return await this.evaluator.evaluate(...parameters);
    } catch (error) {
      const { name, message, stack = '' } = error as Error;
      const traceback = ['The kernel itself failed at this cell:', ...stack.split('\n')];
      return { ok: false, error: { ename: name, evalue: message, traceback } };
    }
  }

  private remember(code: string, verdict: Verdict): void {
    const text = verdict.ok ? verdict.result?.data['text/plain'] : undefined;
    this.history.add(this.executionCount, code, typeof text === 'string' ? text : null);
  }

  /** What the front end shows in its pager. */
  private async page(topic: string): Promise<Json> {
    const asked = this.evaluator.compiler.call('inspect', topic, topic.length);
    const text = await asked.catch((error: Error) => `The compiler failed: ${error.message}`);
    const data = { 'text/plain': text ?? `Nothing is known about ${topic}.` };
    return { source: 'page', data, start: 0 };
  }

  private async userExpressions(request: Message): Promise<Json> {
    const results: Json = {};
    for (const [name, expression] of Object.entries(request.content.user_expressions ?? {})) {
      results[name] = expressionResult(
        await this.evaluate(`(${expression})`, request, { keep: false }),
      );
    }
    return results;
  }

  private async takeWaiting(): Promise<Execution[]> {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return this.queue.splice(0);
  }

  private abort(executions: readonly Execution[]): void {
    for (const { channel, request } of executions) {
      this.status('busy', request.header);
      const content = { status: 'aborted', execution_count: this.executionCount };
      this.channels.reply(channel, request, 'execute_reply', content);
      this.status('idle', request.header);
    }
  }

  private status(execution_state: 'busy' | 'idle', parent: Header): void {
    this.evaluator.output.publish('status', { execution_state }, parent);
  }
}
