import type { Comms } from './child/comm';
import type { clearOutput as ClearOutput } from './child/display';
import type { redirect as Redirect } from './child/redirect';
import type { Settings } from './child/settings';
import type { Display } from './child/sink';

export type { Comm, CommEvent, CommExtras, Comms } from './child/comm';
export type { Bundle } from './child/messages';
export type { Display, Sink } from './child/sink';

/*
 * What a library may use inside a cell. A library that must not depend on the kernel finds the
 * same things as `globalThis[Symbol.for('implicit-kernel.display')]`, `….clearOutput` and `….comms`;
 * outside the kernel they are missing.
 */

/**
 * Shows a bundle of representations, by MIME type, under the running cell; with `update`, replaces
 * the output that has the same `transient.display_id`.
 *
 * @throws Error outside the kernel's cells.
 */
export const display: Display = (bundle, update) => hook<Display>('display')(bundle, update);

/**
 * Removes what the running cell has shown; with `wait`, only once something new is shown.
 *
 * @throws Error outside the kernel's cells.
 */
export const clearOutput: typeof ClearOutput = (wait) =>
  hook<typeof ClearOutput>('clearOutput')(wait);

/**
 * Opens channels to objects of the front end, as widgets use them.
 *
 * @throws Error outside the kernel's cells.
 */
export const comms: Comms = {
  open: (target, data, extras) => hook<Comms>('comms').open(target, data, extras),
  register: (target, opened) => hook<Comms>('comms').register(target, opened),
};

/**
 * Calls `run` and returns what it returns; what it and all that it starts show and print goes to
 * `sink`.
 *
 * @throws Error outside the kernel's cells.
 */
export const redirect: typeof Redirect = (sink, run) =>
  hook<typeof Redirect>('redirect')(sink, run);

/**
 * Whether the front end of the running cell can ask a person, as JupyterLab can and `nbclient` cannot.
 *
 * @throws Error outside the kernel's cells.
 */
export const attended = (): boolean => hook<() => boolean>('attended')();

function hook<T>(name: string): T {
  const found = (globalThis as Record<symbol, unknown>)[Symbol.for(`implicit-kernel.${name}`)];
  if (!found) throw new Error(`${name} works inside the kernel’s cells only.`);
  return found as T;
}

/**
 * What a notebook can set in one of its cells: `settings.silentSemicolon = true`.
 *
 * @throws Error outside the kernel's cells.
 */
export const settings: Settings = new Proxy<Settings>(
  {},
  {
    get: (_, name) => Reflect.get(hook<Settings>('settings'), name),
    set: (_, name, value) => Reflect.set(hook<Settings>('settings'), name, value),
    deleteProperty: (_, name) => Reflect.deleteProperty(hook<Settings>('settings'), name),
  },
);
