import { createRequire } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Bundle, inNotebook, publish } from './display';

const KERNEL = Symbol.for('implicit-kernel.display');
const TSLAB = '/anywhere/node_modules/tslab/dist/jupyter.js';
const host = globalThis as { [KERNEL]?: unknown };
const { cache } = createRequire(__filename);
const bundle: Bundle = { data: { 'text/plain': 'in words' }, transient: { display_id: 'a' } };

afterEach(() => {
  delete host[KERNEL];
  delete cache[TSLAB];
  vi.restoreAllMocks();
});

describe('publish', () => {
  it('hands the whole bundle to the kernel', () => {
    const show = vi.fn();
    host[KERNEL] = show;
    publish(bundle, true);
    expect(show).toHaveBeenCalledExactlyOnceWith(bundle, true);
    expect(inNotebook()).toBe(true);
  });

  it('hands it to tslab where tslab runs the program', () => {
    const lastWriteDisplayData = vi.fn();
    cache[TSLAB] = { exports: { lastWriteDisplayData } } as unknown as NodeJS.Module;
    publish(bundle);
    expect(lastWriteDisplayData).toHaveBeenCalledExactlyOnceWith(bundle, false);
  });

  it('prints the words elsewhere, once', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    publish(bundle);
    publish(bundle, true);
    expect(log).toHaveBeenCalledExactlyOnceWith('in words');
    expect(inNotebook()).toBe(false);
  });
});
