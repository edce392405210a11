import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { TURN } from './turns';
import type { Workloads } from './workload';

export type Dtype = 'float32' | 'float64';

/** What a peer reports for one turn. */
export interface PeerTurn {
  /** Of each run that counts. */
  seconds: number[];
  /** MiB. */
  peak: number;
  version: string;
}

/** Another system in a process of its own, with the data that ours has. */
export interface Peer {
  readonly name: string;
  /** One turn, see `turns.ts`; undefined for a workload that it does not have. */
  turn(name: string, dtype: Dtype): Promise<PeerTurn | undefined>;
  /** A single run, the first one too. */
  once(name: string, dtype: Dtype): Promise<PeerTurn | undefined>;
  /** The numbers that a run has given; several can be asked for at once. */
  result(name: string, dtype: Dtype): Promise<Float64Array | undefined>;
  stop(): void;
}

export interface System {
  name: string;
  /** What is imported to see whether it is there. */
  modules: string;
  script: string;
}

/** The first one gives the exact answers. */
const SYSTEMS: readonly System[] = [
  { name: 'JAX', modules: 'jax', script: 'jax_workloads.py' },
  { name: 'PyTorch', modules: 'torch', script: 'torch_workloads.py' },
  { name: 'JAXopt', modules: 'jaxopt', script: 'jaxopt_workloads.py' },
  { name: 'optimistix', modules: 'optimistix', script: 'optimistix_workloads.py' },
  { name: 'TorchOpt', modules: 'torchopt', script: 'torchopt_workloads.py' },
];

/** Those that have all workloads but a few; the others have what they are made for. */
export const WHOLE: readonly string[] = ['JAX', 'PyTorch'];

/** The environment of the peers: not of the repository, and made when it is first needed. */
const ENVIRONMENT = process.env.PEERS_ENV ?? join(__dirname, '.venv');

/** The systems that run in an environment, and a sentence for each that does not. */
export interface Installed {
  python: string;
  systems: System[];
  missing: string[];
}

/** Looks for the systems, all at once while other things are prepared, and installs them where they are not. */
export async function installed(): Promise<Installed> {
  const python = join(ENVIRONMENT, 'bin', 'python');
  let systems = existsSync(python) ? await importable(python, SYSTEMS) : [];
  let why = 'it cannot be imported';
  if (systems.length < SYSTEMS.length) {
    const others = SYSTEMS.filter((system) => !systems.includes(system));
    try {
      if (!existsSync(python)) execFileSync('python3', ['-m', 'venv', ENVIRONMENT]);
      console.log(`Installing the peers into ${ENVIRONMENT}, several GB with PyTorch …`);
      const requirements = join(__dirname, 'requirements.txt');
      execFileSync(python, ['-m', 'pip', 'install', '-q', '-r', requirements], { stdio: 'pipe' });
    } catch (error) {
      why = (error as Error).message.split('\n')[0]!;
    }
    const found = [...systems, ...(await importable(python, others))];
    systems = SYSTEMS.filter((system) => found.includes(system));
  }
  const missing = SYSTEMS.filter((system) => !systems.includes(system));
  return { python, systems, missing: missing.map(({ name }) => `Without ${name}: ${why}.`) };
}

/** Those of some systems that can be imported. */
async function importable(python: string, systems: readonly System[]): Promise<System[]> {
  const works = await Promise.all(
    systems.map(({ modules }) =>
      promisify(execFile)(python, ['-c', `import ${modules}`]).then(
        () => true,
        () => false,
      ),
    ),
  );
  return systems.filter((_, i) => works[i]);
}

/** Starts the systems on the same data. */
export function startPeers(
  python: string,
  systems: readonly System[],
  { data, settings }: Workloads,
): { peers: Peer[]; folder: string; stop(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'peers-'));
  const shapes = Object.fromEntries(Object.entries(data).map(([name, { shape }]) => [name, shape]));
  const doubles = Object.keys(data).filter((name) => data[name]!.values instanceof Float64Array);
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ shapes, doubles, settings }));
  for (const [name, { values }] of Object.entries(data)) {
    writeFileSync(join(folder, `${name}.bin`), new Uint8Array(values.buffer));
  }
  const peers = systems.map((system) => started(python, system, folder));
  return {
    peers,
    folder,
    stop() {
      for (const peer of peers) peer.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function started(python: string, { name, script }: System, folder: string): Peer {
  const child: ChildProcess = spawn(python, [join(__dirname, script), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // One that has ended says so where its answer is awaited.
  child.stdin!.on('error', () => {});
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  let results = 0;
  const ask = async (
    run: string,
    dtype: Dtype,
    { out, turn = 0 }: { out?: string; turn?: number } = {},
  ): Promise<PeerTurn | undefined> => {
    const request = { run, dtype, out, turn };
    child.stdin!.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done) {
      console.log(`${name} has ended: without it from here on.`);
      return undefined;
    }
    const answer = JSON.parse(value) as PeerTurn | { missing: true };
    return 'missing' in answer ? undefined : answer;
  };
  return {
    name,
    turn: (workload, dtype) => ask(workload, dtype, { turn: TURN / 1000 }),
    once: (workload, dtype) => ask(workload, dtype),
    async result(workload, dtype) {
      // Several may be asked for before the first is there.
      const out = join(folder, `${name}-${results++}.bin`);
      if ((await ask(workload, dtype, { out })) === undefined) return undefined;
      const numbers = new Float64Array(new Uint8Array(readFileSync(out)).buffer);
      rmSync(out);
      return numbers;
    },
    stop: () => void child.kill(),
  };
}
