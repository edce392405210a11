import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cannotMakeVenv } from './machine.mjs';
import { hashOf, inRoot, read, venv, venvPython } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError } from './step.mjs';

const requirements = inRoot('requirements.txt');
const stamp = join(venv, '.ready');
const secondsToFirstPackage = 35;

/** Whether `.venv` is whole: its stamp, written last, holds the hash of the requirements. */
export function venvIsReady() {
  return existsSync(venvPython) && read(stamp).trim() === hashOf(requirements);
}

/**
 * Makes `.venv` anew with the pinned packages; whatever fails, no half-made `.venv` stays.
 *
 * @param {import('./machine.mjs').Python} python
 * @param {(words: string) => void} progress
 */
export async function makeVenv(python, progress) {
  rmSync(venv, { recursive: true, force: true });
  try {
    progress('making .venv');
    await createVenv(python);
    await installPackages(progress);
    writeFileSync(stamp, `${hashOf(requirements)}\n`);
  } catch (error) {
    rmSync(venv, { recursive: true, force: true });
    throw error;
  }
}

/** @param {import('./machine.mjs').Python} python */
async function createVenv({ command: [program = '', ...args], version }) {
  const { ok } = await run(program, [...args, '-m', 'venv', venv], {
    env: pythonEnvironment(),
    limit: { seconds: 50 },
  });
  if (!ok) throw new SetupError(cannotMakeVenv(version));
}

/** @param {(words: string) => void} progress */
async function installPackages(progress) {
  const expected = read(requirements).match(/^[a-z].*==/gm)?.length ?? 0;
  let seen = 0;
  let received = 0;
  const { ok, output, reason } = await run(
    venvPython,
    ['-m', 'pip', 'install', '--retries', '1', '--timeout', '15', '-r', requirements],
    {
      env: { ...pythonEnvironment(), PIP_PROGRESS_BAR: 'off' },
      limit: { seconds: secondsToFirstPackage, unless: () => received > 0 },
      onLine(line) {
        if (/^(Collecting|Ignoring) /.test(line)) seen += 1;
        if (/^\s*(Downloading|Using cached|Processing) /.test(line)) received += 1;
        if (/^(Collecting|Ignoring) /.test(line))
          progress(`${Math.min(seen, expected)} of ${expected} packages`);
        if (line.startsWith('Installing ')) progress('unpacking the packages');
      },
    },
  );
  if (!ok) throw new SetupError(sentence(output, reason));
}

/**
 * @param {string} output
 * @param {string} reason
 */
function sentence(output, reason) {
  const offline =
    /NewConnectionError|ConnectTimeout|ReadTimeout|ConnectionError|ProxyError|timed out|connection broken/i;
  return reason !== '' || offline.test(output)
    ? "pip could not download the Python packages: check the network (or pip's index and proxy settings) and run the command again (details in setup.log)."
    : 'pip could not install the packages of requirements.txt: read setup.log, cure what it names and run the command again.';
}

/**
 * The environment for programs of `.venv`, without settings that would lead Python out of it.
 *
 * @returns {NodeJS.ProcessEnv}
 */
export function pythonEnvironment() {
  /** @type {NodeJS.ProcessEnv} */
  const environment = { ...process.env, PIP_USER: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  for (const name of ['PYTHONHOME', 'PYTHONPATH', 'PIP_TARGET', 'PIP_PREFIX']) {
    delete environment[name];
  }
  return environment;
}
