import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Same, testTwoHomes } from '../../test/two-homes';
import { defaultThreads, threadsObstacle } from './node/threads';

describe('the two homes of the library', () => {
  const modules = testTwoHomes(__dirname);

  it('have functions of the same types', () => {
    // The compiler compares them: what is not assignable fails `npm run check`.
    const checked: [
      Same<typeof import('./node/blas'), typeof import('./browser/blas')>,
      Same<typeof import('./node/environment'), typeof import('./browser/environment')>,
      Same<typeof import('./node/gpu'), typeof import('./browser/gpu')>,
      Same<typeof import('./node/listeners'), typeof import('./browser/listeners')>,
      Same<typeof import('./node/machine'), typeof import('./browser/machine')>,
      Same<typeof import('./node/sharing'), typeof import('./browser/sharing')>,
      Same<typeof import('./node/tensorflow'), typeof import('./browser/tensorflow')>,
      Same<typeof import('./node/threads'), typeof import('./browser/threads')>,
    ] = Array(8).fill(true) as never;
    expect(checked).toHaveLength(8);
    expect(modules).toHaveLength(checked.length);
  });
});

describe('threads', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('run in Node.js, and not in Deno', () => {
    expect(threadsObstacle()).toBeUndefined();
    vi.stubGlobal('Deno', {});
    expect(threadsObstacle()).toMatch(/Deno/);
    expect(defaultThreads()).toBe(1);
  });
});
