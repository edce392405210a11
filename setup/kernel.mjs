import { basename } from 'node:path';
import { inRoot, venv } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError } from './step.mjs';

/**
 * Registers the kernel inside `.venv`, or another environment. Done at every start: it
 * takes no time, and a checkout that was moved needs its new path in the kernelspec.
 */
export async function registerKernel(prefix = venv) {
  const installer = inRoot('kernel', 'bin', 'implicit-kernel.cjs');
  const { ok } = await run(process.execPath, [installer, 'install', '--prefix', prefix], {
    limit: { seconds: 20 },
  });
  if (!ok) {
    throw new SetupError(
      `The kernel could not be registered in ${basename(prefix)}: read setup.log, cure what it names and run the command again.`,
    );
  }
  return `registered in ${basename(prefix)}`;
}
