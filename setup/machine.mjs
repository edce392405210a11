import { spawnSync } from 'node:child_process';
import { windows } from './paths.mjs';
import { SetupError } from './step.mjs';

const oldestNode = 20;
const oldestPython = /** @type {const} */ ([3, 10]);
const onDebian = ' (on Debian and Ubuntu: sudo apt install python3 python3-venv)';

/** Throws where this Node is too old to run the course. */
export function checkNode() {
  if (Number(process.versions.node.split('.')[0]) >= oldestNode) return;
  throw new SetupError(
    `Node ${process.versions.node} is too old: install Node ${oldestNode} or newer and run the command again.`,
  );
}

/**
 * @typedef {object} Python
 * @property {string[]} command the program and its first arguments
 * @property {string} version
 */

/**
 * Finds a Python that can make `.venv`: `{ command, version }`, where `command` is the program and
 * its first arguments.
 *
 * The plain name comes first, since that is what a user means by Python; names with a version help
 * where that one is too old or lacks `venv`. Throws a `SetupError` that names what is missing.
 *
 * @returns {Python}
 */
export function findPython() {
  /** @type {Python[]} */
  const rejected = [];
  for (const command of candidates()) {
    const { version, hasVenv } = look(command);
    if (version && isRecent(version) && hasVenv) return { command, version };
    if (version) rejected.push({ command, version });
  }
  const withoutVenv = rejected.find((python) => isRecent(python.version));
  if (withoutVenv) throw new SetupError(cannotMakeVenv(withoutVenv.version));
  const [old] = rejected;
  throw new SetupError(
    old
      ? `Python ${old.version} is too old: install Python ${oldestPython.join('.')} or newer${onDebian} and run the command again.`
      : `Python was not found: install Python ${oldestPython.join('.')} or newer${onDebian} and run the command again.`,
  );
}

/**
 * The sentence for a Python that cannot make virtual environments.
 *
 * @param {string} version
 */
export function cannotMakeVenv(version) {
  const name = `python${version.split('.').slice(0, 2).join('.')}-venv`;
  return `Python ${version} cannot make a virtual environment (its venv or ensurepip is missing): install it (on Debian and Ubuntu: sudo apt install ${name}) and run the command again.`;
}

/** @returns {string[][]} */
function candidates() {
  const versions = [14, 13, 12, 11, 10];
  return windows
    ? [['py', '-3'], ['python'], ['python3']]
    : [['python3'], ['python'], ...versions.map((minor) => [`python3.${minor}`])];
}

const question = `
import sys
print("%d.%d.%d" % sys.version_info[:3])
try:
    import ensurepip, venv
    print("venv")
except ImportError:
    pass
`;

/** @param {string[]} command */
function look([program = '', ...args]) {
  const { status, stdout } = spawnSync(program, [...args, '-c', question], {
    encoding: 'utf8',
    timeout: 60_000,
    windowsHide: true,
  });
  if (status !== 0) return {};
  const [version, hasVenv] = stdout.trim().split(/\s+/);
  return { version, hasVenv: hasVenv === 'venv' };
}

/** @param {string} version */
function isRecent(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestPython;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
