import ts from 'typescript';
import { expect, test } from 'vitest';
import { oneTimer } from './timers';

/** A system as tslab's converter makes it: one timer, which the converter lets run itself. */
function strictSystem(): { system: ts.System; fire(): void; pending(): boolean } {
  let timer: { callback(): void } | undefined;
  const system: ts.System = {
    ...ts.sys,
    setTimeout(callback: () => void) {
      if (timer) throw new Error('a timer is pending');
      timer = { callback };
      return timer;
    },
    clearTimeout(given: unknown) {
      if (given !== timer) throw new Error('another timer');
      timer = undefined;
    },
  };
  const fire = (): void => {
    timer!.callback();
    timer = undefined;
  };
  return { system, fire, pending: () => timer !== undefined };
}

test('timers run in their order in one, with what they set themselves, and no cleared ones', () => {
  const { system, fire, pending } = strictSystem();
  const timers = oneTimer(system);
  const ran: string[] = [];
  timers.setTimeout(() => {
    ran.push('a');
    timers.clearTimeout(timers.setTimeout(() => ran.push('cleared'), 250));
    timers.setTimeout((name: string) => ran.push(name), 250, 'later');
  }, 250);
  const cleared = timers.setTimeout(() => ran.push('cleared'), 250);
  timers.setTimeout(() => ran.push('b'), 250);
  timers.clearTimeout(cleared);
  fire();
  expect(ran).toEqual(['a', 'b', 'later']);
  expect(pending()).toBe(false);
});

test('none is left when all are cleared, nor when one has thrown', () => {
  const { system, fire, pending } = strictSystem();
  const timers = oneTimer(system);
  timers.clearTimeout(timers.setTimeout(() => {}, 250));
  expect(pending()).toBe(false);
  timers.setTimeout(() => {
    throw new Error('inside the compiler');
  }, 250);
  timers.setTimeout(() => {}, 250);
  expect(fire).toThrow('inside the compiler');
  expect(pending()).toBe(false);
  let ran = false;
  timers.setTimeout(() => {
    ran = true;
  }, 250);
  fire();
  expect(ran).toBe(true);
});
