import { basename } from 'node:path';
import { inRoot, venv } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError } from './step.mjs';

/**
 * Makes the declarations of the library and of the course, which the kernel reads in place of their
 * sources until these change. Without them all works, and the first import is slower.
 */
export async function declarePackages() {
  const kernel = inRoot('kernel', 'bin', 'implicit-kernel.cjs');
  for (const folder of ['lib', 'course']) {
    const { ok } = await run(process.execPath, [kernel, 'pack', inRoot(folder)], {
      limit: { seconds: 300 },
    });
    if (!ok) return 'not made: the library is imported more slowly';
  }
  return 'ready';
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
