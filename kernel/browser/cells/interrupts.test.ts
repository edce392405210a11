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

/** What the code of a cell does at each head of a loop; returns how often it has looked. */
function loop(rounds = 5000): number {
  let looks = 0;
  for (let left = 0, i = 0; i < rounds; i++) {
    if (--left >= 0) continue;
    looks += 1;
    left = beat();
  }
  return looks;
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

  test('looks seldom while rounds are quick, and at each once one took long', () => {
    loop();
    expect(loop(100_000)).toBeLessThan(120);
    vi.advanceTimersByTime(50);
    expect(beat()).toBe(0);
    expect(beat()).toBe(1);
    vi.advanceTimersByTime(5);
    expect(beat()).toBe(1);
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

  test('asks less often where answers take long, and at least every second', () => {
    const asked: number[] = [];
    let takes = 5;
    const now = () => performance.now();
    vi.stubGlobal(
      'XMLHttpRequest',
      class {
        status = 200;
        responseText = '{}';
        open() {}
        send() {
          asked.push(now());
          vi.advanceTimersByTime(takes);
        }
      },
    );
    listenBy(undefined, { url: 'here', id: 'page' });
    becomeBusy();
    const pauses = (rounds: number) => {
      asked.length = 0;
      for (let i = 0; i < rounds; i++) {
        vi.advanceTimersByTime(10);
        beat();
      }
      return asked.slice(1).map((at, i) => at - asked[i]! - takes);
    };
    expect(Math.max(...pauses(200))).toBeLessThanOrEqual(270);
    takes = 60;
    pauses(100);
    expect(Math.min(...pauses(400))).toBeGreaterThanOrEqual(480);
    takes = 500;
    pauses(100);
    expect(Math.max(...pauses(1000))).toBeLessThanOrEqual(1020);
    vi.unstubAllGlobals();
  });
});
