import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Workloads } from './workloads';

/** What a peer says of one run. */
export interface PeerRun {
  seconds: number;
  /** MiB. */
  peak: number;
  version: string;
}

/** Another system in a process of its own, with the data that ours has. */
export interface Peer {
  run(name: string, dtype: 'float32' | 'float64'): Promise<PeerRun>;
  /** The numbers that a run has given. */
  result(name: string, dtype: 'float32' | 'float64'): Promise<Float64Array>;
  stop(): void;
}

/** The environment of the peers: not of the repository, and made when it is first needed. */
const ENVIRONMENT = process.env.PEERS_ENV ?? join(__dirname, '.venv');

/** Python with the peers; a sentence where it cannot be had. */
export function installed(): { python: string } | { why: string } {
  const python = join(ENVIRONMENT, 'bin', 'python');
  try {
    if (!existsSync(python)) execFileSync('python3', ['-m', 'venv', ENVIRONMENT]);
    const works = () => execFileSync(python, ['-c', 'import jax, jaxopt'], { stdio: 'ignore' });
    try {
      works();
    } catch {
      console.log(`Installing the peers into ${ENVIRONMENT} …`);
      const requirements = join(__dirname, 'requirements.txt');
      execFileSync(python, ['-m', 'pip', 'install', '-q', '-r', requirements], { stdio: 'pipe' });
      works();
    }
    return { python };
  } catch (error) {
    return { why: (error as Error).message.split('\n')[0]! };
  }
}

export function startPeer(python: string, { data, settings }: Workloads): Peer {
  const folder = mkdtempSync(join(tmpdir(), 'peers-'));
  const shapes = Object.fromEntries(Object.entries(data).map(([name, { shape }]) => [name, shape]));
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ shapes, settings }));
  for (const [name, { values }] of Object.entries(data)) {
    writeFileSync(join(folder, `${name}.bin`), new Uint8Array(values.buffer));
  }
  const child: ChildProcess = spawn(python, [join(__dirname, 'workloads.py'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const ask = async (run: string, dtype: string, out?: string): Promise<PeerRun> => {
    child.stdin!.write(`${JSON.stringify({ run, dtype, out })}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('The peer has ended.');
    return JSON.parse(value) as PeerRun;
  };
  return {
    run: (name, dtype) => ask(name, dtype),
    async result(name, dtype) {
      const out = join(folder, 'result.bin');
      await ask(name, dtype, out);
      return new Float64Array(new Uint8Array(readFileSync(out)).buffer);
    },
    stop() {
      child.kill();
      rmSync(folder, { recursive: true });
    },
  };
}
