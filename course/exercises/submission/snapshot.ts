import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bundleIn, bundleTo, snapshotIn } from './bundle';
import { DEFAULT_MEMORY, heapFlag, type Launch, plainLaunch } from './launch';
import { type Sandbox, sandboxLaunch, snapshotLaunch } from './sandbox';

const SECONDS = 60;

/** While a snapshot is made, and in what begins there, `require` knows Node.js' own modules alone. */
const REQUIRE = `{
  const own = require;
  const modules = own('node:module');
  const load = () => modules.createRequire(__filename);
  require = (name) => (modules.isBuiltin(name) ? own(name) : load()(name));
  require.resolve = (name) => load().resolve(name);
}`;

/**
 * Keeps a process that has loaded TensorFlow.js and the library, from which those of submissions
 * begin: they start in half of the processor time. Where that fails all is as it was.
 *
 * It is made where it is used, in the sandbox or out of it, so that what it has found is there.
 *
 * @see https://nodejs.org/api/v8.html#startup-snapshot-api
 */
export function makeSnapshot(program: string, sandbox: Sandbox | undefined): void {
  const [bundle, blob] = [bundleIn(program), snapshotIn(program)];
  const before = `${bundle}.before`;
  const limits = { seconds: SECONDS };
  try {
    mkdirSync(dirname(blob));
    renameSync(bundle, before);
    bundleTo(bundle, {
      external: externalPackages(),
      // Nothing that is loaded later could be imported from a snapshot.
      supported: { 'dynamic-import': false },
      minifyWhitespace: true,
      banner: { js: REQUIRE },
    });
    run(sandbox ? snapshotLaunch(sandbox, limits) : plainSnapshotLaunch(program));
    const scratch = dirname(blob);
    const start = sandbox ? sandboxLaunch(sandbox, limits) : plainLaunch(scratch, { program });
    if (run(start).includes('"ready"')) return;
  } catch {
    // An older Node.js, or a package that cannot be kept.
  }
  rmSync(dirname(blob), { recursive: true, force: true });
  renameSync(before, bundle);
}

function plainSnapshotLaunch(program: string): Launch {
  const launch = plainLaunch(dirname(snapshotIn(program)), { program });
  const flags = ['--snapshot-blob', snapshotIn(program), '--build-snapshot'];
  return { ...launch, args: [heapFlag(DEFAULT_MEMORY), ...flags, bundleIn(program)] };
}

/** What a program says on its channel, on which nothing is asked. */
function run({ command, args, env, folder }: Launch): string {
  const file = join(mkdtempSync(join(tmpdir(), 'implicit-lab-channel-')), 'channel');
  const channel = openSync(file, 'w+');
  try {
    const { status } = spawnSync(command, args, {
      cwd: folder,
      env,
      stdio: ['ignore', 'ignore', 'ignore', channel],
      timeout: 1000 * SECONDS,
      killSignal: 'SIGKILL',
    });
    if (status !== 0) throw new Error(`exit status ${status}`);
    return readFileSync(file, 'latin1');
  } finally {
    closeSync(channel);
    rmSync(dirname(file), { recursive: true });
  }
}

/** All packages that are loaded when they are used; TensorFlow.js and the library are a part of it. */
function externalPackages(): string[] {
  const require = createRequire(__filename);
  return ['implicit-lab-course', 'implicit-lab']
    .flatMap((name) => {
      const file = require.resolve(join(name, 'package.json'));
      const { dependencies, peerDependencies } = JSON.parse(readFileSync(file, 'utf8'));
      return Object.keys({ ...dependencies, ...peerDependencies });
    })
    .filter((name) => name !== '@tensorflow/tfjs' && name !== 'implicit-lab');
}
