import { readSync, writeSync } from 'node:fs';
import { getHeapStatistics, startupSnapshot } from 'node:v8';
import type { Request } from '../../compiler';
import type { Parsed } from '../../compiler/project';
import { answerOf } from '../../compiler/serve';
import { Session } from '../../compiler/session';
import { onDisk, type Places } from './disk';

/*
 * The process that owns the TypeScript session: one request after the other, as lines of JSON on
 * stdin, answered on a separate pipe. If it is started from a snapshot, the compiler is loaded,
 * and its library types are parsed, before the process begins.
 */

const TO_KERNEL = 3;
const LINE_END = 10;

/** Against what was in use after the last collection. */
const GROWN = 1.2;

/** Cells like those that come first: what checks them is compiled then. */
const REHEARSAL = [
  '1+1',
  'const a: number[] = [1, 2].map((x) => x + 1); console.log(a)',
  'for (const x of a) { if (x > 1) console.log(x) }; a[0]',
  'class A<T> { constructor(readonly x: T) {} get y(): T { return this.x } }; new A(a).y',
  'const f = async (x: number): Promise<{ a: number }> => ({ a: x }); const { a: b } = await f(2); b',
];

/** A folder without a file, which finds the packages that the kernel finds. */
const rehearsalIn = (kernel: string): string => `${kernel}/~rehearsal`;

/** @returns what it has parsed, and not itself: the snapshot is to hold no program. */
function rehearse(): Parsed {
  const { libraries, kernel, rehearsed = [] }: Places = JSON.parse(process.argv.at(-1)!);
  const session = new Session(onDisk(rehearsalIn(kernel), { libraries, kernel }));
  for (const cell of REHEARSAL) {
    session.compile(cell);
    session.commit();
  }
  // No completion: it sorts by a collator of the engine's, which a snapshot cannot hold.
  session.inspect('a', 1);
  // A missing one only makes a cell fail.
  for (const name of rehearsed) session.compile(`import * as rehearsed from '${name}'; rehearsed;`);
  return session.parsed;
}

function serve(session: Session): void {
  const chunk = Buffer.alloc(1 << 16);
  let partial: Buffer[] = [];
  for (let length = read(chunk); length > 0; length = read(chunk)) {
    let rest = Buffer.from(chunk.subarray(0, length));
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
      const line = Buffer.concat([...partial, rest.subarray(0, end)]).toString('utf8');
      partial = [];
      rest = rest.subarray(end + 1);
      const request: Request = JSON.parse(line);
      write(Buffer.from(`${JSON.stringify(answerOf(session, request))}\n`));
      tidy();
    }
    partial.push(rest);
  }
}

let least = 0;

/** What a large package leaves behind is given back while the cell that imports it runs. */
function tidy(): void {
  const used = getHeapStatistics().used_heap_size;
  if (least !== 0 && used < least * GROWN) return;
  if (least !== 0) {
    globalThis.gc?.();
    // The first finds what is not used, the second hands the memory back.
    globalThis.gc?.({ type: 'major', flavor: 'last-resort' } as NodeJS.GCOptions);
  }
  least = getHeapStatistics().used_heap_size;
}

/** @returns how much has come; 0 once the kernel is gone. */
function read(chunk: Buffer): number {
  for (;;) {
    try {
      return readSync(0, chunk);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      pause();
    }
  }
}

function write(all: Buffer): void {
  let rest = all;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(TO_KERNEL, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      pause();
    }
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

/** The session for the notebooks of this process, which takes over what the rehearsal has parsed. */
function main(parsed?: Parsed): void {
  // The terminal's interrupt is the kernel's affair.
  process.on('SIGINT', () => {});
  const { libraries, kernel }: Places = JSON.parse(process.argv.at(-1)!);
  serve(new Session(onDisk(process.cwd(), { libraries, kernel }), parsed));
  process.exit();
}

if (startupSnapshot.isBuildingSnapshot()) {
  startupSnapshot.setDeserializeMainFunction(main, rehearse());
} else {
  main();
}
