import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { needs } from './needs';

const root = join(__dirname, '..');
const time = needs('time');
const full = needs('full');

/** A `.venv` that is copied where it is not asked how one is made. */
const template = mkdtempSync(join(tmpdir(), 'template '));

let checkout: string;
let children: ChildProcess[];
let servers: Server[];

beforeAll(() => {
  if (time.available) spawnSync('python3', ['-m', 'venv', template]);
});

afterAll(() => rmSync(template, { recursive: true, force: true }));

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'set-up '));
  children = [];
  servers = [];
  cpSync(join(root, 'setup'), inCheckout('setup'), { recursive: true });
  write('package.json', JSON.stringify({ name: 'stub', version: '1.0.0' }));
  write('package-lock.json', lock({}));
  write('requirements.txt', 'jupyterlab==0.1\n');
  write(
    'kernel/bin/implicit-kernel.cjs',
    `const { mkdirSync, writeFileSync } = require('node:fs');
     const [, , command, flag, prefix] = process.argv;
     if (command !== 'install' || flag !== '--prefix') process.exit(2);
     const folder = prefix + '/share/jupyter/kernels/implicit-kernel';
     mkdirSync(folder, { recursive: true });
     writeFileSync(folder + '/kernel.json', '{}');`,
  );
  mkdirSync(inCheckout('notebooks'));
});

afterEach(async () => {
  for (const child of children.filter((child) => child.exitCode === null)) {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.on('close', resolve));
  }
  for (const server of servers) server.close();
  rmSync(checkout, { recursive: true, force: true, maxRetries: 5 });
});

const inCheckout = (...names: string[]) => join(checkout, ...names);

function write(name: string, text: string): void {
  mkdirSync(dirname(inCheckout(name)), { recursive: true });
  writeFileSync(inCheckout(name), text);
}

const readText = (...names: string[]) => readFileSync(inCheckout(...names), 'utf8');

/** A package-lock.json of the given packages, by name and version. */
function lock(packages: Record<string, string>): string {
  const locked = Object.entries(packages).map(([name, version]) => [
    `node_modules/${name}`,
    { version, integrity: 'sha512-AAAA' },
  ]);
  const own = { name: 'stub', version: '1.0.0', dependencies: packages };
  return JSON.stringify({
    name: 'stub',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': own, ...Object.fromEntries(locked) },
  });
}

type Environment = Record<string, string | undefined>;

/** An environment in which pip finds only the wheels that a test has made. */
const ownWheels = (): Environment => ({
  PIP_NO_INDEX: '1',
  // As an address: pip splits the variable at spaces, and the checkout's name has one.
  PIP_FIND_LINKS: pathToFileURL(inCheckout('wheels')).href,
  PIP_NO_CACHE_DIR: '1',
});

/** An environment in which pip asks an index on this machine. */
const ownIndex = (port: number): Environment => ({
  PIP_NO_INDEX: undefined,
  PIP_FIND_LINKS: undefined,
  PIP_EXTRA_INDEX_URL: undefined,
  PIP_INDEX_URL: `http://127.0.0.1:${port}/simple`,
  PIP_NO_CACHE_DIR: '1',
});

/** An environment whose Python makes a `.venv` by copying one, in a tenth of a second. */
function quickPython(): Environment {
  write(
    'quick/python3',
    `#!/bin/sh
PATH=\${PATH#*:}
case "$*" in
  "-m venv "*) for last; do :; done; exec cp -a "${template}" "$last" ;;
  *) exec python3 "$@" ;;
esac
`,
  );
  chmodSync(inCheckout('quick', 'python3'), 0o755);
  return { PATH: `${inCheckout('quick')}:${process.env.PATH}` };
}

/** An environment in which npm asks a registry on this machine. */
const ownRegistry = (port: number): Environment => ({
  npm_config_registry: `http://127.0.0.1:${port}/`,
  npm_config_cache: inCheckout('npm-cache'),
});

/** Runs the start script to its end. */
function start(environment: Environment, ...args: string[]) {
  const from = Date.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [inCheckout('setup', 'start.mjs'), ...args],
    { encoding: 'utf8', env: { ...process.env, ...environment } },
  );
  return { status, stdout, stderr, took: Date.now() - from };
}

