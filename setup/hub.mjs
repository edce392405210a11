import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { hubPython, installHub, proxy } from './hub/install.mjs';
import { namePattern, readSettings } from './hub/settings.mjs';
import { inRoot, root } from './paths.mjs';
import { pythonEnvironment } from './python-packages.mjs';
import { end, onInterrupt, start } from './run.mjs';
import { runMain, SetupError } from './step.mjs';

const usage = `Usage: npm run hub [-- [--dir DIR] [COMMAND]]

  starts JupyterHub for a class: a server for each student, with a copy of the course

  --dir DIR         what belongs to this class, instead of hub/: settings.jsonc (written at the first
                    start), students/ and state/
  --add NAME …      makes accounts, or new passwords, and prints them
  --remove NAME …   takes accounts away; the folders of the students stay
  --collect FOLDER  copies the exercise notebooks of all students there, to be checked
  --install         only installs JupyterHub, in .hub
`;

const secondsToReady = 120;
const secondsToStop = 30;

/** `npm run hub`: JupyterHub on this machine. */
await runMain(async () => {
  const { values, names } = options();
  const folder = resolve(values.dir ?? inRoot('hub'));
  const file = join(folder, 'settings.jsonc');
  // Read first: what is wrong with them should be reported before anything is downloaded.
  const settings = values.install ? undefined : readSettings(file);
  if (process.platform !== 'linux' && settings?.isolation === 'bubblewrap') {
    throw new SetupError(
      `Students are kept apart by bubblewrap, which needs Linux: run it there, or set isolation to "none" in ${file} to look at it alone.`,
    );
  }
  await installHub();
  if (!settings) return;
  const state = join(folder, 'state');
  mkdirSync(join(state, 'logs'), { recursive: true });
  mkdirSync(join(folder, 'students'), { recursive: true });
  chmodSync(folder, 0o700);
  if (values.add) return accounts(state, 'add', names);
  if (values.remove) return accounts(state, 'remove', names);
  if (values.collect !== undefined) return collect(folder, resolve(values.collect));
  checkIsolation(settings);
  await serve(settings, folder, state);
});

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        dir: { type: 'string' },
        install: { type: 'boolean' },
        add: { type: 'boolean' },
        remove: { type: 'boolean' },
        collect: { type: 'string' },
      },
    });
    const acts = values.add || values.remove;
    if (positionals.length > 0 !== Boolean(acts)) throw new SetupError(usage);
    const odd = positionals.find((name) => !new RegExp(namePattern).test(name));
    if (odd !== undefined) {
      throw new SetupError(
        `No student can be called ${JSON.stringify(odd)}: names are made of small letters, digits and . _ @ -, and begin with a letter or a digit.`,
      );
    }
    return { values, names: positionals };
  } catch (error) {
    throw error instanceof SetupError ? error : new SetupError(usage);
  }
}

/**
 * @param {string} state
 * @param {'add' | 'remove'} action
 * @param {string[]} names
 */
function accounts(state, action, names) {
  const program = inRoot('setup', 'hub', 'accounts.py');
  const { status, stdout, stderr } = spawnSync(
    hubPython,
    [program, join(state, 'passwords.json'), action, ...names],
    { encoding: 'utf8', env: pythonEnvironment() },
  );
  if (status !== 0) throw new SetupError(`The accounts could not be changed: ${stderr}`);
  process.stdout.write(stdout);
}

/**
 * @param {string} folder
 * @param {string} target
 */
function collect(folder, target) {
  const names = readdirSync(inRoot('exercises')).filter((name) => name.endsWith('.ipynb'));
  const program = inRoot('setup', 'hub', 'collect.py');
  const { status, stdout, stderr } = spawnSync(
    hubPython,
    [program, join(folder, 'students'), target, ...names],
    { encoding: 'utf8', env: pythonEnvironment() },
  );
  process.stdout.write(stdout);
  if (status !== 0) throw new SetupError(`The notebooks could not be collected: ${stderr}`);
}

/** @param {import('./hub/settings.mjs').Settings} settings */
function checkIsolation({ isolation }) {
  if (isolation === 'none') {
    console.log(
      'Isolation is off: every student has your rights, and can read the files of all others and yours.',
    );
    return;
  }
  const problem = askOfView('view.problem() or ""');
  if (problem !== '') {
    throw new SetupError(
      `Students cannot be kept apart: ${problem}. Put that right; or set isolation to "none", for people who may read each other's files.`,
    );
  }
  if (process.getuid?.() !== 0) return;
  const devices =
    askOfView('view.can_set_devices()') === 'True'
      ? ' It may not mount here, so a student could change the modes of devices (/dev/null) for the whole machine.'
      : '';
  console.log(
    `This runs as root: who breaks out of a sandbox is root, too.${devices} Let an account of its own run it, one that nothing else belongs to.`,
  );
}

/**
 * What setup/hub/view.py says, as text.
 *
 * @param {string} expression
 */
function askOfView(expression) {
  const { stdout, stderr } = spawnSync(hubPython, ['-c', `import view; print(${expression})`], {
    cwd: inRoot('setup', 'hub'),
    encoding: 'utf8',
    env: pythonEnvironment(),
  });
  return (stdout || stderr).trim();
}

/**
 * @param {import('./hub/settings.mjs').Settings} settings
 * @param {string} folder
 * @param {string} state
 */
async function serve(settings, folder, state) {
  const scheme = settings.certificate === '' ? 'http' : 'https';
  const host = settings.address.includes(':') ? `[${settings.address}]` : settings.address;
  const port = settings.port || (await freePort());
  const given = join(state, 'settings.json');
  const whole = {
    ...settings,
    ...{ scheme, host, port, namePattern, root, state, proxy },
    students: join(folder, 'students'),
    node: process.execPath,
    hubPort: await freePort(),
    proxyPort: await freePort(),
  };
  writeFileSync(given, JSON.stringify(whole, undefined, 1), { mode: 0o600 });
  const log = join(state, 'hub.log');
  const output = openSync(log, 'w', 0o600);
  const config = inRoot('setup', 'hub', 'jupyterhub_config.py');
  const child = start(hubPython, ['-m', 'jupyterhub', '-f', config], {
    cwd: state,
    stdio: ['ignore', output, output],
    env: {
      ...pythonEnvironment(),
      HUB_SETTINGS: given,
      PATH: `${dirname(hubPython)}:${process.env.PATH}`,
    },
  });
  closeSync(output);
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
  let asked = false;
  onInterrupt(() => {
    if (asked) return;
    asked = true;
    // To the hub alone, which ends the servers and the proxy.
    child.kill('SIGTERM');
    setTimeout(() => end(child), secondsToStop * 1000).unref();
  });
  let running = true;
  ended.then(() => {
    running = false;
  });
  const deadline = Date.now() + secondsToReady * 1000;
  while (running && !/JupyterHub is now running/.test(readFileSync(log, 'utf8'))) {
    if (Date.now() > deadline) {
      end(child);
      throw new SetupError(`JupyterHub was not ready after ${secondsToReady} s: read ${log}.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  if (running) {
    console.log(`Limits: ${readFileSync(join(state, 'limits'), 'utf8')}`);
    console.log(`JupyterHub: ${scheme}://${host}:${port}/\nIts log: ${log}\nCtrl-C ends it.`);
  }
  const status = await ended;
  if (asked) return;
  const last = readFileSync(log, 'utf8').trim().split('\n').slice(-8).join('\n');
  throw new SetupError(`JupyterHub has ended (${status}). The last lines of ${log}:\n${last}`);
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
