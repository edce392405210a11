import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { printDispatches } from './dispatches';
import { measure } from './measure';
import { pack } from './pack';

/**
 * How fast are gradients and products on a GPU, and are they right there?
 *
 * `npm run bench -- gpu` runs on this machine's GPU; `npm run bench -- gpu dispatches` counts kernels on
 * any adapter, also one that computes on the processor; `npm run bench -- gpu pack FILE.tar.xz` packs
 * everything for a bare machine with a Vulkan driver, where `gpu/run.sh` then runs it.
 */
export async function run([command, file, ...rest]: string[]): Promise<void> {
  if (command === 'dispatches') {
    await printDispatches();
    process.exit();
  }
  if (command !== 'pack') {
    await measure([join(__dirname, '../results/gpu.json'), ...(command ? [command] : [])]);
    process.exit();
  }
  const archive = await pack(resolve(file ?? 'gpu.tar.xz'));
  console.log(`${archive}: ${(statSync(archive).size / 1e6).toFixed(0)} MB`, ...rest);
}
