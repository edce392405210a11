/** The paths that files have for the compiler of a page, all in one archive; see setup/lite. */

/** The notebook's folder, as far as types and stack traces go. */
export const NOTEBOOKS = '/course/notebooks';

/** TypeScript's own `lib.*.d.ts`. */
export const LIBRARIES = '/typescript';

/** The kernel's declarations for cells. */
export const KERNEL = '/kernel';

/** What the types of the page's workers are, of what TypeScript brings. */
export const WORKER_LIBRARIES = [
  'lib.webworker.d.ts',
  'lib.esnext.disposable.d.ts',
  'lib.decorators.d.ts',
  'lib.es2023.d.ts',
  'lib.es2024.d.ts',
  'lib.es2025.collection.d.ts',
  'lib.es2025.iterator.d.ts',
];
