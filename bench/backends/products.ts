import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { join } from 'node:path';
import { record } from '../measurements';
import type { Blocked, Row } from './measure-products';

/** Times all products in a process of its own, in which the engine may have multiply-add. */
async function measure(): Promise<{ rows: Row[]; inBlocks: Blocked[] }> {
  const inNode20 = Number(process.versions.node.split('.')[0]) < 22;
  const child = fork(join(__dirname, 'measure-products.ts'), {
    execArgv: [
      ...(inNode20 ? ['--experimental-wasm-relaxed-simd'] : []),
      ...['--require', join(__dirname, '..', 'as-packaged.cjs')],
    ],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [measured] = (await once(child, 'message')) as [{ rows: Row[]; inBlocks: Blocked[] }];
  return measured;
}

const fixed = (x: number, digits: number) => x.toFixed(digits).padStart(9);

/**
 * What do our own matrix products gain, and what does multiply-add?
 *
 * Prints billions of operations a second for TensorFlow.js’ product (XNNPACK) and for ours with
 * multiplications and additions apart and as one, then the ratios of times to those of XNNPACK and of
 * the two ways; and milliseconds of Gram matrices and Cholesky factorizations in float64, by plain loops
 * and in blocks.
 */
export async function runProducts(): Promise<void> {
  const { rows, inBlocks } = await measure();
  console.log(
    `${os.cpus()[0]?.model}, one thread, Node ${process.version}; processor time, minima`,
  );
  console.log(
    '10⁹ operations a second'.padEnd(28) +
      '  XNNPACK    apart   as one   as one / XNNPACK, / apart',
  );
  for (const { name, operations, times } of rows) {
    for (const [way, time] of Object.entries(times)) record(`${way}: ${name}`, [time]);
    const { xnnpack, apart, asOne } = times;
    const speeds = [xnnpack, apart, asOne].map((t) =>
      t === undefined ? '        –' : fixed(operations / t / 1e6, 1),
    );
    const ratio = (by: number | undefined) =>
      asOne === undefined || by === undefined ? '        –' : fixed(asOne / by, 2);
    console.log(name.padEnd(28) + speeds.join('') + ratio(xnnpack) + ratio(apart));
  }
  console.log(`\n${'float64, ms'.padEnd(36)}    plain   blocks   blocks / plain`);
  for (const { name, times } of inBlocks) {
    for (const [way, time] of Object.entries(times)) record(`${way}: ${name}`, [time]);
    const { plain, blocks } = times;
    console.log(name.padEnd(36) + fixed(plain, 2) + fixed(blocks, 2) + fixed(blocks / plain, 2));
  }
}
