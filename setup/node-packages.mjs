import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { hashOf, inRoot, read, windows } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError } from './step.mjs';

const lock = inRoot('package-lock.json');
const stamp = inRoot('node_modules', '.installed');
const secondsToFirstPackage = 40;
const attempts = 2;

/** What a finished installation is stamped with; some packages are binaries, hence the platform. */
const wanted = () => `${hashOf(lock)} ${process.platform} ${process.arch}\n`;

/** Installs the locked npm packages, without their install scripts, where they are not yet there. */
export async function installNodePackages(progress) {
  if (read(stamp) === wanted()) return 'ready';
  progress('asking the registry');
  const expected = packagesToInstall();
  let received = 0;
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
    limit: { seconds: secondsToFirstPackage, unless: () => received > 0 },
    onLine(line, stop) {
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
  // npm makes no folder where there is nothing to install.
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted());
  return 'installed';
}

function sentence(output, reason) {
  const offline =
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|network/;
  return reason !== '' || offline.test(output)
    ? "npm could not download the packages: check the network (or npm's registry and proxy settings) and run the command again (details in setup.log)."
    : 'npm could not install the packages of package-lock.json: read setup.log, cure what it names and run the command again.';
}

/** The program and arguments that run npm: the one that started us, where it did. */
function npm(args) {
  const self = process.env.npm_execpath ?? '';
  return self.endsWith('npm-cli.js') ? [process.execPath, [self, ...args]] : ['npm', args];
}

function packagesToInstall() {
  const { packages } = JSON.parse(read(lock));
  const fits = (allowed, here) => !allowed || allowed.includes(here);
  return Object.entries(packages).filter(
    ([path, { link, os, cpu }]) =>
      path.includes('node_modules/') &&
      !link &&
      fits(os, process.platform) &&
      fits(cpu, process.arch),
  ).length;
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
