import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { Transform } from 'node:stream';

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.ico': 'image/x-icon',
  '.webmanifest': 'application/manifest+json',
};

/**
 * A plain server of files, below `prefix` of its address.
 *
 * @param {string} folder
 * @param {{ port?: number, prefix?: string, isolated?: boolean, bitsPerSecond?: number }} options
 *   `isolated` sends the headers that let a page share memory with its workers; `bitsPerSecond` is what
 *   all answers together may take
 * @returns {Promise<{ url: string, bytesBy(when: number): number, close(): void }>}
 *   `bytesBy` a time, in milliseconds of `Date.now()`, is what had arrived by then
 */
export function serve(folder, { port = 0, prefix = '/', isolated = false, bitsPerSecond } = {}) {
  const line = new Line(bitsPerSecond);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = fileFor(folder, prefix, decodeURIComponent(pathname));
    if (isolated) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    response.setHeader('Cache-Control', 'no-cache');
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
    response.setHeader('Content-Length', statSync(file).size);
    createReadStream(file).pipe(line.passage()).pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const found = typeof address === 'object' && address ? address.port : port;
      resolve({
        url: `http://127.0.0.1:${found}${prefix}`,
        bytesBy: (when) => line.bytesBy(when),
        close() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

/** What all answers go through, one piece after the other. */
class Line {
  /** @type {{ at: number, bytes: number }[]} */
  #arrivals = [];
  /** When what was sent so far has arrived. */
  #free = 0;
  #bitsPerSecond;

  /** @param {number | undefined} bitsPerSecond */
  constructor(bitsPerSecond) {
    this.#bitsPerSecond = bitsPerSecond;
  }

  passage() {
    const line = this;
    return new Transform({
      transform(piece, _encoding, done) {
        const now = Date.now();
        const takes = line.#bitsPerSecond ? (8000 * piece.length) / line.#bitsPerSecond : 0;
        line.#free = Math.max(now, line.#free) + takes;
        line.#arrivals.push({ at: line.#free, bytes: piece.length });
        if (takes === 0) return void done(null, piece);
        setTimeout(done, line.#free - now, null, piece);
      },
    });
  }

  /** @param {number} when */
  bytesBy(when) {
    return this.#arrivals.reduce((sum, { at, bytes }) => (at <= when ? sum + bytes : sum), 0);
  }
}

/**
 * @param {string} folder
 * @param {string} prefix
 * @param {string} path
 */
function fileFor(folder, prefix, path) {
  if (!path.startsWith(prefix)) return undefined;
  const inside = normalize(path.slice(prefix.length));
  if (inside.startsWith('..')) return undefined;
  for (const file of [join(folder, inside), join(folder, inside, 'index.html')]) {
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  return undefined;
}
