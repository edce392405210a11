import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { textOf } from '../course/exercises/source/notebook';
import { Hub } from './hub/hub';
import type { Kernel, Student } from './hub/student';
import { needs } from './needs';

/** JupyterHub as `npm run hub` starts it, with students that log in, run cells, and pry. */

const hubThere = needs('hub');
const bubblewrap = needs('bubblewrap');
const time = needs('time');
const full = needs('full');
const isPossible = hubThere.available && bubblewrap.available && time.available;

const ROOT = join(__dirname, '..');
const LESSON = 'notebooks/01-stiffness.ipynb';

describe.skipIf(!time.available)('settings', () => {
  const refused = async (settings: unknown, text = JSON.stringify(settings)) => {
    const hub = new Hub();
    hub.set({});
    writeFileSync(join(hub.folder, 'settings.jsonc'), text);
    const { status, output } = await hub.command();
    await hub.close();
    expect(status).toBe(1);
    return output;
  };

  test('an address that others reach needs a certificate', async () => {
    for (const address of ['0.0.0.0', '::', '192.168.1.7']) {
      expect(await refused({ address })).toMatch(
        /can be reached from other machines.*name a certificate and its key in .*settings\.jsonc/,
      );
    }
    expect(await refused({ certificate: 'settings.jsonc' })).toContain('does not name its key');
    expect(await refused({ certificate: 'a.pem', key: 'b.pem' })).toMatch(/a\.pem as certificate/);
  });

  test('what is misspelt or odd is named', async () => {
    expect(await refused({ memoryMb: 3000 })).toMatch(/"memoryMb", which does not exist/);
    expect(await refused({ port: '80' })).toMatch(/port to "80"; it has to be a whole number/);
    expect(await refused({ admins: ['../x'] })).toMatch(/admins to \["\.\.\/x"\]/);
    expect(await refused(undefined, '{"port": }')).toMatch(/settings\.jsonc cannot be read/);
    expect(await refused([])).toMatch(/has to hold one object/);
  });
});

