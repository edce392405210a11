import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { bundleIn, DATA, filterIn, modulesFolder, snapshotIn } from './bundle';
import { hasFilter } from './filter';
import { DEFAULT_MEMORY, heapFlag, type Launch } from './launch';

const MB = 2 ** 20;
/** What a program may write into its own folder, and below `/tmp`. */
const MOST_FILES = 64 * MB;
const OWN = ['/tmp', '/work'];
/** Where the sandbox keeps what is not the system's. */
const INSIDE = '/course';
const BUNDLE = `${INSIDE}/course/platform/node/child.cjs`;
const SNAPSHOT = `${INSIDE}/snapshot/child.blob`;

/** Everything of its own; not `--unshare-all`, which does without a user namespace where it gets none. */
const NAMESPACES = ['user', 'ipc', 'pid', 'net', 'uts', 'cgroup-try']
  .map((name) => `--unshare-${name}`)
  .concat('--cap-drop', 'ALL');

/** The system's folders that programs are found in, and libraries. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
const SYSTEM_FILES = ['/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/localtime'];

/** Why nothing can be run in a sandbox here, as a sentence; nothing where it can. */
export function sandboxProblem(): string | undefined {
  if (process.platform !== 'linux' || !hasFilter()) {
    return `--sandbox needs Linux on x64 or arm64, and this is ${process.platform} on ${process.arch}.`;
  }
  const { error, status, stderr } = spawnSync(
    'bwrap',
    [...NAMESPACES, '--ro-bind', '/', '/', '--size', '1048576', '--tmpfs', '/tmp', 'true'],
    { encoding: 'utf8', timeout: 30_000 },
  );
  if (error) {
    return '--sandbox needs bubblewrap, which is not installed (on Debian: apt-get install bubblewrap).';
  }
  if (status !== 0) {
    return `--sandbox needs user namespaces, and bubblewrap gets none here: ${stderr.trim().split('\n')[0]}`;
  }
  return undefined;
}

/** All that is the same for every program; it can be handed to other processes. */
export interface Sandbox {
  /** The folder that {@link makeProgram} made. */
  program: string;
  /** Folders that no program may see, wherever they are. */
  hidden: readonly string[];
}

/** How to start a program in a sandbox. */
export function sandboxLaunch(sandbox: Sandbox, limits: SandboxLimits): Launch {
  const blob = snapshotIn(sandbox.program);
  if (!existsSync(blob)) return launchOf(sandbox, limits, [], []);
  return launchOf(sandbox, limits, ['--snapshot-blob', SNAPSHOT], ['--ro-bind', blob, SNAPSHOT]);
}

/** How to keep, in the same surroundings, a process that has loaded all. */
export function snapshotLaunch(sandbox: Sandbox, limits: SandboxLimits): Launch {
  const folder = dirname(snapshotIn(sandbox.program));
  const flags = ['--snapshot-blob', SNAPSHOT, '--build-snapshot'];
  return launchOf(sandbox, limits, flags, ['--bind', folder, dirname(SNAPSHOT)]);
}

interface SandboxLimits {
  /** In MB. */
  memory?: number;
  seconds: number;
}

function launchOf(
  sandbox: Sandbox,
  { memory = DEFAULT_MEMORY, seconds }: SandboxLimits,
  flags: string[],
  view: string[],
): Launch {
  // Processor time of all threads; the clock itself is watched from outside.
  const limits = `ulimit -c 0; ulimit -t ${Math.ceil(4 * seconds) + 10}; ulimit -d ${memory * 1024}`;
  const inner = [`${INSIDE}/node`, heapFlag(memory), ...flags, BUNDLE];
  const bwrap = ['bwrap', ...viewOf(sandbox, view), '--seccomp', '4', '--', ...inner];
  const filter = filterIn(sandbox.program);
  return {
    command: 'sh',
    args: ['-c', `${limits}; exec "$@" 4<"$0"`, filter, ...bwrap],
    env: { PATH: process.env.PATH },
    folder: '/',
    own: { paths: OWN, size: MOST_FILES },
  };
}

/** What a program sees, as arguments of bubblewrap. */
function viewOf({ program, hidden }: Sandbox, more: string[]): string[] {
  const modules = modulesFolder();
  const seen = [
    ['/usr', '/usr'],
    [modules, `${INSIDE}/node_modules`],
    [DATA, `${INSIDE}/data`],
  ] as const;
  // Also what could be seen because it happens to be below one of these.
  const covered = hidden.flatMap((path) =>
    seen
      .filter(([outside]) => isBelow(path, outside))
      .map(([outside, inside]) => inside + path.slice(outside.length)),
  );
  return [
    ...NAMESPACES,
    '--die-with-parent',
    '--new-session',
    '--hostname',
    'sandbox',
    '--clearenv',
    ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]),
    ...SYSTEM.flatMap(systemFolder),
    ...SYSTEM_FILES.flatMap((file) => ['--ro-bind-try', file, file]),
    // Where root checks, a program could set what holds for the whole machine (`/proc/sys`).
    ...['--proc', '/proc', '--remount-ro', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
    ...['--ro-bind', process.execPath, `${INSIDE}/node`],
    ...['--ro-bind', modules, `${INSIDE}/node_modules`],
    ...['--ro-bind-try', DATA, `${INSIDE}/data`],
    ...covered.flatMap((path) => ['--tmpfs', path, '--remount-ro', path]),
    ...['--ro-bind', bundleIn(program), BUNDLE],
    ...more,
    ...OWN.flatMap((path) => ['--size', String(MOST_FILES), '--tmpfs', path]),
    ...['--remount-ro', '/', '--chdir', '/work'],
  ];
}

const ENVIRONMENT = {
  PATH: '/usr/bin:/bin',
  HOME: '/work',
  TMPDIR: '/tmp',
  LANG: 'C.UTF-8',
  IMPLICIT_LAB_PROGRESS: 'off',
  TF_CPP_MIN_LOG_LEVEL: '3',
};

/** A folder of the system: the same link, or the same folder, where there is one. */
function systemFolder(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  return found.isSymbolicLink()
    ? ['--symlink', readlinkSync(path), path]
    : ['--ro-bind', path, path];
}

const isBelow = (path: string, folder: string) => path === folder || path.startsWith(folder + sep);
