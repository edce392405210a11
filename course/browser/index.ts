import { page } from 'implicit-lab/support';
import { host, type Modules } from '../platform/browser/host';
import { loadCourse } from './course';
import { keepJournal, rereadJournal } from './journal';
import { loadMnist } from './mnist';

export * as tensorflow from '@tensorflow/tfjs';
export * as library from 'implicit-lab';
export * as course from '..';

/** What the library needs to know of a page. */
export interface PageOptions {
  /** The URL of the folder that `npm run build:browser` has made, with a slash at its end. */
  assets: string;
  /** The folder of the notebook that runs, as in `solutions`. Default none. */
  directory?: string;
  /** What Node.js has in `process.env`: `IMPLICIT_LAB_CLAIMS`, `FULL`. */
  variables?: Record<string, string>;
}

/** What is called, and awaited, with the text of each cell before the cell runs. */
type BeforeCell = (code: string) => Promise<void>;

const BEFORE_CELL = Symbol.for('implicit-kernel.before-cell');

/**
 * Prepares the library in a page or a worker, once, before the first cell: reads the journal and the
 * outline of the course.
 */
export async function initialize({
  assets,
  directory = '',
  variables = {},
}: PageOptions): Promise<void> {
  Object.assign(page, { assets, variables });
  Object.assign(host, { directory });
  beforeCells().add(prepareCell);
  await Promise.all([loadCourse(), keepJournal()]);
}

/** For the build: the exercises and questions, each loaded when it is asked for. */
export function provideModules(modules: Modules): void {
  host.modules = modules;
}

/** Calls that read the digits, in a cell or in what a kernel has compiled it to: `(0, x.mnist)(…)`. */
const READS_DIGITS = /\b(mnist|transferFeatures)\)?\s*\(/;

/** Fetches what the cell reads at once: the digits, and what other tabs have added to the journal. */
async function prepareCell(code: string): Promise<void> {
  if (/\b(check|hint|progressMap)\b/.test(code)) await rereadJournal();
  if (READS_DIGITS.test(code)) await loadMnist();
}

function beforeCells(): Set<BeforeCell> {
  const page = globalThis as { [BEFORE_CELL]?: Set<BeforeCell> };
  page[BEFORE_CELL] ??= new Set();
  return page[BEFORE_CELL];
}
