import { rmSync } from 'node:fs';
import { buildKernel, declarePackages, registerKernel } from './kernel.mjs';
import { checkNode, findPython } from './machine.mjs';
import { installNativeBackend, installNodePackages } from './node-packages.mjs';
import { log } from './paths.mjs';
import { makeVenv, venvIsReady } from './python-packages.mjs';
import { step } from './step.mjs';

/**
 * Brings a fresh clone to where everything runs, inside the checkout only; what is there already is
 * left as it is.
 */
export async function prepare() {
  rmSync(log, { force: true });
  checkNode();
  // Sought before anything is downloaded: a missing Python should be reported at once.
  const python = venvIsReady() ? undefined : findPython();
  const pythonWords = python ? `, Python ${python.version}` : '';
  console.log(`Node ${process.versions.node}${pythonWords}`);
  await step('npm packages', installNodePackages);
  await step('Python packages in .venv', async (progress) => {
    if (!python) return 'ready';
    await makeVenv(python, progress);
    return 'installed';
  });
  await step('Kernel "TypeScript"', () => registerKernel());
  await step('Declarations of the packages', declarePackages);
  // Its snapshot holds the declarations.
  await step('Bundle of the kernel', buildKernel);
  await step('tfjs-node (optional)', installNativeBackend);
}
