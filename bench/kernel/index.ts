import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install } from '../../kernel/install';

/**
 * How fast and how large is the kernel, compared with plain tslab, Deno's kernel and ipykernel?
 *
 * All kernels take turns in one run on one machine. `PYTHON` names another interpreter than the one
 * in `.venv`, `DENO` an installed Deno; without it, the npm package `deno` is fetched into a
 * temporary folder.
 */
export async function run(): Promise<void> {
  const prefix = mkdtempSync(join(tmpdir(), 'kernel-bench-'));
  try {
    install({ prefix });
    register(prefix, 'tslab', [
      process.execPath,
      join(root, 'node_modules', 'tslab', 'bin', 'tslab'),
      'kernel',
      '--config-path={connection_file}',
    ]);
    const kernels = ['implicit-kernel', 'tslab', 'python3'];
    const deno = findDeno(prefix);
    if (deno) {
      register(prefix, 'deno', [deno, 'jupyter', '--kernel', '--conn', '{connection_file}']);
      kernels.splice(2, 0, 'deno');
    }
    print(kernels, measure(prefix, kernels));
  } finally {
    rmSync(prefix, { recursive: true });
  }
}

type Results = {
  medians: Record<string, Record<string, number>>;
  failures: Record<string, string>;
};

const root = join(__dirname, '..', '..');
const names: Record<string, string> = { python3: 'ipykernel', 'implicit-kernel': 'this kernel' };

/** How often each kernel is started for each row. */
const ROUNDS = process.env.ROUNDS ?? '3';

function register(prefix: string, name: string, argv: string[]): void {
  const directory = join(prefix, 'share', 'jupyter', 'kernels', name);
  mkdirSync(directory, { recursive: true });
  const spec = { argv, display_name: name, language: 'typescript' };
  writeFileSync(join(directory, 'kernel.json'), JSON.stringify(spec));
}

function findDeno(directory: string): string | undefined {
  if (process.env.DENO) return process.env.DENO;
  writeFileSync(join(directory, 'package.json'), '{}');
  const fetched = spawnSync('npm', ['install', '--no-audit', '--no-fund', 'deno'], {
    cwd: directory,
    timeout: 120_000,
  });
  if (fetched.status === 0) return join(directory, 'node_modules', '.bin', 'deno');
  console.log('Deno is left out: the npm package "deno" could not be fetched.');
  return undefined;
}

function measure(prefix: string, kernels: readonly string[]): Results {
  const python = process.env.PYTHON ?? join(root, '.venv', 'bin', 'python');
  const script = join(__dirname, 'measure.py');
  const output = execFileSync(python, [script, join(root, 'notebooks'), ROUNDS, ...kernels], {
    env: { ...process.env, JUPYTER_PATH: join(prefix, 'share', 'jupyter') },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output.slice(output.lastIndexOf('\n{') + 1));
}

function print(kernels: readonly string[], { medians, failures }: Results): void {
  const [own = '', ...others] = kernels;
  const rows = [...new Set(kernels.flatMap((kernel) => Object.keys(medians[kernel] ?? {})))];
  console.log(
    `Medians of ${ROUNDS} starts each, in turns; milliseconds, memory in MB. × is what another kernel takes of what this one takes.\n`,
  );
  console.log(`| | ${kernels.map((kernel) => names[kernel] ?? kernel).join(' | ')} |`);
  console.log(`|---|${'---:|'.repeat(kernels.length)}`);
  for (const row of rows) {
    const ours = medians[own]?.[row];
    const cells = others.map((kernel) => {
      const value = medians[kernel]?.[row];
      if (value === undefined) return '–';
      const ratio = ours ? ` (× ${(value / ours).toPrecision(2)})` : '';
      return `${written(row, value)}${ratio}`;
    });
    const first = ours === undefined ? '–' : written(row, ours);
    console.log(`| ${row} | ${[first, ...cells].join(' | ')} |`);
  }
  for (const [kernel, why] of Object.entries(failures)) console.log(`\n${kernel} stopped: ${why}`);
}

function written(row: string, value: number): string {
  return row.startsWith('memory') ? value.toFixed(0) : (value * 1000).toFixed(1);
}
