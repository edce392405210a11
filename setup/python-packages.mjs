import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { cannotMakeVenv } from './machine.mjs';
import { hashOf, inRoot, pythonIn, read, root, venv } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError } from './step.mjs';

/** How long the index may be silent before the first package comes: a busy machine is slow. */
const longestSilence = 35;

/**
 * An environment of Python: its folder, and the packages that belong in it.
 *
 * @typedef {{ folder: string, requirements: string }} Environment
 */

/** @type {Environment} */
const main = { folder: venv, requirements: inRoot('requirements.txt') };

/** @param {Environment} place */
const stampOf = ({ folder }) => join(folder, '.ready');

/** Whether an environment is whole: its stamp, written last, holds the hash of the requirements. */
export function venvIsReady(place = main) {
  const isThere = existsSync(pythonIn(place.folder));
  return isThere && read(stampOf(place)).trim() === hashOf(place.requirements);
}

/**
 * Makes an environment again with its pinned packages, `.venv` unless another is given; whatever
 * fails, no half-made one stays.
 *
 * @param {import('./machine.mjs').Python} python
 * @param {(words: string) => void} progress
 */
export async function makeVenv(python, progress, place = main) {
  rmSync(place.folder, { recursive: true, force: true });
  try {
    progress(`making ${basename(place.folder)}`);
    await createVenv(python, place);
    await installPackages(progress, place);
    writeFileSync(stampOf(place), `${hashOf(place.requirements)}\n`);
  } catch (error) {
    rmSync(place.folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * @param {import('./machine.mjs').Python} python
 * @param {Environment} place
 */
async function createVenv({ command: [program = '', ...args], version }, { folder }) {
  const { ok } = await run(program, [...args, '-m', 'venv', folder], {
    env: pythonEnvironment(),
    limit: { seconds: 300 },
  });
  if (!ok) throw new SetupError(cannotMakeVenv(version));
}

/**
 * @param {(words: string) => void} progress
 * @param {Environment} place
 */
async function installPackages(progress, { folder, requirements }) {
  const expected = read(requirements).match(/^[a-z].*==/gim)?.length ?? 0;
  let seen = 0;
  let received = 0;
  let answered = 0;
  const { ok, output, reason } = await run(
    pythonIn(folder),
    ['-m', 'pip', 'install', '--retries', '1', '--timeout', '15', '-r', requirements],
    {
      env: { ...pythonEnvironment(), PIP_PROGRESS_BAR: 'off' },
      silence: { seconds: longestSilence, lastSign: () => (received > 0 ? Date.now() : answered) },
      onLine(line) {
        if (/^(Collecting|Ignoring) /.test(line)) {
          seen += 1;
          answered = Date.now();
        }
        if (/^\s*(Downloading|Using cached|Processing) /.test(line)) received += 1;
        if (/^(Collecting|Ignoring) /.test(line))
          progress(`${Math.min(seen, expected)} of ${expected} packages`);
        if (line.startsWith('Installing ')) progress('unpacking the packages');
      },
    },
  );
  if (!ok) throw new SetupError(sentence(output, reason, requirements));
}

/**
 * @param {string} output
 * @param {string} reason
 * @param {string} requirements
 */
function sentence(output, reason, requirements) {
  const offline =
    /NewConnectionError|ConnectTimeout|ReadTimeout|ConnectionError|ProxyError|timed out|connection broken/i;
  return reason !== '' || offline.test(output)
    ? "pip could not download the Python packages: check the network (or pip's index and proxy settings) and run the command again (details in setup.log)."
    : `pip could not install the packages of ${relative(root, requirements)}: read setup.log, cure what it names and run the command again.`;
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
