import { basename } from 'node:path';
import { inRoot, venv } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError } from './step.mjs';

/**
 * Makes the library's declarations, which the kernel reads in the place of its sources as long as
 * they are as they were. Without them all works, and the first import of the library is slower.
 */
export async function declareLibrary() {
  const kernel = inRoot('kernel', 'bin', 'implicit-kernel.cjs');
  const { ok } = await run(process.execPath, [kernel, 'pack', inRoot('lib')], {
    limit: { seconds: 300 },
  });
  return ok ? 'ready' : 'not made: the library is imported more slowly';
}

/**
 * Makes what the kernel starts from; it would do so itself at its first start, which then takes longer.
 */
export async function buildKernel() {
  const kernel = inRoot('kernel', 'bin', 'implicit-kernel.cjs');
  const { ok } = await run(process.execPath, [kernel, 'build'], { limit: { seconds: 300 } });
  return ok ? 'ready' : 'not made: the kernel starts more slowly';
}

/**
 * Registers the kernel inside `.venv`, or another environment. Done at every start: it
 * takes no time, and a checkout that was moved needs its new path in the kernelspec.
 */
export async function registerKernel(prefix = venv) {
  const installer = inRoot('kernel', 'bin', 'implicit-kernel.cjs');
  const { ok } = await run(process.execPath, [installer, 'install', '--prefix', prefix], {
    limit: { seconds: 120 },
  });
  if (!ok) {
    throw new SetupError(
      `The kernel could not be registered in ${basename(prefix)}: read setup.log, cure what it names and run the command again.`,
    );
  }
  return `registered in ${basename(prefix)}`;
}
