import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startEarly, takeCompiler } from './early-compiler';

const SCRIPTS = 'https://host/lite/static/';

class FakeWorker {
  readonly posted: unknown[] = [];
  constructor(readonly url: string) {
    started.push(this);
  }
  postMessage(message: unknown): void {
    this.posted.push(message);
  }
}
const started: FakeWorker[] = [];

beforeEach(() => {
  started.length = 0;
  vi.stubGlobal('Worker', FakeWorker);
});
afterEach(() => vi.unstubAllGlobals());

test('a page that opens a notebook starts the compiler once, and its first kernel takes it', () => {
  vi.stubGlobal('location', { search: '?path=notebooks/01-stiffness.ipynb' });
  startEarly(SCRIPTS);
  expect(started).toHaveLength(1);
  expect(started[0]).toMatchObject({
    url: `${SCRIPTS}compiler.js`,
    posted: [{ archive: `${SCRIPTS}types.json.gz` }],
  });
  expect(takeCompiler(SCRIPTS)).toBe(started[0]);
  expect(takeCompiler(SCRIPTS)).toBe(started[1]);
  expect(started).toHaveLength(2);
});

test.each(['', '?path=notebooks/README.md'])('one that opens none waits: "%s"', (search) => {
  vi.stubGlobal('location', { search });
  startEarly(SCRIPTS);
  expect(started).toHaveLength(0);
  expect(takeCompiler(SCRIPTS)).toBe(started[0]);
});
