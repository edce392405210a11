import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect, types } from 'node:util';
import type { Host, Traces } from '../../child/host';
import { bundle, ROOT } from '../paths';
import { send } from './wire';

/** Files of the kernel: compiled code that is kept may name the folder that it was compiled in. */
const KERNEL =
  /[\\/]((?:bin|child|compiler|protocol|server|node(?:[\\/](?:child|compiler))?)[\\/][\w-]+)\.(?:ts|cjs):\d/;

const LOADER = /[\\/]node_modules[\\/]tsx[\\/]dist[\\/]/;

const traces: Traces = {
  // By path and by URL.
  folders: [
    `${process.cwd()}${sep}`.replace(/([\\/])+$/, '$1'),
    `${pathToFileURL(process.cwd()).href}/`,
  ],
  isKernels(frame) {
    if (LOADER.test(frame) || (bundle !== undefined && frame.includes(bundle))) return true;
    const [, file] = KERNEL.exec(frame) ?? [];
    return file !== undefined && isFile(file);
  },
  isPlatforms: (frame) => /^\s+at (?:.* \()?node:/.test(frame),
};

const files = new Map<string, boolean>();

function isFile(file: string): boolean {
  const known =
    files.get(file) ?? [`${file}.ts`, `${file}.cjs`].some((name) => existsSync(join(ROOT, name)));
  files.set(file, known);
  return known;
}

/**
 * A stack trace is written when it is first read, by `Error.prepareStackTrace` where a cell or a
 * library has set it, which then knows nothing of TypeScript's lines, or gives something else.
 */
function stackOf(error: Error): string | undefined {
  const own = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  if (own === undefined || own.configurable === false) return error.stack;
  Reflect.deleteProperty(Error, 'prepareStackTrace');
  try {
    return error.stack;
  } finally {
    Object.defineProperty(Error, 'prepareStackTrace', own);
  }
}

/** What Node.js has for cells. */
export const nodeHost: Host = {
  send,
  inspect,
  stackOf,
  ownInspect: inspect.custom,
  isError: types.isNativeError,
  isProxy: types.isProxy,
  isNamespace: types.isModuleNamespaceObject,
  traces,
};
