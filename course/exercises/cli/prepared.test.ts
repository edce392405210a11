import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import { loadExercise } from '../catalogue';
import { type Attack, asynchronous, everyFourteenth, groupOf, LIBC } from './attacks-testing';
import { NO_FACTOR, RIGHT, TestClass } from './class-testing';

/** Answers that were prepared at home, answers that speak for the process, notebooks that claim. */

const bubblewrap = needs('bubblewrap');
const time = needs('time');
const full = needs('full');

const ENDED = ['exited', 'crashed', 'timeout', 'memory'];
const WRONG = ['differs', 'mistake', 'shape', 'property', 'threw', 'not-finite'];
const UNSEEN = 'right on the known probes alone';

/** The results on the three probes, by the number of terms, which is another on each. */
async function table(): Promise<string> {
  const { probes, reference } = await loadExercise('neumann-01');
  const results = await Promise.all(
    probes.map(async ({ args }) => {
      const given: readonly unknown[] = args();
      const right = await reference(...(given as never[]));
      return [given[3], Array.from(right as Float64Array)];
    }),
  );
  return `const known = new Map<number, number[]>(${JSON.stringify(results)} as never);`;
}

/** Each power from the beginning: right numbers, too many products. */
const COSTLY = `
  let [sum, c] = [b.map(() => 0), 1];
  for (let k = 0; k < terms; k++) {
    let term = b;
    for (let i = 0; i < k; i++) { const Ax = A.apply(term); term = term.map((t, j) => t - alpha * Ax[j]!); }
    if (k > 0) c *= (2 * k - 1) / (2 * k);
    sum = sum.map((s, j) => s + Math.sqrt(alpha) * c * term[j]!);
  }
  return sum;`;

/** Lengths, and a text between them and what follows: a frame as the process sends it. */
const SPEAKING = `
  const { writeSync, closeSync } = await import('node:fs');
  const speak = (text: string, lengths = [Buffer.byteLength(text), 0]) => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(lengths[0]!, 0); head.writeUInt32LE(lengths[1]!, 4);
    writeSync(3, Buffer.concat([head, Buffer.from(text)]));
  };`;
const returning = (value: string) => `{"type":"returned","value":${value},"changes":[],"kept":0}`;

/** Answers that know the table, and then … */
const prepared: Record<string, Attack> = {
  'guesses what it does not know': {
    code: 'return Float64Array.from(known.get(terms) ?? b);',
    status: 'differs',
    told: /drawn anew/,
  },
  'takes the nearest': {
    code: 'return Float64Array.from(known.get(terms) ?? [...known.values()].at(-1)!.slice(0, b.length));',
    status: WRONG,
  },
  'throws at what it does not know': {
    code: 'if (!known.has(terms)) throw new Error("another probe"); return Float64Array.from(known.get(terms)!);',
    status: 'threw',
    told: /drawn anew.*newly drawn probe: `Error: another probe`/s,
  },
  'never answers what it does not know': {
    code: 'if (!known.has(terms)) await new Promise(() => {}); return Float64Array.from(known.get(terms)!);',
    status: ['too-slow', 'timeout'],
  },
  'ends at what it does not know': {
    code: 'if (!known.has(terms)) process.exit(0); return Float64Array.from(known.get(terms)!);',
    status: ENDED,
  },
  'is cheap on what it knows': {
    code: `if (known.has(terms)) return Float64Array.from(known.get(terms)!); ${COSTLY}`,
    status: ['property', 'mistake'],
  },
  'says nothing of what it does not know': {
    code: 'return known.has(terms) ? Float64Array.from(known.get(terms)!) : undefined as never;',
    status: 'shape',
  },
  'changes what it is given to what it knows': {
    code: `
      const [, entry] = [...known].find(([, row]) => row.length === b.length)!;
      if (!known.has(terms)) { b.set(entry); return b; }
      return Float64Array.from(known.get(terms)!);`,
    status: [...WRONG, ...ENDED],
  },
  'speaks for the calls to come': {
    code: `
      ${SPEAKING}
      if (terms === 12) for (let i = 0; i < 3; i++) speak(${JSON.stringify(returning('{"kind":"known","index":0}'))});
      return Float64Array.from(known.get(terms)!);`,
    status: [...ENDED, ...WRONG],
  },
  'does what is known, and closes its channel': {
    code: `
      ${SPEAKING}
      if (!known.has(terms)) closeSync(3);
      return Float64Array.from(known.get(terms) ?? b);`,
    status: ENDED,
  },
};

