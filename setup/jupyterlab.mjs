import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot, root, venvPython } from './paths.mjs';
import { pythonEnvironment } from './python-packages.mjs';
import { eachLine, end, start } from './run.mjs';
import { SetupError } from './step.mjs';

const home = inRoot('.jupyter');
/** What is shown first: the front page of the course. */
const front = 'lab/tree/notebooks/README.md';
const runtime = join(home, 'runtime');
const secondsToReady = 60;
/**
 * Warnings that ask nothing of anybody: of every notebook that came with the checkout, and of
 * JupyterLab's own defaults.
 */
const idleWarning = /Notebook .* is not trusted|websocket_ping_timeout/;
const secondsToStop = 15;

/**
 * The environment of Jupyter, with its folders, all inside the checkout: the user's own settings and kernels are neither read
 * nor changed. They lie outside `.venv`, so that a theme outlives a new version of the packages.
 */
export function jupyterEnvironment() {
  mkdirSync(runtime, { recursive: true });
  /** @type {NodeJS.ProcessEnv} */
  const environment = {
    ...pythonEnvironment(),
    JUPYTER_CONFIG_DIR: join(home, 'config'),
    JUPYTER_DATA_DIR: join(home, 'data'),
    JUPYTER_RUNTIME_DIR: runtime,
    IPYTHONDIR: join(home, 'ipython'),
    JUPYTER_CONFIG_PATH: inRoot('setup', 'jupyter'),
    JUPYTER_PREFER_ENV_PATH: '1',
  };
  for (const name of ['JUPYTER_PATH', 'JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR']) {
    delete environment[name];
  }
  return environment;
}

/** What JupyterLab is started with before the user's own arguments. */
function settings() {
  return [
    ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
    // The root is the checkout, so that exercises and solutions can be opened; it shows notebooks/.
    `--ServerApp.root_dir=${root}`,
    `--LabApp.default_url=/${front}`,
    `--FileContentsManager.preferred_dir=${inRoot('notebooks')}`,
    '--MultiKernelManager.default_kernel_name=implicit-kernel',
    // It would ask the internet; so would the announcements, which setup/jupyter/ turns off.
    '--LabApp.extension_manager=readonly',
    // Browsers that live in a sandbox may not read the file that would lead them to the page.
    '--ServerApp.use_redirect_file=False',
  ];
}

/**
 * Starts JupyterLab in `notebooks/` with the given arguments.
 *
 * Returns `{ url, stop, ended }`: the real address with its token, a function that ends the server
 * and its kernels, and a promise of the exit status. Where JupyterLab ends before it is ready (a wrong
 * argument, `--help`) it prints its own output, and `url` is undefined.
 *
 * @param {string[]} args
 */
export async function startJupyterLab(args) {
  const env = jupyterEnvironment();
  // JupyterLab looks for a style sheet of one's own in the folder of the user's settings alone.
  cpSync(inRoot('setup', 'jupyter', 'custom'), join(home, 'config', 'custom'), { recursive: true });
  const earlier = new Set(serverFiles());
  const child = start(venvPython, ['-m', 'jupyterlab', ...settings(), ...args], {
    cwd: inRoot('notebooks'),
    env,
  });
  const said = quietOutput(child);
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
  let running = true;
  ended.then(() => {
    running = false;
  });
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    said.nothing();
    end(child, 'SIGTERM');
    setTimeout(() => end(child), secondsToStop * 1000).unref();
  };
  const deadline = Date.now() + secondsToReady * 1000;
  while (running && Date.now() < deadline) {
    const url = serverFiles()
      .filter((file) => !earlier.has(file))
      .map(address)
      .find(Boolean);
    if (url) {
      said.onlyWarnings();
      return { url, stop, ended };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  said.everything();
  if (!running) return { url: undefined, stop, ended };
  stop();
  throw new SetupError(
    `JupyterLab was not ready after ${secondsToReady} s: read what it says above and run the command again.`,
  );
}

const serverFiles = () => readdirSync(runtime).filter((name) => /^jpserver-\d+\.json$/.test(name));

/**
 * The address in a file that a running server writes; undefined while it is being written.
 *
 * @param {string} file
 */
function address(file) {
  try {
    const { url, token } = JSON.parse(readFileSync(join(runtime, file), 'utf8'));
    return `${url}${front}${token ? `?token=${token}` : ''}`;
  } catch {
    return undefined;
  }
}

/**
 * Holds back what the server prints until it is known whether it starts. Then either all of it is
 * shown, or from there on only what is neither information nor debugging.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
function quietOutput(child) {
  /** @type {string[]} */
  let held = [];
  let informing = true;
  /** @type {(line: string) => void} */
  let use = (line) => void held.push(line);
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    stream.setEncoding('utf8');
    eachLine(stream, (line) => use(line));
  }
  return {
    everything() {
      for (const line of held) console.error(line);
      use = (line) => console.error(line);
    },
    nothing() {
      use = () => {};
    },
    onlyWarnings() {
      held = [];
      use = (line) => {
        const level = /^\[([A-Z]) /.exec(line)?.[1];
        if (level) informing = !/[WE]/.test(level) || idleWarning.test(line);
        if (!informing) console.error(line);
      };
    },
  };
}
