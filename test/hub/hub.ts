import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Student } from './student';

const ROOT = join(__dirname, '..', '..');

/** The JupyterHub that `npm run hub` starts, for a class in a folder of its own. */
export class Hub {
  readonly folder = mkdtempSync(join(tmpdir(), 'class-'));
  private process: ChildProcess | undefined;
  private passwords = new Map<string, string>();
  origin = '';

  /** `root` is the checkout whose `setup/hub.mjs` is used. */
  constructor(readonly root = ROOT) {}

  set(settings: Record<string, unknown>): void {
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(join(this.folder, 'settings.jsonc'), JSON.stringify(settings));
  }

  /** Runs a command of `npm run hub` that ends. */
  command(...args: string[]): Promise<{ status: number; output: string }> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [join(this.root, 'setup', 'hub.mjs'), '--dir', this.folder, ...args],
        (error, stdout, stderr) =>
          resolve({ status: error ? Number(error.code) : 0, output: stdout + stderr }),
      );
    });
  }

  async add(...names: string[]): Promise<void> {
    const { output } = await this.command('--add', ...names);
    for (const [, name, password] of output.matchAll(/^(\S+)\t(\S+)$/gm)) {
      this.passwords.set(name!, password!);
    }
  }

  student(name: string, password = this.passwords.get(name) ?? ''): Student {
    return new Student(this.origin, name, password);
  }

  async start(): Promise<string> {
    const hub = spawn(
      process.execPath,
      [join(this.root, 'setup', 'hub.mjs'), '--dir', this.folder],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.process = hub;
    let output = '';
    this.origin = await new Promise<string>((resolve, reject) => {
      const listen = (text: string) => {
        output += text;
        const [, url] = /^JupyterHub: (http\S+)\/\n/m.exec(output) ?? [];
        if (url) resolve(url);
      };
      hub.stdout.setEncoding('utf8').on('data', listen);
      hub.stderr.setEncoding('utf8').on('data', listen);
      hub.on('close', () => reject(new Error(`npm run hub ended:\n${output}`)));
    });
    return output;
  }

  async stop(): Promise<void> {
    const hub = this.process;
    if (!hub || hub.exitCode !== null) return;
    const closed = new Promise((resolve) => hub.on('close', resolve));
    hub.kill('SIGINT');
    await closed;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
