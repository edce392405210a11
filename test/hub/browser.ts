import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';

interface Cookie {
  value: string;
  path: string;
}

export interface Answer {
  status: number;
  /** Where it came from, after redirections. */
  url: URL;
  text: string;
}

interface Sending {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** What a browser does between pages: keeps cookies by their paths, and follows where it is led. */
export class Browser {
  private readonly cookies = new Map<string, Cookie>();

  constructor(readonly origin: string) {}

  /** The cookies for an address, as a header. */
  cookiesFor(path: string): string {
    return [...this.matching(path)].map(([name, { value }]) => `${name}=${value}`).join('; ');
  }

  cookie(name: string, path: string): string | undefined {
    return new Map(this.matching(path)).get(name)?.value;
  }

  async fetch(path: string, sending: Sending = {}): Promise<Answer> {
    let url = new URL(path, this.origin);
    let next = sending;
    for (let hop = 0; hop < 20; hop++) {
      const { status, location, text } = await this.once(url, next);
      if (status < 300 || status >= 400 || location === undefined) return { status, url, text };
      url = new URL(location, url);
      if (url.origin !== this.origin) throw new Error(`led away, to ${url.origin}`);
      next = {};
    }
    throw new Error(`led in circles at ${path}`);
  }

  private once(url: URL, { method = 'GET', headers = {}, body }: Sending) {
    const request = url.protocol === 'https:' ? secureRequest : plainRequest;
    return new Promise<{ status: number; location: string | undefined; text: string }>(
      (resolve, reject) => {
        const asked = request(
          url,
          {
            method,
            agent: false,
            rejectUnauthorized: false,
            headers: { Cookie: this.cookiesFor(url.pathname), ...headers },
          },
          (answer) => {
            this.keep(answer.headers['set-cookie'] ?? []);
            let text = '';
            answer.setEncoding('utf8').on('data', (part: string) => {
              text += part;
            });
            answer.on('end', () =>
              resolve({ status: answer.statusCode ?? 0, location: answer.headers.location, text }),
            );
            answer.on('error', reject);
          },
        );
        asked.on('error', reject);
        asked.end(body);
      },
    );
  }

  private keep(lines: string[]): void {
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(/;\s*/);
      const name = pair.slice(0, pair.indexOf('='));
      const value = pair.slice(name.length + 1);
      const path = attributes.find((one) => /^path=/i.test(one))?.slice('path='.length) ?? '/';
      const key = `${name} ${path}`;
      const isOver = attributes.some(
        (one) => /^expires=/i.test(one) && Date.parse(one.slice('expires='.length)) < Date.now(),
      );
      if (isOver) this.cookies.delete(key);
      else this.cookies.set(key, { value, path });
    }
  }

  /** From the general to the special, so that the last one of a name is the one meant. */
  private matching(path: string): [string, Cookie][] {
    const found = [...this.cookies]
      .filter(([, cookie]) => path.startsWith(cookie.path))
      .sort(([, a], [, b]) => a.path.length - b.path.length)
      .map(([key, cookie]): [string, Cookie] => [key.split(' ')[0]!, cookie]);
    return [...new Map(found)];
  }
}
