import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import {
  type Attack,
  asynchronous,
  everyFourteenth,
  groupOf,
  LIBC,
  read,
  report,
} from './attacks-testing';
import { LESSON, NO_FACTOR, RIGHT, TestClass, type Told } from './class-testing';

/** More that strangers may try: what a notebook is, what an answer is, what a process can ask for. */

const bubblewrap = needs('bubblewrap');
const time = needs('time');
const full = needs('full');

/** A frame as a process of a submission sends it. */
const FRAME = `
  const frame = (head: object, bytes = Buffer.alloc(0)) => {
    const text = Buffer.from(JSON.stringify(head)); const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(text.length, 0); lengths.writeUInt32LE(bytes.length, 4);
    return Buffer.concat([lengths, text, bytes]);
  };`;

const ENDED = ['exited', 'crashed', 'timeout', 'memory'];
const WRONG = ['differs', 'mistake', 'shape', 'property', 'threw', 'not-finite'];

const attacks: Record<string, Attack> = {
  'is at a halt': {
    code: "process.kill(process.pid, 'SIGSTOP'); return b;",
    status: 'timeout',
  },
  'ends with status 0': { code: 'process.exit(0);', status: 'exited' },
  'ends past all handlers': {
    code: `
      process.exitCode = 0;
      (process as unknown as { reallyExit(code: number): void }).reallyExit(0);`,
    status: 'exited',
  },
  'ends by a signal': { code: "process.kill(process.pid, 'SIGSEGV'); for (;;) {}", status: ENDED },
  'becomes another program': {
    code: `
      ${LIBC}
      libc.func('int execl(const char *, const char *, const char *, void *)')('/bin/sleep', 'sleep', '1000', null);
      return b;`,
    // Its channel is closed with it, or it sleeps.
    status: [...ENDED, ...WRONG],
  },
  'patches what its process speaks with': {
    code: `
      const { stringify } = JSON;
      JSON.stringify = ((value: { type?: string }) => stringify(value?.type === 'returned' ? { ...value, passed: true, status: 'right', verdict: 'right' } : value)) as never;
      Buffer.concat = ((pieces: Buffer[]) => pieces[pieces.length - 1]!) as never;
      Function.prototype.call = function () { return true; } as never;
      Array.prototype.push = function () { return 0; };
      Map.prototype.get = () => 1;
      Object.is = () => true;
      Reflect.get = () => undefined;
      Promise.prototype.then = function () { return this; } as never;
      return b;`,
    status: [...ENDED, ...WRONG, 'too-slow'],
  },
  'patches the prototypes that a comparison needs': {
    code: `
      Number.prototype.valueOf = () => 0;
      Object.defineProperty(Object.prototype, 'passed', { value: true });
      Object.defineProperty(Object.prototype, 'status', { value: 'right' });
      Object.defineProperty(Array.prototype, 'length', { writable: true, value: 0 });
      Float64Array.prototype.every = () => true;
      Symbol.iterator.toString = () => 'x';
      return b;`,
    status: [...ENDED, ...WRONG],
  },
  'answers by a Proxy': {
    code: `
      return new Proxy([], {
        get: (_, key) => (key === 'length' ? b.length : key === 'every' || key === 'some' ? () => true : new Proxy(() => 0, {})),
        has: () => true, ownKeys: () => [], getPrototypeOf: () => Float64Array.prototype,
      });`,
    status: [...ENDED, ...WRONG],
  },
  'answers by an array that is another at each look': {
    code: `
      class Many extends Float64Array {
        override get length() { return 1e9; }
        override get byteLength() { return 1e12; }
        override get buffer() { return new SharedArrayBuffer(8) as never; }
      }
      return new Many(b.length);`,
    status: [...ENDED, ...WRONG],
  },
  'promises another promise without end': {
    code: 'const more = { then(resolve: (value: unknown) => void) { resolve(more); } }; return more;',
    status: [...ENDED, 'too-slow'],
  },
  'never answers': {
    code: 'return new Promise(() => {});',
    status: ['too-slow', 'timeout'],
  },
  'answers deeply': {
    code: 'let deep: unknown = 1; for (let i = 0; i < 1e5; i++) deep = [deep]; return deep;',
    status: [...ENDED, ...WRONG],
  },
  'answers by a number of a million digits': {
    code: 'return 10n ** 1000000n;',
    status: [...ENDED, ...WRONG],
  },
  'answers by an array whose memory is gone': {
    code: `
      const gone = new Float64Array(b);
      structuredClone(gone.buffer, { transfer: [gone.buffer] });
      return gone;`,
    status: [...ENDED, ...WRONG],
  },
  'throws what stops the one who judges': {
    code: `
      const names = ['KeyboardInterrupt', 'EndedError', 'FormatError', 'WorkerLost', 'NotebookError'];
      if (terms === 1) throw { name: 'KeyboardInterrupt', message: 'stop' };
      throw Object.assign(new Error('stop'), { name: names[terms % names.length], passed: true, status: 'right' });`,
    status: 'threw',
  },
  'says that it is still to be done': {
    code: "throw Object.assign(new Error('later'), { name: 'ToDoError' });",
    status: 'to-do',
  },
  'lets a thread speak': {
    code: `
      const { Worker } = await import('node:worker_threads');
      ${FRAME}
      const text = frame({ type: 'returned', value: null, changes: [], kept: 0 }).toString('hex');
      new Worker(\`
        const fs = require('node:fs');
        for (;;) try { fs.writeSync(3, Buffer.from('\${text}', 'hex')); } catch {}\`, { eval: true });
      await new Promise((resolve) => setTimeout(resolve, 500));
      return b;`,
    status: [...ENDED, ...WRONG],
  },
  'fills the memory of WebAssembly': {
    code: `
      const held: Uint8Array[] = [];
      for (;;) held.push(new Uint8Array(new WebAssembly.Memory({ initial: 4096 }).buffer).fill(1));`,
    status: [...ENDED, 'threw'],
  },
  'says much in one line, and that memory is out': {
    code: `
      for (let i = 0; i < 200; i++) process.stderr.write('heap out of memory \\u001b[2J'.repeat(1e5));
      process.exit(3);`,
    status: ENDED,
  },
  'speaks when it ends': {
    code: `
      ${FRAME}
      const { writeSync } = await import('node:fs');
      const text = frame({ type: 'ran', answers: [['neumann-01', 'right']], failures: [] });
      for (const name of ['exit', 'beforeExit']) process.on(name, () => writeSync(3, text));
      process.exit(0);`,
    status: ENDED,
  },
  'calls with what is not its own': {
    code: `
      ${FRAME}
      const fs = await import('node:fs');
      for (const handle of [0, -1, 1e9, null, '__proto__', 'constructor']) {
        fs.writeSync(3, frame({ type: 'callback', handle, args: { kind: 'list', members: [{ kind: 'known', index: 1 }] }, changes: [[0, { kind: 'numbers', type: 'Float64Array', at: 0, length: 1 }]] }, Buffer.alloc(8)));
      }
      return b;`,
    status: [...ENDED, ...WRONG],
  },
  'puts the count of its products back': {
    code: `
      const count = A as unknown as { products: number };
      const x = b.map(() => 0);
      let c = 1;
      for (let k = 0; k < terms; k++) {
        let term = b;
        for (let i = 0; i < k; i++) { const Ax = A.apply(term); term = term.map((t, j) => t - alpha * Ax[j]!); }
        if (k > 0) c *= (2 * k - 1) / (2 * k);
        term.forEach((t, j) => { x[j]! += Math.sqrt(alpha) * c * t; });
      }
      count.products = 0;
      Object.defineProperty(A, 'products', { get: () => 0, set() {} });
      return x;`,
    status: 'mistake',
  },
  'looks for numbers where its arguments come from': {
    code: report(
      "JSON.stringify(Object.keys(A).sort()) + ('rows' in A)",
      'A.apply.toString().length < 2000',
      "fs.readFileSync('/proc/self/cmdline', 'utf8').includes('ipynb')",
    ),
    status: 'threw',
    told: /`Error: \["apply","dispose","products","transpose true false`/,
  },
  'reads what the system tells of processes': {
    code: report(
      read('/proc/1/root/etc/passwd'),
      "fs.readdirSync('/proc/1/cwd').join()",
      read('/proc/kcore'),
      // Opened and not written: a test that fails is not to change the machine.
      ...['sys/kernel/core_pattern', 'sys/vm/overcommit_memory', 'self/oom_score_adj', '1/mem'].map(
        (name) => `fs.closeSync(fs.openSync('/proc/${name}', 'r+'))`,
      ),
      "fs.readFileSync('/proc/net/tcp', 'utf8').trim().split('\\n').length",
      "fs.readFileSync('/proc/mounts', 'utf8').includes('class-')",
    ),
    status: 'threw',
    told: /`Error: ENOENT \S+ (?:EACCES|EPERM|ENOENT|EIO) (?:EROFS |EACCES ){4}1 false`/,
  },
  'looks at the variables': {
    code: 'throw new Error(Object.keys(process.env).sort().join());',
    status: 'threw',
    told: /`Error: HOME,IMPLICIT_LAB_PROGRESS,LANG,PATH,(?:PWD,)?(?:SHLVL,)?TF_CPP_MIN_LOG_LEVEL,TMPDIR(?:,_)?`/,
  },
  'makes devices, and types on the terminal': {
    code: `
      ${LIBC}
      const outcomes = [
        libc.func('int mknod(const char *, unsigned int, unsigned long)')('/tmp/zero', 0o20666, 0x105),
        libc.func('int ioctl(int, unsigned long, void *)')(2, 0x5412, Buffer.from('x')),
        libc.func('int open(const char *, int)')('/dev/tty', 2),
        libc.func('int open(const char *, int)')('/dev/mem', 0),
        libc.func('int nice(int)')(-20),
        libc.func('int sched_setscheduler(int, int, void *)')(0, 1, Buffer.from([1, 0, 0, 0])),
      ];
      throw new Error(outcomes.join(' '));`,
    status: 'threw',
    told: /`Error: -1 -1 -1 -1 -1 -1`/,
  },
  "changes what is the machine's": {
    // To what it is: a test that fails is not to change the machine.
    code: report(
      "fs.chmodSync('/dev/null', 0o666)",
      "fs.chownSync('/dev/zero', process.getuid!(), process.getgid!())",
      "fs.utimesSync('/dev/full', fs.statSync('/dev/full').atime, fs.statSync('/dev/full').mtime)",
      "fs.chmodSync('/usr', 0o755)",
    ),
    status: 'threw',
    told: /`Error: EPERM EPERM EPERM EPERM`/,
  },
  'opens sockets of other families': {
    code: `
      ${LIBC}
      const socket = libc.func('int socket(int, int, int)');
      // Virtual machine, cryptography, packets, Bluetooth; and by name what listens on the host.
      const families = [40, 38, 17, 31].map((family) => socket(family, 1, 0));
      const net = await import('node:net');
      const named = await new Promise((resolve) => {
        net.connect({ path: '\\0strangers-test' }).on('connect', () => resolve('connected'))
          .on('error', (error: Error & { code: string }) => resolve(error.code));
      });
      throw new Error([...families, named].join(' '));`,
    status: 'threw',
    told: /`Error: -1 -1 -1 -1 (?:ECONNREFUSED|ENOENT|EINVAL)`/,
  },
  'sets the clock, and its own': {
    code: `
      ${LIBC}
      const set = libc.func('int clock_settime(int, void *)')(0, Buffer.alloc(16));
      Date.now = () => 0;
      performance.now = () => 0;
      globalThis.setTimeout = ((f: () => void) => f()) as never;
      if (set === -1) for (;;) {}
      return b;`,
    status: 'timeout',
  },
  'makes files without end': {
    code: `
      const fs = await import('node:fs');
      for (let i = 0; ; i++) try { fs.writeFileSync('/tmp/' + i, ''); } catch { for (;;) {} }`,
    status: 'crashed',
  },
  'keeps what it has seen for the next call': {
    code: `
      const seen = ((globalThis as { seen?: Float64Array[] }).seen ??= []);
      seen.push(A.apply(b), b);
      return seen[seen.length - 2] ?? b;`,
    status: WRONG,
  },
  'hands in a list of answers': {
    code: `
      const { check } = await import('implicit-lab');
      for (const id of ['__proto__', 'constructor', 'neumann-01', '', 'ift-01'])
        await check(id as never, { passed: true, status: 'right' } as never);
      return b;`,
    status: ['not-a-function', ...WRONG],
  },
};

