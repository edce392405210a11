import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

/** Makes one call: its fault, if it has one, and whether it threw. */
async function callOnce(f: AnyFunction, recipe: Recipe | undefined, seed: number) {
  const stream = random(seed);
  const values = new Values(stream);
  const [w, l] = [tf.tensor1d([1, 2]), tf.tensor1d([0, 1])];
  const valid = recipe?.(w, l);
  const args =
    valid !== undefined && stream.uniform() < 0.75
      ? values.spoiled(valid)
      : Array.from({ length: stream.integer(4) }, () => values.any());
  return faultOf(() => f(...args), values, [w, l]);
}

/** Tests that every function of a package answers bad arguments with typed errors. */
export function fuzzEveryFunction(exports: object, { recipes, leftOut }: Target): void {
  const functions = functionsOf(exports, leftOut);
  const each = Math.ceil(CALLS / functions.length);
  const counts = { errors: 0, values: 0 };

  beforeAll(async () => {
    if (process.env.FUZZ_BACKEND === 'wasm') await useBackend('wasm', { threads: 1 });
    else await tf.setBackend('cpu');
    for (const kind of ['log', 'warn', 'error', 'info'] as const) {
      vi.spyOn(console, kind).mockImplementation(() => {});
    }
  });

  // Past the console, which is silent here.
  afterAll(() => {
    const { errors, values } = counts;
    const made = `${errors + values} calls of ${functions.length} functions from seed ${SEED}`;
    process.stdout.write(`${made}: ${errors} errors, ${values} values\n`);
  });

  describe('bad arguments give typed errors and leave no tensor', () => {
    it.each(functions)(
      '%s',
      async (name, f) => {
        const faults: string[] = [];
        const index = functions.findIndex(([other]) => other === name);
        for (let i = 0; i < each; i++) {
          const seed = SEED * 1e6 + i * 1000 + index;
          const { fault, threw } = await callOnce(f, recipes[name], seed);
          counts[threw ? 'errors' : 'values'] += 1;
          if (fault !== undefined) faults.push(`seed ${seed}: ${fault}`);
        }
        expect(faults).toEqual([]);
      },
      300_000,
    );
  });
}
