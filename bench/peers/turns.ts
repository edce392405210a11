import * as tf from '@tensorflow/tfjs';
import type { Workload } from './workload';

/**
 * Milliseconds of one turn of a system: it runs as often as fits, at least once. Of several runs the
 * first does not count: caches and threads were another system's before it.
 */
export const TURN = 20;

/** Milliseconds between turns: a pool of threads spins so long after its last product, on cores that the next system needs. */
export const PAUSE = 30;

/** Milliseconds of the runs of one turn that count. */
export async function turnOf({ run }: Workload): Promise<number[]> {
  const times: number[] = [];
  let total = 0;
  while (times.length === 0 || total < TURN) {
    const start = performance.now();
    const result = await run();
    const time = performance.now() - start;
    if (!Array.isArray(result)) tf.dispose(result as tf.TensorContainer);
    times.push(time);
    total += time;
  }
  return times.length > 1 ? times.slice(1) : times;
}