/** Starts the start script and waits until it has printed an address. */
async function startServer(environment: Environment, ...args: string[]) {
  const child = spawn(process.execPath, [inCheckout('setup', 'start.mjs'), ...args], {
    env: { ...process.env, ...environment },
  });
  children.push(child);
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await new Promise<void>((resolve, reject) => {
    const listen = (text: string) => {
      output += text;
      if (output.includes('Ctrl-C')) resolve();
    };
    child.stdout.setEncoding('utf8').on('data', listen);
    child.stderr.setEncoding('utf8').on('data', listen);
    child.on('close', () => reject(new Error(`It ended without an address:\n${output}`)));
  });
  return { child, ended, output: () => output };
}

/** What a failing start owes the user: one sentence, a failure status, no half-made `.venv`. */
function expectOneSentence(result: ReturnType<typeof start>, sentence: RegExp): void {
  expect(result.stderr.trim()).toMatch(sentence);
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  expect(result.status).toBe(1);
  expect(existsSync(inCheckout('.venv'))).toBe(false);
}

/** A folder with the given programs, shell scripts by name, to be the whole PATH. */
function onlyPrograms(programs: Record<string, string>): Environment {
  for (const [name, script] of Object.entries(programs)) {
    write(`programs/${name}`, `#!/bin/sh\n${script}\n`);
    chmodSync(inCheckout('programs', name), 0o755);
  }
  mkdirSync(inCheckout('programs'), { recursive: true });
  symlinkSync('/bin/sh', inCheckout('programs', 'sh'));
  return { PATH: inCheckout('programs') };
}

/** A Python that answers the question for its version like the real one. */
const python = (version: string, hasVenv: boolean, venv = 'exit 1') => `
  case "$*" in
    *ensurepip*) echo ${version}; ${hasVenv ? 'echo venv' : ':'} ;;
    *) ${venv} ;;
  esac`;