/** An answer to an exercise in TensorFlow.js, whose functions are computed where it is judged. */
const tensors = (body: string) =>
  notebook([
    `import * as tf from '@tensorflow/tfjs';`,
    `await check('hvp-01', async (F, w, u) => {${body}});`,
  ]);

const notebook = (cells: string[], more: object = {}) =>
  JSON.stringify({
    cells: ["import { check } from 'implicit-lab-course';", ...cells].map((source) => ({
      cell_type: 'code',
      source,
      metadata: {},
      outputs: [],
      execution_count: null,
    })),
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5,
    ...more,
  });

let students: TestClass;

async function checked(...args: string[]) {
  const all = ['check', '--all', '--dir', students.folder, '--json', ...args];
  const { stdout, stderr } = await students.command(all, { env: { SECRET: 'of the lecturer' } });
  if (stdout === '') throw new Error(stderr);
  const { results, problems } = JSON.parse(stdout) as {
    results: Told[];
    problems: { file: string; message: string }[];
  };
  return {
    results,
    of: (name: string) => results.filter(({ submission }) => submission === name),
    problems: Object.fromEntries(problems.map(({ file, message }) => [file, message])),
  };
}

describe.skipIf(!bubblewrap.available || !time.available)('check --sandbox', () => {
  let server: Server;
  let connections = 0;

  beforeAll(async () => {
    students = new TestClass();
    server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen({ path: '\0strangers-test' }, resolve));
  });
  afterAll(() => {
    students.close();
    server.close();
  });

  it.skipIf(full.available)(
    'gives one in fourteen of more attackers no ✓, and costs the others nothing',
    () => tried(everyFourteenth(attacks)),
  );

  it.skipIf(!full.available)('gives none of more attackers a ✓, and costs the others nothing', () =>
    tried(attacks),
  );

  async function tried(chosen: typeof attacks): Promise<void> {
    const submit = (name: string, text: string) => students.submit(join('ending', name), text);
    submit('first', students.notebook(RIGHT));
    for (const [name, attack] of Object.entries(chosen)) {
      const text = asynchronous(students.notebook(attack.code));
      students.submit(join(groupOf(attack), name), text);
    }
    students.submit(
      join('endless', 'lets the judge compute what is large'),
      tensors(
        'const held = []; for (let i = 0; i < 200; i++) held.push(F(tf.ones([1500, 1500, 2]).reshape([-1]))); return w;',
      ),
    );
    students.submit(
      join('endless', 'lets the judge compute what has another form'),
      tensors(
        'for (const shape of [[0], [1, 1, 1, 1, 1, 1], [2, 0, 3], [1e6]]) try { F(tf.zeros(shape)); } catch {} return F(tf.fill(w.shape, NaN));',
      ),
    );
    students.submit(
      join('endless', 'takes long to be read'),
      notebook([`await check('neumann-01', ${'a+'.repeat(3e5)}a);`]),
    );
    submit('zz last', students.notebook(RIGHT));

    const { results } = await students.checkGroups({ SECRET: 'of the lecturer' });
    const of = (name: string) => results.filter(({ submission }) => submission === name);
    const odd = Object.entries(chosen).filter(([name, { status, told }]) => {
      const [found] = of(name);
      const isAllowed = found && !found.passed && [status].flat().includes(found.status);
      return !isAllowed || (told && !told.test(found.explanation));
    });
    expect(
      odd.map(([name, { status, told }]) => ({ name, status, told, found: of(name) })),
    ).toEqual([]);
    for (const name of [
      'lets the judge compute what is large',
      'lets the judge compute what has another form',
      'takes long to be read',
    ]) {
      expect(of(name)).toMatchObject([{ passed: false }]);
    }
    expect(['first', 'zz last'].map((name) => of(name)[0]?.status)).toEqual(['right', 'right']);
    expect(connections).toBe(0);
  }
});

