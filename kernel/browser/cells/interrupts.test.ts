import { beforeEach, describe, expect, test, vi } from 'vitest';
import { beat, becomeBusy, forgetInterrupt, listenBy } from './interrupts';

const signals = new Int32Array(new SharedArrayBuffer(4));
const interrupt = () => Atomics.store(signals, 0, 1);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  listenBy(signals.buffer, undefined);
  forgetInterrupt();
  return () => vi.useRealTimers();
});

/** Enough beats for some of them to look. */
function loop(): void {
  for (let i = 0; i < 5000; i++) beat();
}

describe('beat', () => {
  test('goes on until an interrupt, and throws it once', () => {
    loop();
    interrupt();
    expect(loop).toThrow('interrupted');
    loop();
  });

  test('throws from every beat once a cell has caught it and has gone on', () => {
    interrupt();
    expect(loop).toThrow();
    vi.advanceTimersByTime(400);
    expect(loop).toThrow();
    expect(beat).toThrow();
    expect(beat).toThrow();
  });

  test('is silent in the next cell, and in the next message', () => {
    for (const next of [forgetInterrupt, becomeBusy]) {
      interrupt();
      expect(loop).toThrow();
      next();
      vi.advanceTimersByTime(400);
      loop();
    }
  });
});
