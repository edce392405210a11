import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildKernel, declarePackages, registerKernel } from '../kernel.mjs';
import { checkNode, findPython } from '../machine.mjs';
import { installNodePackages } from '../node-packages.mjs';
import { hashOf, inRoot, pythonIn, read } from '../paths.mjs';
import { makeVenv, venvIsReady } from '../python-packages.mjs';
import { run } from '../run.mjs';
import { SetupError, step } from '../step.mjs';

const place = {
  folder: inRoot('.hub', 'venv'),
  requirements: inRoot('setup', 'hub', 'requirements.txt'),
};
const proxyFolder = inRoot('.hub', 'proxy');
const lock = inRoot('setup', 'hub', 'package-lock.json');

export const hubPython = pythonIn(place.folder);
/** The program of the proxy, for Node.js. */
export const proxy = join(
  proxyFolder,
  'node_modules',
  'configurable-http-proxy',
  'bin',
  'configurable-http-proxy',
);

/** Installs the hub where it is not yet there, for all students once. */
export async function installHub() {
  checkNode();
  await step('npm packages', installNodePackages);
  await step('JupyterHub in .hub/venv', async (progress) => {
    if (venvIsReady(place)) return 'ready';
    const python = findPython();
    mkdirSync(inRoot('.hub'), { recursive: true });
    await makeVenv(python, progress, place);
    return 'installed';
  });
  await step('Proxy in .hub/proxy', installProxy);
  await step('Kernel "TypeScript"', () => registerKernel(place.folder));
  await step('Bundle of the kernel', buildKernel);
  await step('Declarations of the packages', declarePackages);
}

async function installProxy() {
  const stamp = join(proxyFolder, '.ready');
  if (existsSync(proxy) && read(stamp).trim() === hashOf(lock)) return 'ready';
  rmSync(proxyFolder, { recursive: true, force: true });
  mkdirSync(proxyFolder, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) {
    cpSync(inRoot('setup', 'hub', name), join(proxyFolder, name));
  }
  const { ok } = await run(
    'npm',
    ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'],
    { cwd: proxyFolder, limit: { seconds: 300 } },
  );
  if (!ok) {
    rmSync(proxyFolder, { recursive: true, force: true });
    throw new SetupError(
      'npm could not install the proxy: check the network and run the command again (details in setup.log).',
    );
  }
  writeFileSync(stamp, `${hashOf(lock)}\n`);
  return 'installed';
}
