import { dirname, join } from 'node:path';

/** The folder of the kernel. */
export const ROOT = dirname(__dirname);

/** What starts a process or a thread, by the path of its first module. */
export const BOOT = join(ROOT, 'bin', 'boot.cjs');

/** What Node.js itself has, before tsx. */
export const NATIVE = join(ROOT, 'bin', 'native.cjs');

/** The resolver of ES modules. */
export const RESOLVER = join(ROOT, 'bin', 'resolve.mjs');

/** The first modules of the process of the cells, of its watchdog, and of the compiler's thread. */
export const CHILD = join(__dirname, 'child', 'main');
export const WATCHDOG = join(__dirname, 'child', 'watchdog');
export const COMPILER = join(__dirname, 'compiler', 'service');
