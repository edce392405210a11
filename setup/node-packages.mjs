import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inRoot, read, windows } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError } from './step.mjs';

/**
 * A package as a lock file describes it.
 *
 * @typedef {object} Entry
 * @property {string} version
 * @property {boolean} [optional]
 * @property {boolean} [link]
 * @property {string[]} [os]
 * @property {string[]} [cpu]
 */

const lock = inRoot('package-lock.json');
/** npm's own account of what it has installed, which it writes last. */
const installed = inRoot('node_modules', '.package-lock.json');
/** How long the registry may be silent before the first package comes: a busy machine is slow. */
const longestSilence = 40;
const attempts = 2;

/**
 * The packages that a lock file names, with their paths; none where it is missing or cut off.
 *
 * @param {string} file
 * @returns {[string, Entry][]}
 */
function packagesOf(file) {
  try {
    return Object.entries(JSON.parse(read(file)).packages);
  } catch {
    return [];
  }
}

/**
 * Whether a package is for this platform.
 *
 * @param {Entry} entry
 */
const isForHere = ({ os, cpu }) =>
  (!os || os.includes(process.platform)) && (!cpu || cpu.includes(process.arch));

/** Whether node_modules holds the packages of the lock, for this platform. */
function isInstalled() {
  const present = new Map(packagesOf(installed));
  const holds = (/** @type {[string, Entry]} */ [path, { version, optional, link }]) => {
    // A workspace is in the checkout: what npm adds is the link to it.
    if (link) return existsSync(inRoot(path));
    return !path.includes('node_modules/') || optional || present.get(path)?.version === version;
  };
  const wanted = packagesOf(lock);
  return wanted.length > 0 && wanted.every(holds) && [...present.values()].every(isForHere);
}

/**
 * Installs the locked npm packages, without their install scripts, where they are not yet there.
 *
 * @param {(words: string) => void} progress
 */
export async function installNodePackages(progress) {
  if (isInstalled()) return 'ready';
  progress('asking the registry');
  const expected = packagesOf(lock).filter(
    ([path, entry]) => path.includes('node_modules/') && !entry.link && isForHere(entry),
  ).length;
  let received = 0;
  let answered = 0;
  const [program, args] = npm([
    'ci',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=http',
    `--fetch-retries=${attempts - 1}`,
    '--fetch-retry-mintimeout=1000',
    '--fetch-retry-maxtimeout=2000',
    '--fetch-timeout=30000',
  ]);
  const { ok, output, reason } = await run(program, args, {
    shell: windows && program === 'npm',
    silence: { seconds: longestSilence, lastSign: () => (received > 0 ? Date.now() : answered) },
    onLine(line, stop) {
      if (line.includes('fetch GET 200 ')) answered = Date.now();
      if (/fetch GET 200 \S+\.tgz/.test(line)) {
        received += 1;
        progress(`${received} of ${expected} received`);
      }
      // npm itself would go on asking for each of the other packages for minutes.
      const vain = received === 0 && line.includes(`attempt ${attempts} failed`);
      if (vain) stop('the registry does not answer');
    },
  });
  if (!ok) throw new SetupError(sentence(output, reason));
  return 'installed';
}

/**
 * @param {string} output
 * @param {string} reason
 */
function sentence(output, reason) {
  const offline =
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|npm error network/;
  return reason !== '' || offline.test(output)
    ? "npm could not download the packages: check the network (or npm's registry and proxy settings) and run the command again (details in setup.log)."
    : 'npm could not install the packages of package-lock.json: read setup.log, cure what it names and run the command again.';
}

/**
 * The program and arguments that run npm: the one that started us, where it did.
 *
 * @param {string[]} args
 * @returns {[string, string[]]}
 */
function npm(args) {
  const self = process.env.npm_execpath ?? '';
  return self.endsWith('npm-cli.js') ? [process.execPath, [self, ...args]] : ['npm', args];
}

const native = inRoot('node_modules', '@tensorflow', 'tfjs-node');
const nativeStamp = inRoot('node_modules', '.tfjs-node-tried');

/** Whether tfjs-node has its addon; without it the package counts as absent. */
function hasAddon() {
  const lib = join(native, 'lib');
  return (
    existsSync(lib) &&
    readdirSync(lib).some((name) => existsSync(join(lib, name, 'tfjs_binding.node')))
  );
}

/**
 * Runs the install script of the optional `@tensorflow/tfjs-node` once, under a time limit.
 *
 * It downloads a binary and may fail; everything works without it. An addon that does not load is
 * removed, and so is half a download.
 *
 * @param {(words: string) => void} progress
 * @param {number} seconds
 */
export async function installNativeBackend(progress, seconds = 60) {
  const absent = 'not available here, and not needed';
  if (hasAddon()) return 'ready';
  if (!existsSync(native) || existsSync(nativeStamp)) return absent;
  progress(`downloading, for at most ${seconds} s`);
  writeFileSync(nativeStamp, '');
  const bin = inRoot('node_modules', '.bin');
  const script = await run(process.execPath, ['scripts/install.js'], {
    cwd: native,
    env: { ...process.env, PATH: bin + delimiter + process.env.PATH },
    limit: { seconds },
  });
  const loads =
    script.ok &&
    (await run(process.execPath, ['-e', 'require(".")'], { cwd: native, limit: { seconds: 20 } }))
      .ok;
  if (loads && hasAddon()) return 'installed';
  for (const folder of ['lib', 'deps']) {
    rmSync(join(native, folder), { recursive: true, force: true });
  }
  return absent;
}