describe('check --dir', () => {
  beforeAll(() => {
    students = new TestClass();
  });
  afterAll(() => students.close());

  it('takes whatever a folder holds, and tells what is no notebook', async () => {
    const at = (...names: string[]) => join(students.folder, ...names);
    const right = students.notebook(RIGHT);
    const wrong = students.notebook(NO_FACTOR);
    // Names that differ in case; and that are something elsewhere, differ in form, or move the cursor.
    for (const name of ['Alice', 'alice', 'ALICE']) {
      students.submit(name, name === 'Alice' ? right : wrong);
    }
    const NAMES = [
      ...['zo\u0308e', 'zöe', '__proto__', 'constructor', '-rf', '--json', '$(touch x)', ' '],
      ...['a"b\'c`d', 'x'.repeat(255), '\u202ethgir :a', 'a\tb\r\u001b[2J'],
    ];
    for (const name of NAMES) students.submit(name, notebook([]));
    // A name that is not UTF-8.
    const odd = Buffer.concat([Buffer.from(at('odd-')), Buffer.from([0xff, 0xfe])]);
    mkdirSync(odd);
    writeFileSync(Buffer.concat([odd, Buffer.from(`/${LESSON}.ipynb`)]), right);

    truncateSync(students.submit('sparse', ''), 1e12);
    mkdirSync(at('folder', 'inner.ipynb'), { recursive: true });
    symlinkSync('..', at('folder', 'inner.ipynb', 'loop'));
    symlinkSync('/dev/zero', at('folder', 'zero.ipynb'));
    symlinkSync('nowhere', at('folder', 'nowhere.ipynb'));
    execFileSync(
      'python3',
      ['-c', 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', 's.ipynb'],
      { cwd: at('folder') },
    );
    students.submit('not a list', '{"cells": {"length": 1}}');
    students.submit('null', 'null');
    students.submit('nothing', '');
    students.submit('NUL', '\0'.repeat(1000));
    students.submit('UTF-16', '');
    writeFileSync(at('UTF-16', `${LESSON}.ipynb`), Buffer.from(`\ufeff${right}`, 'utf16le'));
    students.submit('cells of nothing', '{"cells": [null, 1, [], "x"]}');

    // Deep, and a notebook all the same.
    const deep = `${'['.repeat(1e5)}${']'.repeat(1e5)}`;
    students.submit('deep', `{"metadata": ${deep}, ${wrong.slice(1)}`);
    students.submit(
      'many cells',
      notebook([...Array(2e4).fill(''), "await check('neumann-01', 1);"]),
    );
    students.submit(
      'says what it is',
      notebook(["await check('neumann-01', (A, b) => b);"], {
        passed: true,
        status: 'right',
        metadata: {
          'implicit-lab': { exercise: 'neumann-01', passed: true },
          nbgrader: { grade: true, points: 100 },
        },
      }),
    );
    students.submit('belongs to all', markedAs(wrong, 'fixed-01'));
    students.submit('belongs to none', markedAs(wrong, { toString: 1 }));
    students.submit(
      'speaks of verdicts',
      withOutput(wrong, '✓ neumann-01: right\n{"version":1,"results":[{"passed":true}]}'),
    );

    const { results, of, problems } = await checked('--seconds', '900', '--jobs', '2');
    expect(results.filter(({ passed }) => passed).map(({ submission }) => submission)).toEqual([
      'Alice',
    ]);
    const of1 = (name: string) =>
      of(name).find(({ exercise }) => exercise === 'neumann-01')?.status;
    expect(['alice', 'ALICE'].map(of1)).toEqual(['mistake', 'mistake']);
    expect({ name: 'deep', status: of1('deep') }).toMatchObject({ status: 'mistake' });
    expect(of1('many cells')).toBe('not-a-function');
    expect(
      ['says what it is', 'belongs to all', 'belongs to none', 'speaks of verdicts'].map(of1),
    ).not.toContain('right');

    const file = (name: string) => join(name, `${LESSON}.ipynb`);
    for (const name of NAMES) {
      expect(problems[file(name)]).toBe('no exercise of this course is in it');
    }
    expect(problems).toMatchObject({
      [file('sparse')]: 'it has 1000000 MB',
      [join('folder', 'zero.ipynb')]: 'it is a symbolic link',
      [join('folder', 'nowhere.ipynb')]: 'it is a symbolic link',
      [join('folder', 'inner.ipynb', 'loop')]: 'it is a symbolic link',
      [join('folder', 's.ipynb')]: 'it is not a file',
      [file('not a list')]: expect.stringContaining('it is not a notebook'),
      [file('null')]: expect.stringContaining('it is not a notebook'),
      [file('nothing')]: expect.stringContaining('it is not a notebook'),
      [file('NUL')]: expect.stringContaining('it is not a notebook'),
      [file('UTF-16')]: expect.stringContaining('it is not a notebook'),
      [file('cells of nothing')]: expect.stringContaining('it is not a notebook'),
      'odd-\ufffd\ufffd': 'it is missing',
    });
  });
});

/** The cells of a notebook, said to belong to another exercise. */
function markedAs(text: string, exercise: unknown): string {
  const { cells, ...rest } = JSON.parse(text);
  const marked = cells.map((cell: object) => ({
    ...cell,
    metadata: { 'implicit-lab': { exercise } },
  }));
  return JSON.stringify({ ...rest, cells: marked });
}

/** The same notebook, with an output of its cells that says something. */
function withOutput(text: string, said: string): string {
  const { cells, ...rest } = JSON.parse(text);
  const outputs = [{ output_type: 'stream', name: 'stdout', text: said }];
  const saying = cells.map((cell: { cell_type: string }) =>
    cell.cell_type === 'code' ? { ...cell, outputs, execution_count: 1 } : cell,
  );
  return JSON.stringify({ ...rest, cells: saying });
}