/** A stub of JupyterLab as a wheel; it notes how it was started, serves nothing, ends on SIGTERM. */
function makeWheel(): void {
  const main = `
import json, os, signal, sys, time
if "--version" in sys.argv:
    print("0.1")
    sys.exit(0)
if "--wrong" in sys.argv:
    print("wrong argument", file=sys.stderr)
    sys.exit(3)
with open("../seen.json", "w") as file:
    json.dump({"args": sys.argv[1:], "cwd": os.getcwd(), "environment": dict(os.environ)}, file)
def stop(*_):
    print("[C 00:00:00 ServerApp] received signal 15, stopping", file=sys.stderr)
    open("../stopped", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("[I 00:00:00 ServerApp] information", file=sys.stderr)
with open(os.environ["JUPYTER_RUNTIME_DIR"] + f"/jpserver-{os.getpid()}.json", "w") as file:
    json.dump({"url": "http://localhost:1234/", "token": "secret"}, file)
time.sleep(1)
print("[W 00:00:00 ServerApp] Notebook notebooks/a.ipynb is not trusted", file=sys.stderr)
print("[W 00:00:00 ServerApp] warning", file=sys.stderr, flush=True)
signal.pause()
`;
  const files = {
    'jupyterlab/__init__.py': '',
    'jupyterlab/__main__.py': main,
    'jupyterlab-0.1.dist-info/METADATA': 'Metadata-Version: 2.1\nName: jupyterlab\nVersion: 0.1\n',
    'jupyterlab-0.1.dist-info/WHEEL':
      'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    'jupyterlab-0.1.dist-info/RECORD': '',
  };
  mkdirSync(inCheckout('wheels'));
  const zip = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    for name, text in json.loads(sys.stdin.read()).items():
        wheel.writestr(name, text)
`;
  const wheel = inCheckout('wheels', 'jupyterlab-0.1-py3-none-any.whl');
  spawnSync('python3', ['-c', zip, wheel], { input: JSON.stringify(files) });
}

/** A `.venv` that counts as whole for some requirements, with nothing in it but Python. */
function readyVenv(requirements: string): void {
  mkdirSync(inCheckout('.venv', 'bin'), { recursive: true });
  writeFileSync(inCheckout('.venv', 'bin', 'python'), '#!/bin/sh\nexec python3 "$@"\n', {
    mode: 0o755,
  });
  write('.venv/.ready', createHash('sha256').update(requirements).digest('hex'));
}

/** A port on which no program listens. */
const closedPort = 9;

/** A port where connections are accepted and nothing is ever answered. */
async function silentPort(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('a machine that lacks something', () => {
  test('no Python: says what to install', () => {
    expectOneSentence(start(onlyPrograms({})), /^Python was not found: install Python 3\.10/);
    expect(existsSync(inCheckout('node_modules'))).toBe(false);
  });

  test('a Python that is too old: names its version', () => {
    const programs = onlyPrograms({ python3: python('3.9.18', true) });
    expectOneSentence(start(programs), /^Python 3\.9\.18 is too old: install Python 3\.10/);
  });

  test('a Python without ensurepip: names the package', () => {
    const programs = onlyPrograms({ python3: python('3.12.3', false) });
    expectOneSentence(start(programs), /^Python 3\.12\.3 cannot .* apt install python3\.12-venv/);
  });

  test('a venv that fails halfway: names the package and takes the half away', () => {
    const leavesHalf = 'for last; do :; done; mkdir -p "$last/bin"; exit 1';
    const programs = onlyPrograms({
      python3: python('3.12.3', true, leavesHalf.replace('mkdir', '/bin/mkdir')),
    });
    expectOneSentence(start(programs), /^Python 3\.12\.3 cannot .* apt install python3\.12-venv/);
  });

  test('a newer Python beside one that is too old is taken', () => {
    const programs = onlyPrograms({
      python3: python('3.9.18', true),
      'python3.12': python('3.12.3', false),
      'python3.11': python('3.11.2', true),
    });
    const code = `import('./setup/machine.mjs').then((m) => console.log(m.findPython().command[0]))`;
    const { stdout } = spawnSync(process.execPath, ['-e', code], {
      encoding: 'utf8',
      cwd: checkout,
      env: { ...process.env, ...programs },
    });
    expect(stdout.trim()).toBe('python3.11');
  });

  test('a Node that is too old: says so before anything else', () => {
    const code = `
      Object.defineProperty(process.versions, 'node', { value: '18.19.0' });
      import('./setup/start.mjs');`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
      encoding: 'utf8',
      cwd: checkout,
    });
    expect(stderr.trim()).toMatch(/^Node 18\.19\.0 is too old: install Node 20 or newer/);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  });
});

describe('no network', () => {
  test('for npm: says so, and tries again the next time', () => {
    write('package.json', readOwn({ 'no-such-package': '1.0.0' }));
    write('package-lock.json', lock({ 'no-such-package': '1.0.0' }));
    const result = start(ownRegistry(closedPort));
    expectOneSentence(result, /^npm could not download the packages: check the network/);
    const again = start(ownRegistry(closedPort));
    expectOneSentence(again, /^npm could not download the packages/);
  });

  test.skipIf(!time.available)(
    'for pip: says so, and the next try with a network succeeds',
    async () => {
      const quick = quickPython();
      const result = start({ ...ownIndex(closedPort), ...quick });
      expectOneSentence(result, /^pip could not download the Python packages: check the network/);
      makeWheel();
      // One that is half made is no hindrance.
      write('.venv/bin/python', 'half');
      const { output } = await startServer({ ...ownWheels(), ...quick });
      expect(output()).toContain('http://localhost:1234/lab/tree/notebooks/README.md?token=secret');
    },
  );

  test.skipIf(!time.available)(
    'a registry that lacks a package is not called a missing network',
    () => {
      mkdirSync(inCheckout('wheels'));
      const result = start({ ...ownWheels(), ...quickPython() });
      expectOneSentence(result, /^pip could not install the packages of requirements\.txt/);
      expect(readText('setup.log')).toContain('jupyterlab==0.1');
    },
  );

  test.skipIf(!time.available)(
    'npm gives up within a minute where the registry never answers',
    async () => {
      const names = Array.from({ length: 40 }, (_, i) => [`no-such-package-${i}`, '1.0.0']);
      write('package.json', readOwn(Object.fromEntries(names)));
      write('package-lock.json', lock(Object.fromEntries(names)));
      const result = start(ownRegistry(await silentPort()));
      expectOneSentence(result, /^npm could not download the packages: check the network/);
    },
  );

  test.skipIf(!full.available)(
    'pip gives up within a minute where the index never answers',
    async () => {
      const result = start(ownIndex(await silentPort()));
      expectOneSentence(result, /^pip could not download the Python packages: check the network/);
    },
  );
});

const readOwn = (dependencies: Record<string, string>) =>
  JSON.stringify({ name: 'stub', version: '1.0.0', dependencies });

describe('npm start', () => {
  beforeEach(makeWheel);

  test.skipIf(!time.available)(
    'sets up once, prints the real address, passes arguments on, and ends cleanly',
    async () => {
      const { child, ended, output } = await startServer(
        { ...ownWheels(), PYTHONPATH: '/elsewhere', JUPYTER_CONFIG_DIR: '/elsewhere' },
        '--no-browser',
        '--port',
        '9000',
      );
      expect(output()).toContain(
        'JupyterLab: http://localhost:1234/lab/tree/notebooks/README.md?token=secret\n',
      );
      expect(output()).not.toContain('information');
      await expect.poll(output).toContain('warning');
      expect(output()).not.toContain('not trusted');
      const hash = createHash('sha256').update(readText('requirements.txt')).digest('hex');
      expect(readText('.venv', '.ready').trim()).toBe(hash);
      expect(existsSync(inCheckout('.venv/share/jupyter/kernels/implicit-kernel'))).toBe(true);

      const seen = JSON.parse(readText('seen.json'));
      expect(seen.cwd).toBe(inCheckout('notebooks'));
      expect(seen.args.slice(-3)).toEqual(['--no-browser', '--port', '9000']);
      expect(seen.args).toContain('--LabApp.extension_manager=readonly');
      expect(seen.args.includes('--allow-root')).toBe(process.getuid?.() === 0);
      expect(seen.environment.PYTHONPATH).toBeUndefined();
      expect(seen.environment.JUPYTER_CONFIG_DIR).toBe(inCheckout('.jupyter', 'config'));

      child.kill('SIGINT');
      expect(await ended).toBe(0);
      expect(existsSync(inCheckout('stopped'))).toBe(true);
      expect(output()).not.toContain('stopping');

      const second = await startServer({ ...ownIndex(closedPort), ...ownRegistry(closedPort) });
      expect(second.output()).toContain('npm packages: ready\n');
      expect(second.output()).toContain('Python packages in .venv: ready\n');

      const version = start({}, '--version');
      expect(version).toMatchObject({ status: 0, stderr: '0.1\n' });
      const wrong = start({}, '--wrong');
      expect(wrong).toMatchObject({ status: 3, stderr: 'wrong argument\n' });
    },
  );

  test.skipIf(!time.available)('a .venv for other requirements is made again', async () => {
    readyVenv('of other requirements');
    const { output } = await startServer({ ...ownWheels(), ...quickPython() });
    expect(output()).toContain('Python packages in .venv: installed');
  });
});

describe('npm test', () => {
  beforeEach(() => {
    readyVenv(readText('requirements.txt'));
    write('node_modules/typescript/bin/tsc', 'process.exit(1)');
    write('node_modules/@biomejs/biome/bin/biome', '');
    symlinkSync(join(root, 'node_modules', 'vitest'), inCheckout('node_modules', 'vitest'));
    cpSync(join(root, 'test', 'needs.ts'), inCheckout('test', 'needs.ts'));
    write('notebooks/01-first.ipynb', '{}');
    write(
      'test/lessons.py',
      `import json, os, sys
assert "FULL" not in os.environ
results = [{"notebook": "first", "error": ""}, {"notebook": "second", "error": "a\\nb"}]
open(sys.argv[sys.argv.index("--report") + 1], "w").write(json.dumps(results))`,
    );
  });

  /** Runs the test script; returns its summary, without the times, and its exit status. */
  function runTests(environment: Environment, ...args: string[]) {
    const { status, stdout } = spawnSync(
      process.execPath,
      [inCheckout('setup', 'test.mjs'), ...args],
      { encoding: 'utf8', cwd: checkout, env: { ...process.env, ...environment } },
    );
    const summary = stdout.slice(stdout.lastIndexOf('\nSummary\n') + 1).trim();
    return { status, summary: summary.replace(/ +\d+ s {2}/g, ' ').split('\n') };
  }

  test.skipIf(!time.available)(
    'runs every part, names what failed and what was skipped and why, and counts all',
    () => {
      write(
        'test/some.test.ts',
        `import { beforeAll, describe, expect, test } from 'vitest';
       import { needs } from './needs';
       const time = needs('time');
       test('passes', () => {});
       describe('a group', () => {
         beforeAll(() => { throw new Error('not ready'); });
         test('waits', () => {});
       });
       test('fails', () => expect(1).toBe(2));
       test.skipIf(!time.available)('takes long', () => {});
       test('gives up', (context) => context.skip('too tired'));
       for (let i = 0; i < 6; i++) test('rests ' + i, (context) => context.skip('too many'));`,
      );
      const { status, summary } = runTests({ QUICK: '1', FULL: '1', REQUIRE: '' });
      expect(summary).toEqual([
        'Summary',
        '  Types 0 passed, 1 failed, 0 skipped',
        '  Format and lint 1 passed, 0 failed, 0 skipped',
        '  Unit tests 1 passed, 2 failed, 9 skipped',
        '  Lessons 1 passed, 1 failed, 0 skipped',
        'Skipped',
        '  Unit tests: test/some.test.ts: a group > waits (its group failed)',
        '  Unit tests: test/some.test.ts: takes long (time: left out of the quick run)',
        '  Unit tests: test/some.test.ts: gives up (too tired)',
        '  Unit tests: test/some.test.ts: 6 tests (too many)',
        'Failed',
        '  Types: see its output above',
        '  Unit tests: test/some.test.ts: not ready',
        '  Unit tests: test/some.test.ts: fails',
        '  Lessons: second: b',
        '3 passed, 4 failed, 9 skipped',
      ]);
      expect(status).toBe(1);
    },
  );

  test.skipIf(!time.available)(
    'fails where REQUIRE names what is missing; the quick run leaves the lessons out',
    () => {
      write('node_modules/typescript/bin/tsc', '');
      write(
        'test/some.test.ts',
        `import { test } from 'vitest';
       import { needs } from './needs';
       const time = needs('time');
       test.skipIf(!time.available)('takes long', () => {});`,
      );
      const required = runTests({ REQUIRE: 'time' }, '--quick');
      expect(required.summary).toContain('  Lessons: left out of the quick run');
      expect(required.summary.at(-1)).toBe('2 passed, 1 failed, 1 skipped');
      expect(required.status).toBe(1);

      const free = runTests({ REQUIRE: '' }, '--quick');
      expect(free.summary.at(-1)).toBe('2 passed, 0 failed, 2 skipped');
      expect(free.status).toBe(0);
    },
  );
});

describe('the optional tfjs-node', () => {
  const native = 'node_modules/@tensorflow/tfjs-node';

  /** Runs the step; the printed words are its result. */
  function install(script: string, seconds = 600): string {
    write(`${native}/scripts/install.js`, script);
    write(`${native}/index.js`, `require('./lib/napi-v8/tfjs_binding.node')`);
    const code = `import('./setup/node-packages.mjs')
      .then((m) => m.installNativeBackend(() => {}, ${seconds}))
      .then(console.log)`;
    return spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', cwd: checkout }).stdout;
  }

  /** An install script that leaves an addon; a broken one cannot be loaded. */
  const leavesAddon = `
    const { mkdirSync, writeFileSync } = require('node:fs');
    mkdirSync('deps/lib', { recursive: true });
    mkdirSync('lib/napi-v8', { recursive: true });
    writeFileSync('lib/napi-v8/tfjs_binding.node', 'not a library');`;

  test('a script that fails is told in one line and not run again', () => {
    expect(install(`require('node:fs').writeFileSync('ran', ''); process.exit(1)`)).toBe(
      'not available here, and not needed\n',
    );
    rmSync(inCheckout(native, 'ran'));
    expect(install(`require('node:fs').writeFileSync('ran', '')`)).toContain('not available');
    expect(existsSync(inCheckout(native, 'ran'))).toBe(false);
  });

  test('a script that hangs is ended', () => {
    expect(install('setInterval(() => {}, 1000)', 2)).toContain('not available');
    expect(readText('setup.log')).toContain('stopped after 2 s');
  });

  test('an addon that does not load is taken away', () => {
    expect(install(leavesAddon)).toContain('not available');
    expect(existsSync(inCheckout(native, 'lib'))).toBe(false);
    expect(existsSync(inCheckout(native, 'deps'))).toBe(false);
  });
});
