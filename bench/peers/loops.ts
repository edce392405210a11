import { setTimeout } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { shareAmong } from '../../lib/backends/wasm/threads/pool';
import { table } from './report';
import { PAUSE } from './turns';
import type { Workload } from './workload';

const WARM_UPS = 3;

/** Milliseconds of a workload's runs, with loops on one thread and on all. */
export interface InTurn {
  name: string;
  alone: number[];
  together: number[];
}

/** Runs a workload with its loops on one thread and on all, in turn; OpenBLAS has all threads both times. */
export async function inTurn(
  { name, run }: Workload,
  threads: number,
  rounds: number,
): Promise<InTurn> {
  const times = { alone: [] as number[], together: [] as number[] };
  for (let round = -WARM_UPS; round < rounds; round++) {
    for (const way of ['together', 'alone'] as const) {
      shareAmong(way === 'alone' ? 1 : threads);
      const start = performance.now();
      const result = await run();
      const time = performance.now() - start;
      if (!Array.isArray(result)) tf.dispose(result as tf.TensorContainer);
      if (round >= 0) times[way].push(time);
      await setTimeout(PAUSE);
    }
  }
  shareAmong(threads);
  return { name, ...times };
}

const quantile = (values: readonly number[], part: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(part * (values.length - 1))]!;

/** Medians with their quartiles, and the ratio of each round. */
export function inTurnReport(all: readonly InTurn[]): string {
  const shown = (values: readonly number[], digits: number) => {
    const [low, middle, high] = [0.25, 0.5, 0.75].map((p) => quantile(values, p).toFixed(digits));
    return `${middle} (${low} to ${high})`;
  };
  return table([
    ['milliseconds', 'loops on one thread', 'on all', 'ratio'],
    ...all.map(({ name, alone, together }) => [
      name,
      shown(alone, 1),
      shown(together, 1),
      shown(
        together.map((time, i) => time / alone[i]!),
        2,
      ),
    ]),
  ]).join('\n');
}
