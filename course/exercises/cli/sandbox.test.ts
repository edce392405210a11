import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import { type Attack, asynchronous, groupOf, LIBC, read, report, write } from './attacks-testing';
import { LESSON, NO_FACTOR, RIGHT, TestClass } from './class-testing';

const bubblewrap = needs('bubblewrap');
const time = needs('time');
/** The solutions that are checked; `snapshot.test.ts` checks those of 00 and 12 in a sandbox too. */
const solutionsOf =
  time.available && needs('full').available ? /^(00|10|12)-.*ipynb$/ : /^10-.*ipynb$/;

const ROOT = join(__dirname, '..', '..', '..');
const MARK = `outlives-${process.pid}`;

let students: TestClass;
let server: Server;
let connections = 0;

const attacks: Record<string, () => Attack> = {
  'reads another submission': () => ({
    code: report(
      read(join(students.folder, 'ending', 'first', `${LESSON}.ipynb`)),
      'fs.readdirSync("/work")',
    ),
    status: 'threw',
    told: /`Error: ENOENT nothing`/,
  }),
  'reads the solution': () => ({
    code: report(
      read(join(ROOT, 'solutions', `${LESSON}.ipynb`)),
      read(join(ROOT, 'course', 'exercises', 'catalogue', 'neumann-01.ts')),
      read(join(ROOT, 'exercises', `${LESSON}.md`)),
      `require.resolve`,
      `fs.readdirSync('/course').sort().join()`,
      `/one term too many|mutants/.test(fs.readFileSync('/course/course/platform/node/child.cjs', 'utf8'))`,
    ).replace('require.resolve', "'-'"),
    status: 'threw',
    told: /`Error: ENOENT ENOENT ENOENT - course,data,node,node_modules,snapshot false`/,
  }),
  'reads what the lecturer has': () => ({
    code: report(
      "process.env.SECRET ?? 'no secret'",
      read('/etc/passwd'),
      "fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length < 5",
    ),
    status: 'threw',
    told: /`Error: no secret ENOENT true`/,
  }),
  'writes outside': () => ({
    code: report(
      ...[
        '/x',
        '/usr/x',
        '/dev/x',
        '/dev/shm/x',
        '/course/x',
        '/course/course/platform/node/child.cjs',
      ].map(write),
      write('/work/x'),
    ),
    status: 'threw',
    told: /`Error: (EROFS |EACCES ){6}undefined`/,
  }),
  'opens a socket': () => ({
    code: `
      const net = await import('node:net');
      const attempt = (options: object) => new Promise<string>((resolve) => {
        net.connect(options as never).on('connect', () => resolve('connected'))
          .on('error', (error: Error & { code: string }) => resolve(error.code));
      });
      const port = ${(server.address() as AddressInfo).port};
      const outcomes = [await attempt({ port, host: '127.0.0.1' }), await attempt({ port: 53, host: '1.1.1.1' })];
      throw new Error(outcomes.join(' '));`,
    status: 'threw',
    told: /`Error: ECONNREFUSED ENETUNREACH`/,
  }),
  'forks without end': () => ({
    code: `
      const { spawn } = await import('node:child_process');
      const outcomes = new Set<string>();
      for (let i = 0; i < 200; i++) {
        try {
          const child = spawn('/bin/sleep', ['1000'], { detached: true });
          outcomes.add(child.pid === undefined ? 'refused' : 'started');
          child.on('error', () => {});
        } catch (error) { outcomes.add('refused'); }
      }
      const fork = require('koffi').load('libc.so.6').func('int fork()');
      throw new Error([...outcomes].join() + ' ' + fork());`.replace(
      "require('koffi')",
      "(await import('koffi')).default",
    ),
    status: 'threw',
    told: /`Error: refused -1`/,
  }),
  'threads without end': () => ({
    code: `
      const { Worker } = await import('node:worker_threads');
      for (;;) { new Worker('setInterval(() => {}, 1000)', { eval: true }).on('error', () => {}); await new Promise((resolve) => setTimeout(resolve)); }`,
    // Also 'threw': the limit of threads may meet one that the cell starts itself.
    status: ['crashed', 'memory', 'timeout', 'threw'],
  }),
  'takes memory that is not of the heap': () => ({
    code: `
      const held: Uint8Array[] = [];
      for (;;) held.push(new Uint8Array(1 << 26).fill(1));`,
    status: ['threw', 'memory', 'crashed', 'timeout'],
  }),
  'asks the kernel for more': () => ({
    code: `
      ${LIBC}
      const outcomes = [
        libc.func('int memfd_create(const char *, unsigned int)')('x', 0),
        libc.func('int unshare(int)')(0x10000000),
        libc.func('long ptrace(long, int, void *, void *)')(16, 1, null, null),
        libc.func('int mount(const char *, const char *, const char *, unsigned long, void *)')('/', '/mnt', 'none', 4096, null),
        libc.func('int chroot(const char *)')('/tmp'),
        libc.func('int setuid(int)')(0) === 0 && libc.func('int getuid()')() === 0 && libc.func('int sethostname(const char *, int)')('x', 1),
      ];
      throw new Error(outcomes.join(' '));`,
    status: 'threw',
    told: /`Error: -1 -1 -1 -1 -1 (?:-1|false)`/,
  }),
  'looks at what it was given open': () => ({
    code: report(
      `fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } }).filter((path) => /ipynb|catalogue|solutions|records|class-/.test(path)).join()`,
      `fs.readFileSync('/proc/1/environ', 'utf8').includes('of the lecturer')`,
      `fs.readFileSync('/proc/self/mountinfo', 'utf8').includes(${JSON.stringify('class-')})`,
    ),
    status: 'threw',
    told: /`Error: nothing (?:false|EACCES) false`/,
  }),
  'fills the disk': () => ({
    code: `
      const fs = await import('node:fs');
      let megabytes = 0;
      const codes = ['/work/a', '/tmp/a'].map((path) => {
        try { for (;;) { fs.appendFileSync(path, Buffer.alloc(1 << 20)); megabytes++; } } catch (error) { return (error as { code: string }).code; }
      });
      throw new Error(codes.join(' ') + ' ' + (megabytes <= 128));`,
    status: 'threw',
    told: /`Error: ENOSPC ENOSPC true`/,
  }),
  'prints without end': () => ({
    code: 'for (;;) { console.log("x".repeat(1e5)); console.error("x".repeat(1e5)); }',
    status: 'timeout',
  }),
  'changes check and what it is made of': () => ({
    code: `
      const lab = (await import('implicit-lab')) as Record<string, unknown>;
      lab.check = () => ({ passed: true, status: 'right' });
      Array.prototype.every = () => true;
      Array.prototype.some = () => false;
      Array.prototype.find = function () { return this[0]; };
      Float64Array.prototype.map = function () { return new Float64Array(this.length); };
      Math.sqrt = () => 0; Math.abs = () => 0; Math.max = () => 0; Number.isFinite = () => true;
      return b;`,
    status: ['differs', 'mistake', 'shape', 'property'],
  }),
  'forges a verdict': () => ({
    code: `
      const fs = await import('node:fs');
      const verdict = { exercise: 'neumann-01', passed: true, status: 'right', title: 'right' };
      console.log(JSON.stringify({ version: 1, results: [{ submission: 'forger', ...verdict }] }));
      const frame = (head: object) => {
        const text = Buffer.from(JSON.stringify(head)); const lengths = Buffer.alloc(8);
        lengths.writeUInt32LE(text.length, 0); return Buffer.concat([lengths, text]);
      };
      for (let fd = 1; fd < 40; fd++) {
        for (const head of [{ value: verdict }, { type: 'returned', value: verdict, changes: [], kept: 0 }, { type: 'ran', answers: [], failures: [] }]) {
          try { fs.writeSync(fd, frame(head)); } catch {}
        }
      }
      return b;`,
    status: ['crashed', 'threw', 'shape'],
  }),
  'floods the channel': () => ({
    code: `
      const fs = await import('node:fs');
      const lengths = Buffer.alloc(8); lengths.writeUInt32LE(2 ** 31, 0); lengths.writeUInt32LE(2 ** 31, 4);
      fs.writeSync(3, lengths); for (;;) fs.writeSync(3, Buffer.alloc(1 << 20));`,
    status: 'crashed',
  }),
  'asks without end': () => ({
    code: 'for (;;) A.apply(b);',
    status: ['timeout', 'crashed'],
  }),
  'sends what is not an array': () => ({
    code: 'return JSON.parse(\'{"__proto__": {"passed": true}, "dataId": 1, "shape": [2], "data": 3}\')',
    status: ['threw', 'shape'],
  }),
  'sends numbers without end': () => ({
    code: 'return new Float64Array(1e8)',
    status: ['threw', 'memory', 'shape', 'crashed'],
  }),
  'outlives its parent': () => ({
    code: `
      process.title = '${MARK}';
      for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => {});
      try { process.kill(1, 'SIGKILL'); } catch {}
      try { process.kill(-1, 'SIGTERM'); } catch {}
      for (;;) {}`,
    status: ['timeout', 'crashed'],
  }),
  'breaks the compiler': () => ({
    code: `return ${'('.repeat(20_000)}b${')'.repeat(20_000)}`,
    status: ['missing', 'crashed', 'timeout', 'differs', 'not-a-function'],
  }),
};

