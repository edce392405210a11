import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { install } from '../kernel/install';
import { needs } from './needs';

/**
 * The kernel as a client sees it: the Python scripts next to this file talk to it through
 * jupyter_client. `PYTHON` names another interpreter than the one in `.venv`; `FULL=1` runs the
 * long variants.
 */

const root = join(__dirname, '..');
const python = process.env.PYTHON ?? join(root, '.venv', 'bin', 'python');
const prefix = mkdtempSync(join(tmpdir(), 'implicit-kernel-'));
const scripts = readdirSync(join(__dirname, 'kernel')).filter((name) => /^test_.*\.py$/.test(name));

install({ prefix });
afterAll(() => rmSync(prefix, { recursive: true }));

const full = process.env.FULL === '1';
const time = needs('time');
/** What the quick run has of them. */
const brief = ['test_errors.py'];

describe('the kernel through jupyter_client', () => {
  test.for(scripts)('%s', async (script, { skip }) => {
    if (!time.available && !brief.includes(script)) skip(time.reason);
    expect(existsSync(python), `${python} is missing: run "npm start" once, or set PYTHON`).toBe(
      true,
    );
    const { failed, report } = await pytest(prefix, script);
    // What pytest skipped, and why, belongs into the output of the whole.
    console.log(report);
    expect(failed, report).toBe(false);
  });
});

describe('other versions of Node.js', () => {
  test.for(['20', '22', '24'])('Node.js %s runs the kernel', (version, { skip }) => {
    if (!full) skip(`Node.js ${version} would have to be downloaded: FULL=1 does`);
    return withNode(version, skip);
  });
});

describe('the command', () => {
  const command = join(root, 'kernel', 'bin', 'implicit-kernel.cjs');

  test('installs a kernelspec with absolute paths, and takes it away again', async () => {
    const place = mkdtempSync(join(tmpdir(), 'implicit-kernel-'));
    const directory = join(place, 'share', 'jupyter', 'kernels', 'implicit-kernel');
    await promisify(execFile)(process.execPath, [command, 'install', '--prefix', place]);
    const spec = JSON.parse(readFileSync(join(directory, 'kernel.json'), 'utf8'));
    expect(spec.argv).toEqual([process.execPath, command, 'start', '{connection_file}']);
    expect(spec).toMatchObject({
      display_name: 'TypeScript',
      language: 'typescript',
      interrupt_mode: 'message',
    });
    await promisify(execFile)(process.execPath, [command, 'uninstall', '--prefix', place]);
    expect(existsSync(directory)).toBe(false);
    rmSync(place, { recursive: true });
  });

  test('says how it is used when it is called in another way', async () => {
    const call = promisify(execFile)(process.execPath, [command, 'dance']);
    await expect(call).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('install [--prefix DIR | --user]'),
    });
  });
});

/** Fetches a Node.js from the npm package `node` and runs one script with it. */
async function withNode(version: string, skip: (reason: string) => never): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), `node-${version}-`));
  try {
    writeFileSync(join(place, 'package.json'), '{}');
    try {
      const parameters = ['install', '--no-audit', '--no-fund', `node@${version}`];
      await promisify(execFile)('npm', parameters, { cwd: place });
    } catch (error) {
      skip(`Node.js ${version} is not to be had: ${(error as Error).message.split('\n')[0]}`);
    }
    const node = join(place, 'node_modules', 'node', 'bin', 'node');
    const command = join(root, 'kernel', 'bin', 'implicit-kernel.cjs');
    await promisify(execFile)(node, [command, 'install', '--prefix', place]);
    const { failed, report } = await pytest(place, 'test_errors.py');
    expect(failed, report).toBe(false);
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** Runs a script against the kernel that is installed in `place`. */
async function pytest(place: string, script: string): Promise<{ failed: boolean; report: string }> {
  const parameters = ['-m', 'pytest', '-q', '-rs', '--tb=short', '-p', 'no:cacheprovider'];
  try {
    const { stdout } = await promisify(execFile)(python, [...parameters, script], {
      cwd: join(__dirname, 'kernel'),
      env: { ...process.env, JUPYTER_PATH: join(place, 'share', 'jupyter') },
      maxBuffer: 1 << 26,
    });
    return { failed: false, report: stdout };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { failed: true, report: `${stdout}${stderr}` };
  }
}
