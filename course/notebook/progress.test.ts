import { InputError } from 'implicit-lab';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../output';
import { progress, track } from './progress';

const KERNEL = Symbol.for('implicit-kernel.display');
const CELL_END = Symbol.for('implicit-kernel.cell-end');
const host = globalThis as { [KERNEL]?: unknown; [CELL_END]?: Set<() => void> };

let shown: { bundle: Bundle; update: boolean }[];
const texts = () => shown.map(({ bundle }) => bundle.data['text/plain']);
const wait = (milliseconds: number) => vi.advanceTimersByTime(milliseconds);

beforeEach(() => {
  vi.useFakeTimers();
  shown = [];
  host[KERNEL] = (bundle: Bundle, update: boolean) => shown.push({ bundle, update });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  delete host[KERNEL];
});

describe('progress', () => {
  it('shows one output and then replaces it', () => {
    const bar = progress(10, 'Training');
    wait(100);
    bar.update(1);
    bar.end();
    expect(shown.map(({ update }) => update)).toEqual([false, true, true]);
    const names = new Set(shown.map(({ bundle }) => bundle.transient!.display_id));
    expect(names.size).toBe(1);
    progress(10, 'Another');
    expect(shown.at(-1)!.update).toBe(false);
    expect(names).not.toContain(shown.at(-1)!.bundle.transient!.display_id);
  });

  it('shows the bar, the rate, the time left and the note', () => {
    const bar = progress(60, 'Training');
    wait(2000);
    bar.update(15, 'loss 0.31');
    expect(texts()[1]).toBe(
      `Training ${'━'.repeat(6)}${'─'.repeat(18)} 15 of 60 · 7.5/s · 6.0 s left · loss 0.31`,
    );
    const html = shown[1]!.bundle.data['text/html'];
    expect(html).toContain('<progress value="15" max="60">');
    expect(html).toContain('loss 0.31');
  });

  it('draws at most every 100 ms, however often it is told', () => {
    const bar = progress(10_000, 'Training');
    for (let i = 1; i <= 1000; i++) {
      wait(1);
      bar.update(i);
    }
    expect(shown.length).toBe(1 + 10);
  });

  it('ends at the total in one short line, once', () => {
    const bar = progress(3, 'Training');
    wait(1500);
    bar.update(3, 'loss 0.1');
    bar.end();
    bar.update(2);
    expect(texts().at(-1)).toBe('Training: 3 in 1.5 s, loss 0.1');
    expect(shown.length).toBe(2);
    expect(Object.keys(shown.at(-1)!.bundle.data)).toEqual(['text/plain']);
  });

  it('says how far it came where it is ended earlier', () => {
    const bar = progress(3, 'Training');
    wait(500);
    bar.update(1);
    bar.end('interrupted');
    expect(texts().at(-1)).toBe('Training: stopped at 1 of 3 after 0.5 s, interrupted');
  });

  it('ends with the cell, when the kernel says so', () => {
    const bar = progress(3, 'Training');
    wait(500);
    bar.update(1);
    for (const ended of [...host[CELL_END]!]) ended();
    expect(texts().at(-1)).toBe('Training: stopped at 1 of 3 after 0.5 s');
    expect(host[CELL_END]!.size).toBe(0);
  });

  it('keeps markup in labels and notes harmless', () => {
    const bar = progress(3, '<b>');
    wait(200);
    bar.update(1, '<i>');
    expect(shown[1]!.bundle.data['text/html']).not.toMatch(/<[bi]>/);
  });

  it('refuses totals and amounts that are none', () => {
    for (const total of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => progress(total, 'Training')).toThrow(InputError);
    }
    const bar = progress(3, 'Training');
    for (const done of [-1, Number.NaN]) expect(() => bar.update(done)).toThrow(InputError);
    bar.end();
  });

  it('writes to a terminal outside a notebook, and nowhere else', () => {
    delete host[KERNEL];
    const wasTTY = process.stderr.isTTY;
    const out = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    const err = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    process.stderr.isTTY = false;
    progress(2, 'Training').update(2);
    expect(err).not.toHaveBeenCalled();
    process.stderr.isTTY = true;
    progress(2, 'Training').update(2);
    process.stderr.isTTY = wasTTY;
    expect(err.mock.calls.at(-1)![0]).toMatch(/Training: 2 in .* s\n$/);
    expect(out).not.toHaveBeenCalled();
  });
});

describe('track', () => {
  it('gives every item and ends at the last', () => {
    const seen: string[] = [];
    for (const item of track(['a', 'b'], 'Letters')) {
      wait(1000);
      seen.push(item);
    }
    expect(seen).toEqual(['a', 'b']);
    expect(texts().at(-1)).toBe('Letters: 2 in 2.0 s');
  });

  it('ends where the loop is left or fails', () => {
    for (const item of track([1, 2, 3], 'Numbers')) if (item === 2) break;
    expect(texts().at(-1)).toMatch(/stopped at 1 of 3/);
    expect(() => {
      for (const item of track([1, 2, 3], 'Numbers')) if (item === 3) throw new Error('no');
    }).toThrow('no');
    expect(texts().at(-1)).toMatch(/stopped at 2 of 3/);
  });

  it('takes a generator and its total, and asks for the total where it is unknown', () => {
    function* letters() {
      yield 'a';
      yield 'b';
    }
    expect([...track(letters(), 'Letters', 2)]).toEqual(['a', 'b']);
    expect(() => [...track(letters(), 'Letters')]).toThrow(InputError);
  });
});
