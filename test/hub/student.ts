import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Notebook } from '../../course/exercises/source/notebook';
import { type Answer, Browser } from './browser';

/** What a kernel said of a cell. */
export interface Outcome {
  status: string;
  /** What was printed, and errors as text. */
  text: string;
  outputs: { type: string; data: Record<string, unknown> }[];
}

/** Many start at the same time, or there is no server (any more): it is to be asked for again. */
const ASK_AGAIN = [424, 429];
/** Or it is about to be there, or to be missed. */
const LATER = [...ASK_AGAIN, 502, 503];

interface Message {
  channel: string;
  header: { msg_type: string };
  parent_header: { msg_id?: string };
  content: Record<string, unknown>;
}

/** A student at work, over HTTP and a WebSocket as JupyterLab does it. */
export class Student {
  readonly browser: Browser;
  readonly base: string;

  constructor(
    readonly origin: string,
    readonly name: string,
    private readonly password: string,
  ) {
    this.browser = new Browser(origin);
    this.base = `/user/${encodeURIComponent(name)}/`;
  }

  /** Logs in, and says whether it was let in. */
  async logIn(): Promise<boolean> {
    await this.browser.fetch('/hub/login');
    const form = new URLSearchParams({
      username: this.name,
      password: this.password,
      _xsrf: this.browser.cookie('_xsrf', '/hub/login') ?? '',
    });
    const { status, url } = await this.browser.fetch('/hub/login?next=%2Fhub%2Fhome', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    });
    return status === 200 && url.pathname === '/hub/home';
  }

  /** Starts the server, and waits until it answers as this student's. */
  async startServer(): Promise<void> {
    const spawn = `/hub/spawn/${encodeURIComponent(this.name)}`;
    let answer = await this.browser.fetch(spawn);
    for (let i = 0; i < 600; i++) {
      const { status, url } = answer;
      if (status < 400 && url.pathname.startsWith(this.base)) return;
      if (status >= 400 && !LATER.includes(status)) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
      // Neither a page that waits nor one that says it has failed: the server's own.
      const ready = await this.api('GET', 'api/status').catch(() => undefined);
      if (ready?.status === 200) return;
      answer = await this.browser.fetch(ASK_AGAIN.includes(status) ? spawn : `${this.base}lab`);
    }
    throw new Error(
      `no server for ${this.name}: ${answer.status} ${answer.url} ${answer.text.slice(0, 300)}`,
    );
  }

  /** Asks the student's server, or that of another whose base is given. */
  api(method: string, path: string, body?: unknown, base = this.base): Promise<Answer> {
    return this.browser.fetch(base + path, {
      method,
      headers: {
        'Content-Type': 'application/json',
        'X-XSRFToken': this.browser.cookie('_xsrf', base) ?? '',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async open(path: string): Promise<Notebook> {
    const { status, text } = await this.api('GET', `api/contents/${path}?content=1`);
    if (status !== 200) throw new Error(`${path}: ${status} ${text.slice(0, 200)}`);
    return JSON.parse(text).content;
  }

  async save(path: string, content: Notebook): Promise<void> {
    const model = { type: 'notebook', format: 'json', content };
    const { status, text } = await this.api('PUT', `api/contents/${path}`, model);
    if (status >= 300) throw new Error(`${path}: ${status} ${text.slice(0, 200)}`);
  }

  /** Starts the kernel of a notebook, or finds it where it runs. */
  async kernelOf(path: string): Promise<Kernel> {
    const { status, text } = await this.api('POST', 'api/sessions', {
      path,
      name: path,
      type: 'notebook',
      kernel: { name: 'implicit-kernel' },
    });
    if (status >= 300) throw new Error(`no kernel for ${path}: ${status} ${text.slice(0, 300)}`);
    const kernel = new Kernel(this, JSON.parse(text).kernel.id);
    await kernel.connect();
    return kernel;
  }
}

/** A connection to a kernel. */
export class Kernel {
  private readonly session = randomUUID();
  private socket: WebSocket | undefined;
  private readonly waiting = new Map<
    string,
    {
      outcome: Outcome;
      replied: boolean;
      idle: boolean;
      done: (outcome: Outcome) => void;
      failed: (error: Error) => void;
    }
  >();

  constructor(
    private readonly student: Student,
    readonly id: string,
  ) {}

  async connect(): Promise<void> {
    const path = `${this.student.base}api/kernels/${this.id}/channels`;
    const url = `${this.student.origin.replace(/^http/, 'ws')}${path}?session_id=${this.session}`;
    const socket = new WebSocket(url, {
      headers: { Cookie: this.student.browser.cookiesFor(path), Origin: this.student.origin },
      rejectUnauthorized: false,
    });
    this.socket = socket;
    socket.on('message', (data) => this.hear(JSON.parse(data.toString())));
    socket.on('close', () => {
      for (const { failed } of this.waiting.values()) failed(new Error('the connection ended'));
      this.waiting.clear();
    });
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
    });
  }

  disconnect(): void {
    this.socket?.close();
  }

  /** Runs a cell. */
  run(code: string): Promise<Outcome> {
    const id = randomUUID();
    return new Promise((done, failed) => {
      const outcome: Outcome = { status: '', text: '', outputs: [] };
      this.waiting.set(id, { outcome, replied: false, idle: false, done, failed });
      this.socket?.send(
        JSON.stringify({
          channel: 'shell',
          header: {
            msg_id: id,
            msg_type: 'execute_request',
            username: '',
            session: this.session,
            date: new Date().toISOString(),
            version: '5.3',
          },
          parent_header: {},
          metadata: {},
          content: {
            code,
            silent: false,
            store_history: true,
            user_expressions: {},
            allow_stdin: false,
            stop_on_error: false,
          },
          buffers: [],
        }),
      );
    });
  }

  private hear({ header, parent_header, content }: Message): void {
    const id = parent_header.msg_id ?? '';
    const cell = this.waiting.get(id);
    if (header.msg_type === 'status' && content.execution_state === 'restarting') {
      for (const { failed } of this.waiting.values()) failed(new Error('the kernel has died'));
      this.waiting.clear();
      return;
    }
    if (!cell) return;
    const { outcome } = cell;
    if (header.msg_type === 'stream') outcome.text += content.text;
    if (header.msg_type === 'error') outcome.text += `${content.ename}: ${content.evalue}`;
    if (header.msg_type === 'execute_result' || header.msg_type === 'display_data') {
      const data = content.data as Record<string, unknown>;
      outcome.outputs.push({ type: header.msg_type, data });
      if (typeof data['text/plain'] === 'string') outcome.text += data['text/plain'];
    }
    if (header.msg_type === 'execute_reply') {
      outcome.status = String(content.status);
      cell.replied = true;
    }
    if (header.msg_type === 'status' && content.execution_state === 'idle') cell.idle = true;
    if (cell.replied && cell.idle) {
      this.waiting.delete(id);
      cell.done(outcome);
    }
  }
}
