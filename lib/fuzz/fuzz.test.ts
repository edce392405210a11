import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as il from '..';
import { recipes } from './recipes';
import { Thrown, Values } from './values';

/** Calls in all: a share in every run, ten thousand where FULL is set. */
const CALLS = process.env.FULL ? 10_000 : 600;
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** What is not called: classes of errors, and what acts on the process, the page or the disk. */
const LEFT_OUT = new Set([
  ...['useBackend', 'check', 'hint', 'progressMap', 'todo', 'interact', 'publish', 'predict'],
  ...['mnist', 'transferFeatures', 'figure', 'figureBundle', 'processorSeconds', 'ionosphere'],
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
  await tf.setBackend('cpu');
  for (const kind of ['log', 'warn', 'error', 'info'] as const) {
    vi.spyOn(console, kind).mockImplementation(() => {});
  }
});

/** Gives back what a call has returned. */
function release(x: unknown, depth = 0): void {
  if (x === null || typeof x !== 'object' || depth > 4 || ArrayBuffer.isView(x)) return;
  if (x instanceof tf.Tensor) {
    if (!x.isDisposed) x.dispose();
    return;
  }
  const { dispose } = x as { dispose?: unknown };
  if (typeof dispose === 'function') dispose.call(x);
  for (const value of Object.values(x)) release(value, depth + 1);
}

const isOurs = (error: unknown) => error instanceof il.ImplicitLabError || error instanceof Thrown;

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
  const given = [w, l, ...values.tensors];
  const before = tf.memory().numTensors;
  let thrown: unknown;
  let threw = false;
  try {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('no end after 20 s')), 20_000);
    });
    const result = await Promise.race([f(...args), late]);
    clearTimeout(timer);
    release(result);
  } catch (error) {
    threw = true;
    thrown = error;
  }
  // Tensors that our own functions made in the call are ours to free.
  const made = values.tensors
    .slice(given.length - 2)
    .filter(({ isDisposed }) => !isDisposed).length;
  const left = tf.memory().numTensors - before - made;
  tf.dispose([...given, ...values.tensors].filter(({ isDisposed }) => !isDisposed));
  if (threw && !isOurs(thrown)) {
    const { name: kind, message, stack } = thrown as Error;
    const place = stack
      ?.split('\n')
      .find((line) => line.includes('/lib/') && !line.includes('/fuzz/'));
    return `${kind}: ${message.slice(0, 120)} ${place?.trim() ?? ''}`;
  }
  return threw && left > 0
    ? `${left} tensors left after ${(thrown as Error).message.slice(0, 90)}`
    : undefined;
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
