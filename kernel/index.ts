import type { clearOutput as ClearOutput, Display } from './child/display';

export type { Display } from './child/display';
export type { Bundle } from './child/messages';

/**
 * What a library may use inside of a cell. A library that must not depend on the kernel finds the
 * same functions as `globalThis[Symbol.for('implicit-kernel.display')]` and
 * `globalThis[Symbol.for('implicit-kernel.clearOutput')]`; outside of the kernel they are missing.
 */
export const display: Display = (bundle, update) => hook<Display>('display')(bundle, update);

/** Removes what the running cell has shown; with `wait`, only once something new is shown. */
export const clearOutput: typeof ClearOutput = (wait) =>
  hook<typeof ClearOutput>('clearOutput')(wait);

function hook<T>(name: string): T {
  const found = (globalThis as Record<symbol, unknown>)[Symbol.for(`implicit-kernel.${name}`)];
  if (!found) throw new Error(`${name} works inside of the kernel’s cells only.`);
  return found as T;
}
