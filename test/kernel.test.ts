import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { install } from '../kernel/install';

/**
 * The kernel as a client sees it: the Python scripts beside this file talk to it through
 * jupyter_client. `PYTHON` names another interpreter than the one in `.venv`; `FULL=1` runs the
 * long variants.
 */

const root = join(__dirname, '..');
const python = process.env.PYTHON ?? join(root, '.venv', 'bin', 'python');
const prefix = mkdtempSync(join(tmpdir(), 'implicit-kernel-'));
const scripts = readdirSync(join(__dirname, 'kernel')).filter((name) => /^test_.*\.py$/.test(name));

install({ prefix });
afterAll(() => rmSync(prefix, { recursive: true }));

describe('the kernel through jupyter_client', () => {
  test.for(scripts)('%s', { timeout: 300_000 }, async (script) => {
    expect(existsSync(python), `${python} is missing: run "npm start" once, or set PYTHON`).toBe(
      true,
    );
    const { failed, report } = await pytest(script);
    // What pytest skipped, and why, belongs into the output of the whole.
    console.log(report);
    expect(failed, report).toBe(false);
  });
});

async function pytest(script: string): Promise<{ failed: boolean; report: string }> {
  const parameters = ['-m', 'pytest', '-q', '-rs', '--tb=short', '-p', 'no:cacheprovider'];
  try {
    const { stdout } = await promisify(execFile)(python, [...parameters, script], {
      cwd: join(__dirname, 'kernel'),
      env: { ...process.env, JUPYTER_PATH: join(prefix, 'share', 'jupyter') },
      maxBuffer: 1 << 26,
    });
    return { failed: false, report: stdout };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { failed: true, report: `${stdout}${stderr}` };
  }
}