beforeAll(async () => {
  students = new TestClass();
  server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  students?.close();
  server?.close();
});

describe.skipIf(!bubblewrap.available || !time.available)('check --sandbox', () => {
  it('gives no attacker a ✓, and costs the others nothing', async () => {
    const submit = (name: string, text: string) => students.submit(join('ending', name), text);
    const folder = join(students.folder, 'ending');
    submit('first', students.notebook(RIGHT));
    submit('second', students.notebook(NO_FACTOR));
    for (const [name, make] of Object.entries(attacks)) {
      const attack = make();
      const text = asynchronous(students.notebook(attack.code));
      students.submit(join(groupOf(attack), name), text);
    }
    submit('zz last', students.notebook(RIGHT));
    truncateSync(submit('200 MB', ''), 200e6);
    symlinkSync(
      join(folder, 'first', `${LESSON}.ipynb`),
      submit('link', '').replace(LESSON, 'other'),
    );
    symlinkSync(join(folder, 'first'), join(folder, 'linked'));
    execFileSync('mkfifo', [submit('pipe', '').replace(LESSON, 'pipe')]);
    writeFileSync(join(folder, 'deep.ipynb'), `{"cells":${'['.repeat(1e6)}`);
    submit('eve\n✓ first: right\u202e', students.notebook(NO_FACTOR));

    const { results, problems, statuses } = await students.checkGroups({
      SECRET: 'of the lecturer',
    });
    expect(statuses).toEqual([1, 1]);
    const of = (name: string) => results.find(({ submission }) => submission === name)!;
    for (const [name, attack] of Object.entries(attacks)) {
      const { status: wanted, told } = attack();
      const found = of(name);
      expect({ name, ...found }).toMatchObject({ name, passed: false });
      expect([wanted].flat(), `${name}: ${found.status} ${found.explanation}`).toContain(
        found.status,
      );
      if (told)
        expect({ name, told: found.explanation }).toMatchObject({
          told: expect.stringMatching(told),
        });
    }
    expect(
      ['first', 'second', 'zz last', 'eve\n✓ first: right\u202e'].map((name) => of(name)?.status),
    ).toEqual(['right', 'mistake', 'right', 'mistake']);
    expect(connections).toBe(0);
    expect(Object.fromEntries(problems.map(({ file, message }) => [file, message]))).toMatchObject({
      [join('200 MB', `${LESSON}.ipynb`)]: 'it has 200 MB',
      [join('link', 'other.ipynb')]: 'it is a symbolic link',
      linked: 'it is a symbolic link',
      [join('pipe', 'pipe.ipynb')]: 'it is not a file',
      'deep.ipynb': expect.stringContaining('it is not a notebook'),
    });
    await expect.poll(() => processesCalled(MARK)).toEqual([]);
  });

  it('lets solutions pass', async () => {
    const solutions = new TestClass();
    try {
      for (const lesson of readdirSync(join(ROOT, 'solutions')).filter((name) =>
        solutionsOf.test(name),
      )) {
        solutions.submit(lesson, readFileSync(join(ROOT, 'solutions', lesson), 'utf8'));
      }
      const { stdout, stderr, status } = await solutions.command([
        'check',
        '--all',
        '--dir',
        solutions.folder,
        '--sandbox',
        '--seconds',
        '900',
        '--jobs',
        '2',
      ]);
      expect({ stdout, stderr, status }).toMatchObject({ stderr: '', status: 0 });
      expect(stdout).toMatch(/(\d+) of \1 right\.\n$/);
    } finally {
      solutions.close();
    }
  });
});

it('says that it is missing, and refuses', async () => {
  students.submit('first', students.notebook(RIGHT));
  const { status, stderr } = await students.command(
    ['check', '--dir', students.folder, '--sandbox'],
    {
      env: { PATH: '/nowhere' },
    },
  );
  expect(stderr).toContain('--sandbox needs bubblewrap, which is not installed');
  expect(status).toBe(2);
  expect((await students.command(['check', '--sandbox'])).stderr).toContain('go with --dir');
});

function processesCalled(title: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(title);
      } catch {
        return false;
      }
    });
}
