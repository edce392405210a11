import { type Build, cacheOf, fileFor, isCourseCache, LIST, unchanged } from './files';

/**
 * The service worker of the site: it keeps what a page has loaded, so that it opens without a network and
 * at once; fetches the compressed file where the build has made one, so that no host has to compress;
 * and hands what busy workers ask to their page.
 *
 * Each build of the site has a service worker and a cache of its own. A new one waits until its reader
 * wants it: no page is made of the files of two builds.
 */

/** The build puts it in front of this script. */
declare const BUILD: Build;

/** What a service worker has. TypeScript's types of it exclude those of a page. */
interface Scope {
  registration: { scope: string; active: unknown };
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', hear: (event: Extendable) => void): void;
  addEventListener(type: 'message', hear: (event: MessageEvent) => void): void;
  addEventListener(type: 'fetch', hear: (event: Fetch) => void): void;
}
interface Extendable {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetch extends Extendable {
  request: Request;
  respondWith(answer: Response | Promise<Response>): void;
}

const worker = self as EventTarget as Scope & EventTarget;
const root = worker.registration.scope;

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(activate()));
worker.addEventListener('message', ({ data }) => {
  if (data === 'take over') void worker.skipWaiting();
});
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.pathname === '/api/service-worker-heartbeat') {
    event.respondWith(new Response('ok'));
  } else if (request.method === 'POST' && url.pathname.includes('/api/stdin/')) {
    event.respondWith(askPage(request));
  } else if (request.method === 'GET' && request.cache !== 'no-store') {
    const path = fileFor(url, root, BUILD.files);
    if (path !== undefined) event.respondWith(answer(path, event));
  }
});

/** What earlier pages have loaded stays loaded: from their cache where it is the same, or again. */
async function install(): Promise<void> {
  const cache = await caches.open(cacheOf(BUILD));
  for (const name of (await caches.keys()).filter(isCourseCache)) {
    if (name !== cacheOf(BUILD)) await takeOver(await caches.open(name), cache);
  }
  await cache.put(`${root}${LIST}`, new Response(JSON.stringify(BUILD.files)));
  if (!worker.registration.active) await worker.skipWaiting();
}

async function takeOver(from: Cache, to: Cache): Promise<void> {
  const before: Build['files'] = (await (await from.match(`${root}${LIST}`))?.json()) ?? {};
  const same = new Set(unchanged(before, BUILD.files));
  for (const { url } of await from.keys()) {
    const path = url.slice(root.length);
    if (!(path in BUILD.files)) continue;
    const kept = same.has(path) ? await from.match(url) : undefined;
    await to.put(url, kept ?? (await load(path)));
  }
}

async function activate(): Promise<void> {
  const names = (await caches.keys()).filter(isCourseCache);
  await Promise.all(
    names.filter((name) => name !== cacheOf(BUILD)).map((name) => caches.delete(name)),
  );
  await worker.clients.claim();
}

/** The frame in which cells run: the browser gives a process of its own to what has this header. */
const FRAME = /\/implicit-kernel\/static\/cells\.html$/;

async function answer(path: string, event: Extendable): Promise<Response> {
  const file = await find(path, event);
  if (!FRAME.test(path)) return file;
  const headers = new Headers(file.headers);
  headers.set('Document-Isolation-Policy', 'isolate-and-require-corp');
  return new Response(file.body, { status: file.status, headers });
}

/** The cache of this build, opened once: a page asks for more than a hundred files. */
let opening: Promise<Cache> | undefined;

async function find(path: string, event: Extendable): Promise<Response> {
  opening ??= caches.open(cacheOf(BUILD));
  const cache = await opening.catch(() => undefined);
  const kept = await cache?.match(root + path);
  if (kept) return kept;
  const loaded = await load(path);
  // A browser without room keeps nothing; the page has the file all the same.
  if (loaded.ok)
    event.waitUntil(cache?.put(root + path, loaded.clone()).catch(() => {}) ?? Promise.resolve());
  return loaded;
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  json: 'application/json',
  ipynb: 'application/json',
  css: 'text/css',
  html: 'text/html',
  md: 'text/markdown',
  svg: 'image/svg+xml',
  wasm: 'application/wasm',
};

/** Fetches a file, unpacked. Hosts may have kept an old answer for a while: they are asked again. */
async function load(path: string): Promise<Response> {
  const isPacked = BUILD.files[path]![1] === 1 && typeof DecompressionStream === 'function';
  const response = await fetch(root + encodeURI(path) + (isPacked ? '.gz' : ''), {
    cache: 'no-cache',
  });
  if (!isPacked) return response;
  if (!response.ok || !response.body) return fetch(root + encodeURI(path), { cache: 'no-cache' });
  // The host's own headers: they may isolate the page.
  const headers = new Headers(response.headers);
  const isUnpacked = headers.has('Content-Encoding');
  for (const name of ['Content-Encoding', 'Content-Length', 'ETag']) headers.delete(name);
  const extension = path.slice(path.lastIndexOf('.') + 1);
  headers.set('Content-Type', TYPES[extension] ?? 'application/octet-stream');
  const body = isUnpacked
    ? response.body
    : response.body.pipeThrough(new DecompressionStream('gzip'));
  return new Response(body, { headers });
}

/** The channel on which JupyterLite's pages hear their workers. */
const channel = new BroadcastChannel('/sw-api.v1');

async function askPage(request: Request): Promise<Response> {
  const question = await request.json();
  const requestId: string = question.requestId ?? crypto.randomUUID();
  const { browsingContextId } = question;
  const heard = new Promise<unknown>((resolve) => {
    const hear = ({ data }: MessageEvent) => {
      if (data.browsingContextId !== browsingContextId || data.requestId !== requestId) return;
      if (data.response === undefined) return;
      channel.removeEventListener('message', hear);
      resolve(data.response);
    };
    channel.addEventListener('message', hear);
  });
  channel.postMessage({ ...question, requestId, pathname: new URL(request.url).pathname });
  return Response.json(await heard);
}