describe('an update of the course', () => {
  test('adds, offers beside, and overwrites nothing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'update-'));
    const at = (...names: string[]) => join(folder, ...names);
    const put = (path: string, text: string) => writeFileSync(at(...path.split('/')), text);
    const get = (path: string) => readFileSync(at(...path.split('/')), 'utf8');
    const give = () =>
      JSON.parse(
        execFileSync('python3', [
          '-c',
          `import sys, json; sys.path.insert(0, ${JSON.stringify(join(ROOT, 'setup', 'hub'))})
from course_copy import give_course
print(json.dumps(give_course(${JSON.stringify(at('course'))}, ${JSON.stringify(at('home'))}, ["notebooks"])))`,
        ]).toString(),
      );
    try {
      mkdirSync(at('course', 'notebooks'), { recursive: true });
      mkdirSync(at('home'));
      put('course/notebooks/a.ipynb', 'a1');
      put('course/notebooks/b.ipynb', 'b1');
      put('course/notebooks/b.md', 'source');
      expect(give()).toEqual([]);
      expect(get('home/notebooks/a.ipynb')).toBe('a1');

      put('home/notebooks/a.ipynb', 'a1, and mine');
      put('home/notebooks/c.ipynb', 'mine, by chance of this name');
      expect(give()).toEqual([]);

      put('course/notebooks/a.ipynb', 'a2');
      put('course/notebooks/b.ipynb', 'b2');
      put('course/notebooks/b.md', 'new source');
      put('course/notebooks/c.ipynb', 'c1');
      put('course/notebooks/d.ipynb', 'd1');
      const offered = give();
      expect(offered.map((name: string) => name.replace(/\d{4}-\d\d-\d\d/, 'DATE'))).toEqual(
        ['a', 'b', 'c'].map((name) => `notebooks/${name}.updated-DATE.ipynb`),
      );
      expect(['a', 'b', 'c', 'd'].map((name) => get(`home/notebooks/${name}.ipynb`))).toEqual([
        'a1, and mine',
        'b1',
        'mine, by chance of this name',
        'd1',
      ]);
      expect(offered.map((name: string) => get(`home/${name}`))).toEqual(['a2', 'b2', 'c1']);
      expect(get('home/notebooks/b.md')).toBe('new source');
      expect(give()).toEqual([]);

      // Twice on a day: what was offered first may have been written in.
      put(`home/${offered[0]}`, 'a2, and mine');
      put('course/notebooks/a.ipynb', 'a3');
      rmSync(at('home', 'notebooks', 'b.ipynb'));
      expect(give()).toEqual([offered[0].replace('.ipynb', '-2.ipynb')]);
      expect(get(`home/${offered[0]}`)).toBe('a2, and mine');
      expect(get('home/notebooks/b.ipynb')).toBe('b2');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(!hubThere.available || process.platform === 'win32')('limits', () => {
  /** What `limits.py` makes of a machine whose `systemd-run` is the script given. */
  function limitsWith(script: string) {
    const folder = mkdtempSync(join(tmpdir(), 'systemd-'));
    try {
      writeFileSync(join(folder, 'systemd-run'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const settings = { memoryMB: 1200, processors: 1.5, processes: 300 };
      const text = execFileSync(
        join(ROOT, '.hub', 'venv', 'bin', 'python'),
        [
          '-c',
          `import json, limits, subprocess
chosen = limits.strongest()
command = chosen.command(json.loads(${JSON.stringify(JSON.stringify(settings))}), ["echo", "a b"])
print(json.dumps([chosen.name, command, subprocess.run(command, capture_output=True, text=True).stdout]))`,
        ],
        {
          cwd: join(ROOT, 'setup', 'hub'),
          env: { PATH: `${folder}:${process.env.PATH}`, PYTHONDONTWRITEBYTECODE: '1' },
          encoding: 'utf8',
        },
      );
      return JSON.parse(text) as [name: string, command: string[], output: string];
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('are those of systemd where it gives a scope', () => {
    const [name, command, output] = limitsWith(
      'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    );
    expect(name).toBe('scopes of systemd');
    const manager = process.getuid?.() === 0 ? [] : ['--user'];
    expect(command).toEqual([
      ...['systemd-run', ...manager, '--scope', '--quiet'],
      ...['-p', 'MemoryMax=1200M', '-p', 'MemorySwapMax=0', '-p', 'CPUQuota=150%'],
      ...['-p', 'TasksMax=300', '--', 'echo', 'a b'],
    ]);
    expect(output).toBe('a b\n');
  });

  test('are those of processes where it does not', () => {
    const [name, command] = limitsWith('echo Failed to connect to bus >&2; exit 1');
    expect(name).toContain('limits of processes');
    expect(command).toEqual(['echo', 'a b']);
  });
});

describe.skipIf(!isPossible)('a class', () => {
  const hub = new Hub();
  let bob: Student;
  let eve: Student;
  let kernelOfBob: Kernel;
  let kernelOfEve: Kernel;
  let portsBefore: number[];
  const inClass = (...names: string[]) => join(hub.folder, 'students', ...names);

  /** What attempts of a student come to: a value, or the code of an error. */
  async function attempts(kernel: Kernel, ...codes: string[]): Promise<string[]> {
    const { text } = await kernel.run(`{
      const fs = await import('node:fs');
      const tell = async (attempt: () => unknown) => {
        try { return String(await attempt()); } catch (error) { return (error as { code?: string }).code ?? String(error); }
      };
      console.log(JSON.stringify([${codes.map((code) => `await tell(async () => ${code})`).join(', ')}]));
    }`);
    try {
      return JSON.parse(text);
    } catch {
      throw new Error(text);
    }
  }
  const read = (path: string) => `fs.readFileSync(${JSON.stringify(path)}, 'utf8')`;

  beforeAll(async () => {
    hub.set({ port: 0, memoryMB: 1200 });
    await hub.add('bob', 'eve');
    portsBefore = listening();
    await hub.start();
    bob = hub.student('bob');
    eve = hub.student('eve');
  });

  afterAll(() => hub.close());

  test('lets in who has the password', async () => {
    expect(await hub.student('bob', 'password').logIn()).toBe(false);
    expect(await hub.student('mallory', 'password').logIn()).toBe(false);
    expect(await hub.student('bob', '').logIn()).toBe(false);
    expect(await bob.logIn()).toBe(true);
    expect(await eve.logIn()).toBe(true);
  });

  test('gives a copy of the course, in which lessons and exercises run', async () => {
    await Promise.all([bob.startServer(), eve.startServer()]);
    const lesson = await bob.open(LESSON);
    kernelOfBob = await bob.kernelOf(LESSON);
    kernelOfEve = await eve.kernelOf(LESSON);
    let figure: unknown;
    for (const cell of lesson.cells.filter(({ cell_type }) => cell_type === 'code')) {
      const { status, text, outputs } = await kernelOfBob.run(textOf(cell));
      expect({ status, text }).toMatchObject({ status: 'ok' });
      figure = outputs.find(({ data }) => 'application/vnd.plotly.v1+json' in data);
      if (figure) break;
    }
    expect(figure).toBeDefined();

    const checked = await kernelOfBob.run(
      `import { check } from 'implicit-lab-course';\nawait check('04-a', 1);`,
    );
    expect(checked.status).toBe('ok');
    const [listed] = await attempts(
      kernelOfBob,
      `(await import('node:child_process')).execFileSync('implicit-lab', ['list'], { encoding: 'utf8' })`,
    );
    expect(listed).toContain('ift-01');
    expect(existsSync(inClass('bob', 'exercises', '01-stiffness.ipynb'))).toBe(true);
  });

  test('shows nobody what another has', async () => {
    const secret = 'what bob thinks';
    writeFileSync(inClass('bob', 'secret.txt'), secret);
    const settings = JSON.parse(readFileSync(join(hub.folder, 'state', 'settings.json'), 'utf8'));
    // Bob himself reads it, so that not finding it means something.
    expect(await attempts(kernelOfBob, read('/student/secret.txt'))).toEqual([secret]);

    // Through files.
    const files = await attempts(
      kernelOfEve,
      read('/student/secret.txt'),
      read(inClass('bob', 'secret.txt')),
      read('/student/../bob/secret.txt'),
      `fs.readdirSync(${JSON.stringify(hub.folder)})`,
      read(join(hub.folder, 'state', 'jupyterhub.sqlite')),
      read(join(ROOT, '.git', 'HEAD')),
      read('/etc/shadow'),
      read('/etc/passwd'),
      `fs.readdirSync('/tmp').join()`,
      `fs.readdirSync(process.env.JUPYTER_RUNTIME_DIR!).filter((name) => name.startsWith('kernel-')).length`,
      `fs.writeFileSync(${JSON.stringify(join(ROOT, 'lib', 'index.ts'))}, '')`,
      `fs.writeFileSync(${JSON.stringify(join(ROOT, 'setup', 'hub', 'inside.py'))}, '')`,
      `fs.writeFileSync('/x', '')`,
      `fs.mkdirSync('/student/../bob')`,
      // Opened and not written: a test that fails is not to change the machine.
      `fs.closeSync(fs.openSync('/proc/sys/kernel/core_pattern', 'r+'))`,
      // The mode that it has.
      `fs.chmodSync('/dev/null', 0o666)`,
      `fs.writeFileSync('/dev/null', 'x')`,
      `fs.openSync('/dev/urandom', 'r') > 0`,
    );
    expect(files).toEqual([
      ...Array(7).fill('ENOENT'),
      'student:x:1000:1000::/student:/bin/bash\n',
      expect.not.stringContaining('hub-'),
      '1',
      ...Array(4).fill('EROFS'),
      expect.stringMatching(/^(EROFS|EACCES)$/),
      expect.stringMatching(/^(EROFS|EPERM)$/),
      ...['undefined', 'true'],
    ]);

    // Through processes.
    const [processes, status, killed] = await attempts(
      kernelOfEve,
      `fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map((pid) => { try { return fs.readFileSync('/proc/' + pid + '/environ', 'utf8') + fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8'); } catch { return ''; } }).join(' ')`,
      `fs.readFileSync('/proc/self/status', 'utf8').match(/CapEff:\\s*0+\\n/) !== null`,
      `process.kill(${process.pid}, 0)`,
    );
    expect(processes).toContain('/user/eve/');
    expect(processes).not.toMatch(/bob|cookie_secret|CONFIGPROXY/);
    expect([status, killed]).toEqual(['true', 'ESRCH']);

    // Through ports: kernels, servers and the proxy listen elsewhere.
    const ports = listening().filter((port) => !portsBefore.includes(port));
    const own = Number(new URL(hub.origin).port);
    expect(ports).toContain(own);
    const reached = await attempts(
      kernelOfEve,
      `(async () => {
        const net = await import('node:net');
        const open: number[] = [];
        for (const port of ${JSON.stringify(ports)}) {
          const connected = await new Promise((resolve) => {
            const socket = net.connect({ port, host: '127.0.0.1' });
            socket.on('connect', () => { socket.destroy(); resolve(true); }).on('error', () => resolve(false));
          });
          if (connected) open.push(port);
        }
        return open.join();
      })()`,
      `new Promise((resolve, reject) => { import('node:net').then((net) => net.connect({ port: 53, host: '1.1.1.1' }).on('connect', resolve).on('error', reject)); })`,
    );
    // The hub's own, where servers ask who it is that comes in.
    expect(reached).toEqual([String(settings.hubPort), 'ENETUNREACH']);

    // Through the hub and the servers, with eve's cookies and her server's token.
    const asked = await Promise.all(
      ['api/contents/secret.txt', 'api/sessions', 'api/kernels', 'files/secret.txt', 'lab'].map(
        async (path) => {
          const { status, text } = await eve.api('GET', path, undefined, bob.base);
          expect(text).not.toContain(secret);
          return status;
        },
      ),
    );
    expect(asked.filter((status) => status < 400)).toEqual([]);
    for (const path of ['../bob/secret.txt', '%2e%2e/bob/secret.txt', '..%2Fbob%2Fsecret.txt']) {
      const { status, text } = await eve.api('GET', `api/contents/${path}`);
      expect([404, 403, 400]).toContain(status);
      expect(text).not.toContain(secret);
    }
    const byToken = await attempts(
      kernelOfEve,
      ...[
        ['GET', 'users'],
        ['GET', 'users/bob'],
        ['DELETE', 'users/bob/server'],
        ['POST', 'users/bob/tokens'],
        ['GET', 'proxy'],
      ].map(
        ([method, path]) =>
          `fetch(process.env.JUPYTERHUB_API_URL + '/${path}', { method: '${method}', headers: { Authorization: 'token ' + process.env.JUPYTERHUB_API_TOKEN } }).then(({ status }) => status)`,
      ),
    );
    expect(byToken.filter((status) => !['403', '404'].includes(status))).toEqual([]);
  });

  test('a student who takes too much loses a kernel, and the others nothing', async () => {
    await kernelOfBob.run('const kept = 42;');
    const taking = kernelOfEve.run(`
      const held: Uint8Array[] = [];
      for (;;) { held.push(new Uint8Array(2e7).fill(1)); await new Promise((resolve) => setTimeout(resolve, 5)); }`);
    const outcome = await taking.catch((error: Error) => ({
      status: 'died',
      text: error.message,
    }));
    expect(outcome.status).not.toBe('ok');
    // Linux counts no processes of root's; there the hub does, and ends the server.
    const [forks] = await attempts(
      await eve.kernelOf(LESSON),
      `(async () => {
        const { spawn } = await import('node:child_process');
        const children: { kill(): void }[] = [];
        for (let i = 0; i < 700; i++) {
          const child = spawn('/bin/sleep', ['1000'], { stdio: 'ignore' }).on('error', () => {});
          if (child.pid === undefined) return 'refused';
          children.push(child);
        }
        await new Promise((resolve) => setTimeout(resolve, 600_000));
        return 'all started';
      })()`,
    ).catch(() => ['ended']);
    expect(forks).toBe(process.getuid?.() === 0 ? 'ended' : 'refused');
    expect((await kernelOfBob.run('kept')).text).toBe('42');
    await eve.startServer();
    expect((await eve.api('GET', 'api/status')).status).toBe(200);
  });

  test('what comes new is put beside what is theirs, and a link leads nobody out', async () => {
    const lesson = await bob.open(LESSON);
    lesson.cells[0]!.source = ['what bob wrote'];
    await bob.save(LESSON, lesson);
    for (const student of [bob, eve]) {
      expect(
        (
          await student.browser.fetch(`/hub/api/users/${student.name}/server`, {
            method: 'DELETE',
            headers: { 'X-XSRFToken': student.browser.cookie('_xsrf', '/hub/') ?? '' },
          })
        ).status,
      ).toBe(204);
    }
    // As if the course had been another when they got it.
    for (const name of ['bob', 'eve']) {
      const record = JSON.parse(readFileSync(inClass(name, '.course.json'), 'utf8'));
      record[LESSON] = 'of another version';
      writeFileSync(inClass(name, '.course.json'), JSON.stringify(record));
    }
    renameSync(inClass('eve', 'exercises'), inClass('eve', 'mine'));
    symlinkSync(inClass('bob'), inClass('eve', 'exercises'));
    symlinkSync(
      inClass('bob', 'new.ipynb'),
      inClass('eve', 'notebooks', '02-implicit-gradient-descent.updated.ipynb'),
    );
    await Promise.all([bob.startServer(), eve.startServer()]);
    const [beside] = readdirSync(inClass('bob', 'notebooks')).filter((name) =>
      name.includes('updated'),
    );
    expect(beside).toMatch(/^01-stiffness\.updated-\d{4}-\d\d-\d\d\.ipynb$/);
    expect(readFileSync(inClass('bob', 'notebooks', beside!), 'utf8')).toBe(
      readFileSync(join(ROOT, LESSON), 'utf8'),
    );
    expect(textOf((await bob.open(LESSON)).cells[0]!)).toBe('what bob wrote');
    // Eve's folder leads to Bob's: nothing was written there, and she is let in all the same.
    expect(readdirSync(inClass('bob')).filter((name) => name.endsWith('.ipynb'))).toEqual([]);
    expect((await eve.api('GET', 'api/contents/exercises/secret.txt')).status).toBe(404);

    // Nor does it lead the lecturer, who collects what they hand in.
    const collected = join(hub.folder, 'collected');
    const { output } = await hub.command('--collect', collected);
    expect(output).toMatch(/eve: exercises is not a folder/);
    expect(readdirSync(collected)).toEqual(['bob']);
    expect(readdirSync(join(collected, 'bob'))).toContain('01-stiffness.ipynb');
  });

  test('nothing outlives the hub', async () => {
    expect(processesWith(hub.folder)).not.toEqual([]);
    await hub.stop();
    expect(processesWith(hub.folder)).toEqual([]);
  });
});

// A hub of its own, whose clocks have to run out: changes seldom reach it.
describe.skipIf(!isPossible || !full.available)('a class with short patience, by https', () => {
  let hub: Hub;
  beforeAll(() => {
    hub = new Hub();
  });
  afterAll(() => hub.close());

  test('ends kernels and servers that nothing is asked of', async () => {
    const file = (name: string) => join(hub.folder, name);
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-days',
          '2',
          '-subj',
          '/CN=localhost',
        ],
        ...['-keyout', file('key.pem'), '-out', file('certificate.pem')],
      ],
      { stdio: 'ignore' },
    );
    hub.set({
      port: 0,
      kernelIdleMinutes: 0.2,
      serverIdleMinutes: 0.4,
      certificate: 'certificate.pem',
      key: 'key.pem',
    });
    await hub.add('ann');
    expect(await hub.start()).toContain('JupyterHub: https://127.0.0.1:');
    const ann = hub.student('ann');
    expect(await ann.logIn()).toBe(true);
    await ann.startServer();
    const kernel = await ann.kernelOf(LESSON);
    expect((await kernel.run('6 * 7')).text).toBe('42');
    const kernels = processesWith('implicit-kernel').length;
    expect(kernels).toBeGreaterThan(0);
    await expect
      .poll(() => processesWith(hub.folder, 'singleuser'), { interval: 1000 })
      .toEqual([]);
    // What she has written is there when she comes back.
    await ann.startServer();
    expect((await (await ann.kernelOf(LESSON)).run('6 * 7')).text).toBe('42');
  });
});

/** The processes whose command lines or environments hold all of some texts. */
function processesWith(...texts: string[]): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return texts.every((text) => command.includes(text));
      } catch {
        return false;
      }
    });
}

/** The ports of the loopback address that something listens on. */
function listening(): number[] {
  const LISTEN = '0A';
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTEN)
    .map((fields) => Number.parseInt(fields[1]!.split(':')[1]!, 16));
}
