import { type Blas, loadBlas, type Multiply } from '#platform/blas';
import { bySize } from './by-size';
import { inParts } from './long-inner';
import { inBlocks, multipliesWithoutCopies } from './narrow';

export type { Multiply } from '#platform/blas';

let found: ReturnType<typeof loadBlas> | undefined;
let current: Blas | undefined;

/**
 * Multiplies matrices by the system's library, where there is one and it is switched on; long sums in
 * parts, small products on one thread.
 */
export const systemMultiply = (): Multiply | undefined => current?.multiply;

/** Shows every product of the system's library while f runs to `see`, before it is made. */
export async function watchingProducts<T>(
  see: (...product: Parameters<Multiply>) => void,
  f: () => Promise<T>,
): Promise<T> {
  const before = current;
  if (before === undefined) return f();
  const multiply: Multiply = (...product) => {
    see(...product);
    before.multiply(...product);
  };
  current = { ...before, multiply };
  try {
    return await f();
  } finally {
    current = before;
  }
}

/**
 * Switches the system's BLAS on, with the given number of threads, or off.
 *
 * @returns its name where it is on, or why it is not
 */
export function switchBlas(on: boolean, threads: number): { name: string } | { missing: string } {
  current = undefined;
  if (!on) return { missing: 'it was not asked for' };
  found ??= loadBlas();
  if ('missing' in found) return found;
  const { name, multiply, setThreads } = found;
  const manner = { withoutCopies: multipliesWithoutCopies(name), threads };
  current = {
    ...found,
    multiply: inParts(inBlocks(bySize(multiply, setThreads, threads), manner)),
  };
  return { name };
}
