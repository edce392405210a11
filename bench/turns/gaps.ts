import { existsSync, readFileSync } from 'node:fs';
import type * as tf from '@tensorflow/tfjs';

/** What the kernel of Linux counts for the main thread: nanoseconds on a processor, and others. */
const MAIN_THREAD = `/proc/self/task/${process.pid}/schedstat`;

/**
 * Processor time of the main thread so far, in milliseconds; where the system does not tell it, that of all
 * threads, which collect garbage and compile JavaScript beside the work.
 */
const processorTime: () => number = existsSync(MAIN_THREAD)
  ? () => Number(readFileSync(MAIN_THREAD, 'utf8').split(' ')[0]) / 1e6
  : () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    };

/** Whether it is told of the main thread alone. */
export const knowsMainThread = existsSync(MAIN_THREAD);

/** The longest time that one of the losses takes by itself. */
export const longest = { loss: 0 };

export const noted =
  <A extends unknown[]>(loss: (...args: A) => tf.Scalar): ((...args: A) => tf.Scalar) =>
  (...args) => {
    const before = processorTime();
    const value = loss(...args);
    longest.loss = Math.max(longest.loss, processorTime() - before);
    return value;
  };

let aside = 0;

/** Does at once what is the caller's own work, or synchronous by contract: it counts in no gap. */
export function beforehand<T>(work: () => T): T {
  const before = processorTime();
  try {
    return work();
  } finally {
    aside += processorTime() - before;
  }
}

/** The processor time from tick to tick of a timer while some work is awaited. */
export async function gapsDuring(work: () => Promise<void>): Promise<number[]> {
  const gaps: number[] = [];
  let last = processorTime();
  aside = 0;
  const tick = () => {
    const now = processorTime();
    gaps.push(now - last - aside);
    aside = 0;
    last = now;
  };
  const timer = setInterval(tick, 5);
  await work();
  clearInterval(timer);
  tick();
  return gaps;
}
