import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { useBackend } from '../backends';
import { random } from '../numbers';
import { faultOf } from './harness';
import { Values } from './values';

/** Calls in all: a share in every run, ten thousand where FULL is set. */
const CALLS = process.env.FULL ? 10_000 : 600;
const SEED = Number(process.env.FUZZ_SEED ?? 1);

type AnyFunction = (...args: unknown[]) => unknown;

/** Right arguments of a function, from two live vectors of two numbers. */
export type Recipe = (w: tf.Tensor1D, l: tf.Tensor1D) => unknown[];

/** What is known of a package whose functions are called. */
interface Target {
  recipes: Record<string, Recipe>;
  /** The names of what is not called; classes of errors are left out as well. */
  leftOut: readonly string[];
}

const isFunction = (entry: [string, unknown]): entry is [string, AnyFunction] =>
  typeof entry[1] === 'function';

const isClass = (f: AnyFunction) => /^class\b/.test(Function.prototype.toString.call(f));

/** The functions that a package exports; a class is called by making an object of it. */
const functionsOf = (exports: object, leftOut: readonly string[]): [string, AnyFunction][] =>
  Object.entries(exports)
    .filter(isFunction)
    .filter(([name]) => !name.endsWith('Error') && !leftOut.includes(name))
    .map(([name, f]) => [name, isClass(f) ? (...args) => Reflect.construct(f, args) : f]);

/** The fault of one call, if it has one. */
async function fault(f: AnyFunction, recipe: Recipe | undefined, seed: number) {
  const stream = random(seed);
  const values = new Values(stream);
  const [w, l] = [tf.tensor1d([1, 2]), tf.tensor1d([0, 1])];
  const valid = recipe?.(w, l);
  const args =
    valid !== undefined && stream.uniform() < 0.75
      ? values.spoiled(valid)
      : Array.from({ length: stream.integer(4) }, () => values.any());
  return (await faultOf(() => f(...args), values, [w, l])).fault;
}

/** Tests that every function of a package answers bad arguments with typed errors. */
export function fuzzEveryFunction(exports: object, { recipes, leftOut }: Target): void {
  const functions = functionsOf(exports, leftOut);
  const each = Math.ceil(CALLS / functions.length);

  beforeAll(async () => {
    if (process.env.FUZZ_BACKEND === 'wasm') await useBackend('wasm', { threads: 1 });
    else await tf.setBackend('cpu');
    for (const kind of ['log', 'warn', 'error', 'info'] as const) {
      vi.spyOn(console, kind).mockImplementation(() => {});
    }
  });

  describe('bad arguments give typed errors and leave no tensor', () => {
    it.each(functions)(
      '%s',
      async (name, f) => {
        const faults: string[] = [];
        const index = functions.findIndex(([other]) => other === name);
        for (let i = 0; i < each; i++) {
          const seed = SEED * 1e6 + i * 1000 + index;
          const found = await fault(f, recipes[name], seed);
          if (found !== undefined) faults.push(`seed ${seed}: ${found}`);
        }
        expect(faults).toEqual([]);
      },
      300_000,
    );
  });
}
