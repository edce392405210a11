import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { join } from 'node:path';
import { record } from '../measurements';
import type { Variant } from './measure';
import { runProducts } from './products';

type Times = Record<string, number>;

/** Times one way to run the backend, in a process of its own. */
async function measure(variant: Variant): Promise<Times> {
  const child = fork(join(__dirname, 'measure.ts'), [variant], {
    execArgv: ['--require', 'tsx/cjs'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [times] = (await once(child, 'message')) as [Times];
  return times;
}

const fixed = (x: number, digits = 2) => x.toFixed(digits).padStart(8);

/**
 * What do the repairs and OpenBLAS bring on wasm, and how far is a gradient from its matrix products?
 *
 * Prints milliseconds of the fastest run, and the factor against the wasm backend as it comes;
 * `products` compares our own matrix products with those of the build.
 */
export async function run(args: string[]): Promise<void> {
  if (args[0] === 'products') return runProducts();
  const rounds = Number(args[0] ?? 2);
  const variants: Variant[] = ['stock', 'repaired', 'threads', 'blas'];
  const best = new Map<Variant, Times>();
  // In turns, and the best of each: the neighbours on a shared machine disturb all alike.
  for (let i = 0; i < rounds; i++) {
    for (const variant of variants) {
      const times = await measure(variant);
      const before = best.get(variant) ?? {};
      for (const [name, t] of Object.entries(times)) {
        record(`${variant}: ${name.trim()}`, [t]);
        times[name] = Math.min(t, before[name] ?? Number.POSITIVE_INFINITY);
      }
      best.set(variant, times);
    }
  }
  console.log(
    `${os.cpus()[0]?.model}, ${os.availableParallelism()} cores, Node ${process.version}`,
  );
  console.log('milliseconds'.padEnd(34) + variants.map((v) => v.padStart(9)).join(''));
  for (const name of Object.keys(best.get('blas')!)) {
    const row = variants.map((v) => best.get(v)![name]);
    const cells = row.map((t) => (t === undefined ? '       –' : fixed(t))).join(' ');
    const [stock, ...others] = row;
    const factors = stock ? others.map((t) => `${(stock / t!).toFixed(1)}×`).join(' ') : '';
    console.log(`${name.padEnd(34)} ${cells}   ${factors}`);
  }
}
