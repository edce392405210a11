import * as tf from '@tensorflow/tfjs';
import type { Workload } from './workload';

/**
 * Milliseconds of one turn of a system: it runs as often as fits, at least once, and at least twice if
 * a run has ever been shorter. Of several runs the first does not count: caches and threads were another system's before it.
 */
export const TURN = 20;

/** Milliseconds between turns: a pool of threads spins so long after its last product, on cores that the next system needs. */
export const PAUSE = 30;

/** The shortest run of each workload so far, in milliseconds. */
const shortest = new WeakMap<Workload, number>();

/** Milliseconds of the runs of one turn that count. */
export async function turnOf(workload: Workload): Promise<number[]> {
  const times: number[] = [];
  let total = 0;
  const before = shortest.get(workload) ?? TURN;
  // The first run is not the only one because it had to wait.
  const least = before < TURN ? 2 : 1;
  while (times.length < least || total < TURN) {
    const start = performance.now();
    const result = await workload.run();
    const time = performance.now() - start;
    if (!Array.isArray(result)) tf.dispose(result as tf.TensorContainer);
    times.push(time);
    total += time;
  }
  shortest.set(workload, Math.min(before, ...times));
  return times.length > 1 ? times.slice(1) : times;
}
