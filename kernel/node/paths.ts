import { dirname, join } from 'node:path';

/** Where this runs bundled, see bin/bundle.cjs: the folder of the bundle. */
declare const BUNDLE: string | undefined;

export const bundle = typeof BUNDLE === 'string' ? BUNDLE : undefined;

/** The folder of the kernel. */
export const ROOT = dirname(__dirname);

export const BIN = join(ROOT, 'bin');

/** What starts a process or a thread, by the path of its first module. */
export const BOOT = join(BIN, 'boot.cjs');

/** What Node.js itself has, before tsx. */
export const NATIVE = join(BIN, 'native.cjs');

/** The resolver of ES modules. */
export const RESOLVER = join(BIN, 'resolve.mjs');

/** The first modules of the process of the cells, of its watchdog, and of the compiler's thread. */
export const CHILD = entry('child.cjs', 'child', 'main');
export const WATCHDOG = entry('watchdog.cjs', 'child', 'watchdog');
export const COMPILER = join(__dirname, 'compiler', 'service');

function entry(bundled: string, ...source: string[]): string {
  return bundle === undefined ? join(__dirname, ...source) : join(bundle, bundled);
}
