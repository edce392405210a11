import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { hasMultiplyAdd } from './wasm/assembler';

leaveOutOfQuickRun();

const require = createRequire(__filename);

const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');

/** What multiplies by our own instructions, and compares programs with operations. */
const files = [
  'lib/backends/wasm/assembler',
  'lib/backends/wasm/products',
  'lib/backends/wasm/doubles',
  'lib/backends/wasm/kernels/convolutions.test.ts',
  'lib/backends/kernels/long-products.test.ts',
  'lib/backends/op-table/wasm.test.ts',
  'lib/autodiff/traced/random-graphs.test.ts',
];

const flag = '--experimental-wasm-relaxed-simd';

interface Way {
  name: string;
  args: readonly string[];
  /** What `IMPLICIT_FMA` is, and whether there is a multiply-add then. */
  variable: '0' | '1';
}

/** The other way of this engine: without its multiply-add, or with one that it has behind a flag. */
function otherWay(): Way | string {
  if (hasMultiplyAdd) return { name: 'without', args: [], variable: '0' };
  const { status, stderr } = spawnSync(process.execPath, [flag, '-e', ''], { encoding: 'utf8' });
  if (status !== 0) return `not run: ${process.version} refuses ${flag} (${stderr.trim()})`;
  return { name: 'with', args: [`--execArgv=${flag}`], variable: '1' };
}

const way = otherWay();

it.skipIf(typeof way === 'string')(
  `products, random graphs and the op table, ${typeof way === 'string' ? way : `${way.name} multiply-add`}`,
  () => {
    const { args, variable } = way as Way;
    const env = { ...process.env, IMPLICIT_FMA: variable, EXPECTED_FMA: variable };
    const command = [vitest, 'run', ...args, ...files];
    const { status, stdout } = spawnSync(process.execPath, command, { encoding: 'utf8', env });
    expect(status, stdout).toBe(0);
  },
);
