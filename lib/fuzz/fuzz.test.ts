import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as il from '..';
import { faultOf } from './harness';
import { recipes } from './recipes';
import { Values } from './values';

/** Calls in all: a share in every run, ten thousand where FULL is set. */
const CALLS = process.env.FULL ? 10_000 : 600;
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** What is not called: classes of errors, and what acts on the process, the page or the disk. */
const LEFT_OUT = new Set([
  ...['useBackend', 'check', 'hint', 'progressMap', 'todo', 'interact', 'publish', 'predict'],
  ...['mnist', 'transferFeatures', 'figure', 'figureBundle', 'processorSeconds', 'ionosphere'],
  ...['withStockTensorFlow'],
  ...Object.keys(il).filter((name) => name.endsWith('Error')),
]);
function isClass(f: (...args: unknown[]) => unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(f));
}
const functions = Object.entries(il)
  .filter(
    (entry): entry is [string, (...args: unknown[]) => unknown] => typeof entry[1] === 'function',
  )
  .filter(([name]) => !LEFT_OUT.has(name))
  .map(
    ([name, f]) =>
      [name, isClass(f) ? (...args: unknown[]) => Reflect.construct(f, args) : f] as const,
  );

beforeAll(async () => {
  if (process.env.FUZZ_BACKEND === 'wasm') await il.useBackend('wasm', { threads: 1 });
  else await tf.setBackend('cpu');
  for (const kind of ['log', 'warn', 'error', 'info'] as const) {
    vi.spyOn(console, kind).mockImplementation(() => {});
  }
});

/** The fault of one call, if it has one. */
async function fault(name: string, f: (...args: unknown[]) => unknown, seed: number) {
  const stream = il.random(seed);
  const values = new Values(stream);
  const [w, l] = [tf.tensor1d([1, 2]), tf.tensor1d([0, 1])];
  const recipe = recipes[name]?.(w, l);
  const spoil = recipe !== undefined && stream.uniform() < 0.75;
  const args = spoil
    ? values.spoiled(recipe)
    : Array.from({ length: stream.integer(4) }, () => values.any());
  return (await faultOf(() => f(...args), values, [w, l])).fault;
}

describe('bad arguments give typed errors and leave no tensor', () => {
  const each = Math.ceil(CALLS / functions.length);
  it.each(functions)(
    '%s',
    async (name, f) => {
      const faults: string[] = [];
      for (let i = 0; i < each; i++) {
        const seed = SEED * 1e6 + i * 1000 + functions.findIndex(([other]) => other === name);
        const found = await fault(name, f, seed);
        if (found !== undefined) faults.push(`seed ${seed}: ${found}`);
      }
      expect(faults).toEqual([]);
    },
    300_000,
  );
});