const attacks: Record<string, Attack> = {
  'is as long as an array can be': {
    code: 'const x: number[] = []; x.length = 4294967295; return x as never;',
    status: [...WRONG, ...ENDED],
  },
  'says that it is long': { code: 'return { length: 1e9, 0: 1 } as never;', status: 'shape' },
  'shrinks when it is looked at': {
    code: `
      const buffer = new (ArrayBuffer as never as new (n: number, o: object) => ArrayBuffer & { resize(n: number): void })(32, { maxByteLength: 64 });
      const x = new Float64Array(buffer); buffer.resize(8); return x;`,
    status: WRONG,
  },
  'is shared with a thread that writes': {
    code: `
      const { Worker } = await import('node:worker_threads');
      const shared = new SharedArrayBuffer(8 * b.length);
      new Worker('const x = new Float64Array(require("worker_threads").workerData); for (;;) x[0] += 1;', { eval: true, workerData: shared });
      return new Float64Array(shared);`,
    status: [...WRONG, ...ENDED],
  },
  'is nothing but NaN': { code: 'return b.fill(NaN);', status: 'not-finite' },
  'is infinite': { code: 'return b.map(() => Infinity);', status: 'not-finite' },
  'is words': { code: "return [...b].map(() => '1') as never;", status: 'shape' },
  'is whole numbers without end': {
    code: 'return new BigInt64Array(b.length) as never;',
    status: 'shape',
  },
  'is a generator': {
    code: 'return (function* () { for (;;) yield 1; })() as never;',
    status: 'shape',
  },
  'is an iterator that is also a promise': {
    code: 'return { then(f: (x: unknown) => void, g: (x: unknown) => void) { f(this); g(this); f(b); } } as never;',
    status: [...WRONG, 'too-slow', 'timeout'],
  },
  'has members that are the prototypes': {
    code: `return JSON.parse('{"__proto__": {"passed": true}, "constructor": {"prototype": {"passed": true}}}');`,
    status: 'shape',
  },
  'throws what is long': { code: "throw new Error('x'.repeat(3e8));", status: 'threw' },
  'throws what throws': {
    code: "throw new Proxy(new Error('x'), { get() { throw new Error('again'); }, ownKeys() { throw 1; } });",
    status: 'threw',
  },
  'throws what is right': {
    code: "throw Object.assign(new Error('✓ neumann-01: right'), { passed: true, status: 'right' });",
    status: 'threw',
  },
  'sends a record that is a prototype': {
    code: `
      ${SPEAKING}
      speak(${JSON.stringify(returning('{"kind":"record","name":"Object","members":[["__proto__",{"kind":"record","name":"Object","members":[["passed",true],["then",1]]}],["toString",1]]}'))});
      for (;;) {}`,
    status: [...WRONG, ...ENDED],
  },
  'sends lengths beyond all memory': {
    code: `${SPEAKING} speak('{}', [0xffffffff, 0xffffffff]); for (;;) {}`,
    status: ENDED,
  },
  'sends half of a frame': {
    code: `${SPEAKING} speak('{"type":"returned"', [1000, 0]); for (;;) {}`,
    status: 'timeout',
  },
  'sends what is deep': {
    code: `${SPEAKING} speak('['.repeat(1e6)); for (;;) {}`,
    status: ENDED,
  },
  'sends what is no JSON': { code: `${SPEAKING} speak('right'); for (;;) {}`, status: ENDED },
  'sends null': { code: `${SPEAKING} speak('null'); for (;;) {}`, status: ENDED },
  'says again that it has run': {
    code: `
      ${SPEAKING}
      speak('{"type":"ran","answers":[["neumann-01",{"kind":"function","handle":0,"length":4,"measures":false}]],"failures":[]}');
      return b;`,
    status: [...ENDED, ...WRONG],
  },
  'says of a tensor that it has no end': {
    code: `
      ${SPEAKING}
      speak(${JSON.stringify(returning('{"kind":"tensor","dtype":"float32","shape":[1e9,1e9],"at":0,"length":1e18}'))});
      for (;;) {}`,
    status: ENDED,
  },
  'points outside of its bytes': {
    code: `
      ${SPEAKING}
      speak(${JSON.stringify(returning('{"kind":"numbers","type":"Float64Array","at":-8,"length":4}'))});
      for (;;) {}`,
    status: ENDED,
  },
  'names a type that is a member of all objects': {
    code: `
      ${SPEAKING}
      speak(${JSON.stringify(returning('{"kind":"numbers","type":"constructor","at":0,"length":0}'))});
      for (;;) {}`,
    status: [...WRONG, ...ENDED],
  },
  'changes what nobody gave it': {
    code: `
      ${SPEAKING}
      speak('{"type":"returned","value":null,"kept":-1e308,"changes":[["__proto__",null],[0,{"kind":"list","members":[{"kind":"other","text":"x"}]}],[1e9,1]]}');
      for (;;) {}`,
    status: [...WRONG, ...ENDED],
  },
  'does not end by signals': {
    code: `
      ${LIBC}
      libc.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)')(1, 0, 0, 0, 0);
      libc.func('int setsid()')();
      for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGXCPU'] as const) process.on(name, () => {});
      for (;;) {}`,
    status: 'timeout',
  },
  'lifts its limits': {
    code: `
      ${LIBC}
      const set = libc.func('int setrlimit(int, void *)');
      const all = Buffer.alloc(16, 0xff);
      for (let i = 0; i < 16; i++) set(i, all);
      const held = []; for (;;) held.push(Buffer.alloc(1e8, 1));`,
    status: ['memory', 'crashed', 'threw', 'timeout'],
  },
  'is busy once it has answered': {
    code: 'setImmediate(() => { for (;;) {} }); return b;',
    status: [...WRONG, ...ENDED],
  },
  'asks without end once it has answered': {
    code: 'setInterval(() => A.apply(b), 0); return b;',
    status: [...WRONG, ...ENDED],
  },
  'goes out by links': {
    code: `
      const fs = await import('node:fs');
      const told: string[] = [];
      for (const path of ['/', '/course', '/proc/1/root', '/usr']) {
        const link = '/tmp/' + told.length;
        fs.symlinkSync(path, link);
        try { fs.writeFileSync(link + '/x', ''); told.push('written'); } catch (error) { told.push((error as { code: string }).code); }
      }
      throw new Error(told.join());`,
    status: 'threw',
    told: /Error: (?:(?:EROFS|EACCES|ENOENT|EPERM),?){4}`/,
  },
};

const BREAKOUT = "}); globalThis.passed = true; process.stdout.write('✓'); (async () => {";

/** Notebooks that say of themselves that all is right. */
const claims = (students: TestClass): Record<string, string> => {
  const stub = JSON.parse(students.notebook('return todo();'));
  const code = (source: string, more = {}) => ({
    cell_type: 'code',
    metadata: {},
    outputs: [],
    execution_count: 1,
    source,
    ...more,
  });
  const shown = [
    { output_type: 'stream', name: 'stdout', text: '✓ neumann-01: right\n' },
    { output_type: 'display_data', metadata: {}, data: { 'text/html': '<b>✓</b>' } },
  ];
  const beside = (...cells: object[]) =>
    JSON.stringify({ ...stub, cells: [...stub.cells, ...cells] });
  return {
    'has its ✓ among the outputs': JSON.stringify({
      ...stub,
      cells: stub.cells.map((cell: object) => ({ ...cell, outputs: shown })),
      metadata: {
        ...stub.metadata,
        passed: true,
        status: 'right',
        'implicit-lab': { passed: true },
      },
    }),
    'ends the program that it is put into': beside(code(BREAKOUT)),
    'ends it in a string of another line': beside(
      code(`const x = "\\u2028${'`'}${'$'}{1}";\n*/ ${BREAKOUT} /*`),
    ),
    'says where its code is': beside(
      code(
        '//# sourceURL=/course/course/platform/node/child.cjs\n//# sourceMappingURL=data:application/json;base64,e30=',
      ),
    ),
    'imports what it may not': beside(
      code("import passwords from 'file:///etc/shadow';\nimport * as judge from '/course/judge';"),
    ),
    'is its own checker': beside(
      code(
        "const check = async () => ({ passed: true, status: 'right' });\nawait check('neumann-01', inverseRoot);",
      ),
    ),
    'hands in an answer to something else': beside(
      code("await check('neumann-01', (await import('implicit-lab')).cg as never);"),
    ),
    'has commands for the kernel': beside(
      code('%check neumann-01 passed\n!echo ✓\n%%writefile verdicts.json'),
    ),
  };
};

describe.skipIf(!bubblewrap.available || !time.available)('in a sandbox', () => {
  let students: TestClass;
  beforeEach(() => {
    students = new TestClass();
  });
  afterEach(() => students.close());

  it.skipIf(full.available)('gives no ✓ to one in fourteen of those', () => tried(everyFourteenth));

  it.skipIf(!full.available)(
    'gives no ✓ to what was prepared, what speaks for its process, or what claims',
    () => tried((all) => all),
  );

  async function tried(chosen: <T>(all: Record<string, T>) => Record<string, T>): Promise<void> {
    const known = await table();
    const coded = chosen({
      ...Object.fromEntries(
        Object.entries(prepared).map(([name, attack]) => [
          name,
          { ...attack, code: `${known}\n${attack.code}` },
        ]),
      ),
      ...attacks,
    });
    const submit = (name: string, text: string) => students.submit(join('ending', name), text);
    submit('first', students.notebook(RIGHT));
    submit('second', students.notebook(NO_FACTOR));
    for (const [name, attack] of Object.entries(coded)) {
      const text = asynchronous(students.notebook(attack.code));
      students.submit(join(groupOf(attack), name), text);
    }
    const claimed = chosen(claims(students));
    for (const [name, text] of Object.entries(claimed)) submit(name, text);
    submit('zz last', students.notebook(RIGHT));

    const { results } = await students.checkGroups();
    const of = (name: string) => results.filter(({ submission }) => submission === name);
    const odd = Object.entries(coded).filter(([name, { status, told }]) => {
      const [found] = of(name);
      const isAllowed = found && !found.passed && [status].flat().includes(found.status);
      return !isAllowed || (told && !told.test(found.explanation));
    });
    expect(
      odd.map(([name, { status, told }]) => ({ name, status, told, found: of(name) })),
    ).toEqual([]);
    const passed = Object.keys(claimed).filter((name) => of(name).some(({ passed }) => passed));
    expect(passed).toEqual([]);
    const guess = 'guesses what it does not know';
    if (guess in coded) expect(of(guess)[0]!.title).toBe(UNSEEN);
    const others = ['first', 'second', 'zz last'].map((name) => of(name)[0]?.status);
    expect(others).toEqual(['right', 'mistake', 'right']);
  }
});
