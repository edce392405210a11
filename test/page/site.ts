import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { chromiumPath, PATIENCE_MS } from '../needs';
import type { Call } from './worker';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

const PAGE = `<!doctype html><script>
  const worker = new Worker('/worker.js', { type: 'module' });
  const waiting = new Map();
  let count = 0;
  worker.onmessage = ({ data: { id, ...answer } }) => waiting.get(id)(answer);
  worker.onerror = ({ message }) => { for (const done of waiting.values()) done({ error: message }); };
  window.ask = (call) => new Promise((resolve) => {
    waiting.set(++count, resolve);
    worker.postMessage({ id: count, call });
  });
</script>`;

const ISOLATING = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Chromium with its software adapter for WebGPU. */
const SOFTWARE_GPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** A host that has nothing but the library for a page, and a browser that visits it. */
export class Site {
  /** The hosts that anything in the browser has asked. */
  readonly hosts = new Set<string>();
  private readonly worker: string;
  private server: Server | undefined;
  private browser: Browser | undefined;

  /** @param folder what `npm run build:browser` has written. */
  constructor(
    private readonly folder: string,
    private readonly isolated: boolean,
  ) {
    const { outputFiles } = buildSync({
      entryPoints: [join(__dirname, 'worker.ts')],
      bundle: true,
      write: false,
      format: 'esm',
      target: 'es2022',
    });
    this.worker = outputFiles[0]!.text;
  }

  async start(): Promise<void> {
    this.server = createServer((request, response) => {
      const path = new URL(request.url!, 'http://localhost').pathname;
      const content = this.content(path);
      const type =
        path === '/' ? 'text/html' : (TYPES[extname(path)] ?? 'application/octet-stream');
      response.writeHead(content === undefined ? 404 : 200, {
        'Content-Type': type,
        ...(this.isolated && ISOLATING),
      });
      response.end(content);
    });
    await new Promise<void>((resolve) => this.server!.listen(0, '127.0.0.1', resolve));
    this.browser = await chromium.launch({
      executablePath: chromiumPath()!,
      timeout: PATIENCE_MS,
      args: [
        '--no-sandbox',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        ...SOFTWARE_GPU,
      ],
    });
  }

  async stop(): Promise<void> {
    await this.browser?.close();
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(undefined));
  }

  /** A page whose worker has loaded the library. Pages of one profile share what a browser keeps. */
  async open(directory?: string, profile = this.newProfile(), forgets = false): Promise<Visit> {
    const context = await profile;
    const page = await context.newPage();
    const { port } = this.server!.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/`);
    const visit = new Visit(page);
    await visit.ask({ do: 'start', forgets, ...(directory !== undefined && { directory }) });
    return visit;
  }

  async newProfile() {
    const context = await this.browser!.newContext();
    context.setDefaultTimeout(PATIENCE_MS);
    context.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (/^(http|ws)/.test(protocol)) this.hosts.add(hostname);
    });
    return context;
  }

  private content(path: string): string | Buffer | undefined {
    if (path === '/') return PAGE;
    if (path === '/worker.js') return this.worker;
    const [, name] = /^\/lib\/([\w./-]+)$/.exec(path) ?? [];
    try {
      return name && !name.includes('..') ? readFileSync(join(this.folder, name)) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** A page with its worker. */
export class Visit {
  constructor(readonly page: Page) {}

  /** @throws Error with what the worker has thrown. */
  async ask<T>(call: Call): Promise<T> {
    const answer = await this.page.evaluate(
      (given) =>
        (globalThis as typeof globalThis & { ask(call: unknown): Promise<unknown> }).ask(given),
      call as unknown,
    );
    const { value, error } = answer as { value: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }

  cell<T>(code: string): Promise<T> {
    return this.ask<T>({ do: 'cell', code });
  }

  shown(): Promise<{ data: Record<string, string>; transient?: object }[]> {
    return this.ask({ do: 'shown' });
  }
}
