import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeEach, expect } from 'vitest';

/** Something optional that a test may need. */
export type Need = keyof typeof reasons;

/**
 * Whether this machine has what a test needs, and if not, why not.
 *
 * Call it at the top of a test file, and let the answer skip what cannot run:
 *
 *     const browser = needs('browser');
 *     test.skipIf(!browser.available)('opens a lesson', …);
 *
 * The reason is printed, and `npm test` repeats it in its summary.
 *
 * @throws Error where the need is not met and the variable REQUIRE (`REQUIRE=browser,webgpu,blas`)
 *   names it, so that the tests fail rather than skip; also where REQUIRE names something unknown.
 */
export function needs(need: Need): { available: boolean; reason: string } {
  const isRequired = required().includes(need);
  const reason = reasons[need]();
  if (reason === '') return { available: true, reason };
  if (isRequired) throw new Error(`REQUIRE names ${need}, but ${reason}.`);
  tell(`${need}: ${reason}`);
  return { available: false, reason };
}

/** Leaves all tests of a file out of the quick run: they take long, and what breaks them seldom breaks nothing else. */
export function leaveOutOfQuickRun(): void {
  const { available, reason } = needs('time');
  if (!available) beforeEach(({ skip }) => skip(reason));
}

/** Leaves all tests of a file out where no programs run: they are about programs. */
export function leaveOutWithoutPrograms(): void {
  const { available, reason } = needs('programs');
  if (!available) beforeEach(({ skip }) => skip(reason));
}

/** The Chromium that browser tests drive, for playwright-core's `executablePath`. */
export function chromiumPath(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)));
  const elsewhere = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
  return [...onPath, elsewhere].find((file) => existsSync(file));
}

/** The Firefox that browser tests drive. */
export function firefoxPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders
    .flatMap((folder) => ['firefox-esr', 'firefox'].map((name) => join(folder, name)))
    .find((file) => existsSync(file));
}

/** How long a browser, or a program that is asked something, may take for it: what hangs is ended, not what is slow. */
export const PATIENCE_MS = 600_000;

/** For each need: an empty string where it is met, or else the reason. */
const reasons = {
  browser: () => (chromiumPath() ? '' : 'no chromium is installed'),

  firefox: () => (firefoxPath() ? '' : 'no firefox is installed'),

  webgpu() {
    const ask = `
      const { create, globals } = require('webgpu');
      Object.assign(globalThis, globals);
      create([]).requestAdapter().then((adapter) => {
        console.log(adapter ? 'adapter' : 'none');
        process.exit();
      });`;
    // In another process: a Vulkan driver that fails may take its process with it.
    const { stdout } = spawnSync(process.execPath, ['-e', ask], {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
    });
    return stdout.startsWith('adapter') ? '' : 'no Vulkan driver gives a WebGPU adapter';
  },

  blas() {
    const load = `require('koffi').load('libopenblas.so.0')`;
    const { status } = spawnSync(process.execPath, ['-e', load], { timeout: PATIENCE_MS });
    return status === 0 ? '' : 'libopenblas is not installed';
  },

  bubblewrap() {
    const { error, status, stderr } = spawnSync(
      'bwrap',
      ['--unshare-user', '--unshare-net', '--unshare-pid', '--ro-bind', '/', '/', 'true'],
      { encoding: 'utf8', timeout: PATIENCE_MS },
    );
    if (error) return 'bubblewrap is not installed';
    return status === 0 ? '' : `bubblewrap gets no name spaces here: ${stderr.trim()}`;
  },

  nbgrader: () =>
    existsSync(join(__dirname, '..', '.nbgrader', '.ready'))
      ? ''
      : 'nbgrader is not installed (npm run nbgrader -- --install)',

  // With FULL it is downloaded.
  hub: () =>
    existsSync(join(__dirname, '..', '.hub', 'venv', '.ready')) || process.env.FULL
      ? ''
      : 'JupyterHub is not installed (npm run hub -- --install)',

  lite: () =>
    existsSync(join(__dirname, '..', '.lite', 'venv', '.ready'))
      ? ''
      : 'JupyterLite is not installed (npm run lite -- --install)',

  registry() {
    const { status } = spawnSync('npm ping --fetch-timeout=10000 --fetch-retries=0', {
      shell: true,
      timeout: PATIENCE_MS,
    });
    return status === 0 ? '' : 'no npm registry answers';
  },

  programs() {
    if (process.env.IMPLICIT_COMPILE === '0') return 'IMPLICIT_COMPILE=0 switches programs off';
    const backend = process.env.TEST_BACKEND ?? 'wasm';
    return backend.startsWith('wasm') ? '' : `programs run on wasm, and TEST_BACKEND is ${backend}`;
  },

  /** Tests that take long ask for it; `npm run test:quick` has none to give. */
  time: () => (process.env.QUICK ? 'left out of the quick run' : ''),

  /** Tests that take long for what others show as well, or what seldom breaks. */
  full: () => (process.env.FULL === '1' ? '' : 'takes long and adds little: FULL=1 runs it'),
};

function required(): string[] {
  const names = (process.env.REQUIRE ?? '').split(',').filter((name) => name !== '');
  const unknown = names.filter((name) => !(name in reasons));
  if (unknown.length > 0) {
    const known = Object.keys(reasons).join(', ');
    throw new Error(`REQUIRE names ${unknown.join(', ')}; known are ${known}.`);
  }
  return names;
}

/** Prints what is skipped, and leaves it for the summary of `npm test`. */
function tell(reason: string): void {
  const file = expect.getState().testPath ?? '';
  console.log(`skipped, for want of ${reason}`);
  if (process.env.SKIPS) {
    appendFileSync(process.env.SKIPS, `${JSON.stringify({ file, reason })}\n`);
  }
}
