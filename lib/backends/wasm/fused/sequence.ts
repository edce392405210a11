import {
  FunctionBody,
  type Imported,
  imported,
  instantiated,
  isOfModule,
  type Label,
  type Local,
  type Signature,
} from '../assembler';
import { type Heap, memoryOf, perHeap } from '../kernels/heap';

/** The address of something that is at a place, plus some bytes. */
export interface At<P> {
  at: P;
  plus?: number;
}

/** One function to call with addresses, by the places they are at, and whole numbers. */
export interface Call<P> {
  run: (...values: number[]) => void;
  arguments: readonly (number | At<P>)[];
}

/** Does what is called, from JavaScript. */
export function perform<P>({ run, arguments: given }: Call<P>, addressOf: (place: P) => number) {
  run(
    ...given.map((each) =>
      typeof each === 'number' ? each : addressOf(each.at) + (each.plus ?? 0),
    ),
  );
}

/** The same call with places of another kind, each perhaps some bytes after one. */
export const placed = <P, Q>(call: Call<P>, placeOf: (place: P) => At<Q>): Call<Q> => ({
  run: call.run,
  arguments: call.arguments.map((each) => {
    if (typeof each === 'number') return each;
    const { at, plus = 0 } = placeOf(each.at);
    const bytes = plus + (each.plus ?? 0);
    return bytes === 0 ? { at } : { at, plus: bytes };
  }),
});

/** Calls that are written in memory, from one on to another. */
export interface Stretch {
  /** The arguments of the function that walks along calls. */
  readonly address: number;
  run(): void;
}

/**
 * Calls one after the other, in groups. They are numbers in the backend's memory, which one function
 * walks along, the same for all sequences: what is called again and again costs no module of its own.
 * JavaScript is called only where that is what a call runs.
 */
export class Sequence {
  readonly whole: Stretch;
  /** The groups. */
  readonly parts: readonly Stretch[];
  /** Does the calls of a stretch, from its address. */
  readonly walk: Imported;
  readonly #heap: Heap;
  readonly #address: number;
  /** The numbers of functions of JavaScript that are this sequence's own. */
  readonly #own: number[] = [];
  /** Functions of modules. */
  readonly #called = new Set<Call<number>['run']>();

  /** @param table where the addresses of all places are */
  constructor(heap: Heap, table: number, groups: readonly (readonly Call<number>[])[]) {
    this.#heap = heap;
    const { run, zero } = walkerOn(heap);
    const words: number[] = [];
    const headers = HEADER.size * (groups.length + 1);
    const ends = groups.map((calls) => {
      for (const call of calls) this.#write(words, call, table, zero - table);
      return headers + 4 * words.length;
    });
    const address = heap.wasm._malloc(headers + 4 * words.length);
    this.#address = address;
    const memory = new Int32Array(memoryOf(heap).buffer, address, headers / 4 + words.length);
    const stretch = (i: number, from: number, until: number): Stretch => {
      memory.set([table, address + from, address + until], (HEADER.size / 4) * i);
      const at = address + HEADER.size * i;
      return { address: at, run: () => run(at) };
    };
    memory.set(words, headers / 4);
    this.whole = stretch(0, headers, ends.at(-1) ?? headers);
    this.parts = ends.map((end, i) => stretch(i + 1, ends[i - 1] ?? headers, end));
    this.walk = imported('walk', BY_ADDRESS, run);
  }

  dispose(): void {
    const { functions, release } = walkerOn(this.#heap);
    for (const number of this.#own) functions.delete(number);
    for (const run of this.#called) release(run);
    this.#own.length = 0;
    this.#called.clear();
    this.#heap.wasm._free(this.#address);
  }

  #write(words: number[], { run, arguments: given }: Call<number>, table: number, none: number) {
    const walker = walkerOn(this.#heap);
    if (!isOfModule(run) || given.length > MOST_ARGUMENTS) {
      const number = walker.next++;
      walker.functions.set(number, byJavaScript(this.#heap, { run, arguments: given }, table));
      this.#own.push(number);
      words.push(BY_JAVASCRIPT, number);
      return;
    }
    if (!this.#called.has(run)) walker.retain(run);
    this.#called.add(run);
    words.push(given.length, walker.numberOf(run));
    for (const each of given) {
      if (typeof each === 'number') words.push(none, each);
      else words.push(4 * each.at, each.plus ?? 0);
    }
  }
}

/** A call from JavaScript, with what is in the table then. */
function byJavaScript(heap: Heap, call: Call<number>, table: number): () => void {
  let addresses = new Uint32Array(0);
  return () => {
    const { buffer } = memoryOf(heap);
    // It is another one after the memory has grown.
    if (addresses.buffer !== buffer) addresses = new Uint32Array(buffer);
    perform(call, (place) => addresses[table / 4 + place]!);
  };
}

const BY_ADDRESS: Signature = { parameters: ['i32'], results: [] };

/** Bytes at the start of a stretch: the addresses of the table, of the first call, and after the last. */
const HEADER = { table: 0, from: 4, until: 8, size: 12 };

/** The largest number of arguments of a function that is called without JavaScript. */
const MOST_ARGUMENTS = 16;

/** What a call of JavaScript has in place of the number of arguments. */
const BY_JAVASCRIPT = MOST_ARGUMENTS + 1;

/**
 * What walks along calls. Each is the number of its arguments, the number of the function, and for
 * each argument where it is in the table and what is added to it.
 */
interface Walker {
  run: (address: number) => void;
  /** Keeps a function of a module under a number, as long as it is not released as often. */
  retain: (run: Call<number>['run']) => void;
  release: (run: Call<number>['run']) => void;
  /** The number of one that is kept. */
  numberOf: (run: Call<number>['run']) => number;
  /** Calls of JavaScript by their numbers. */
  functions: Map<number, () => void>;
  /** The number of the next one. */
  next: number;
  /** The address of a 0, for what is not in the table. */
  zero: number;
}

const walkerOn = perHeap((heap): Walker => {
  const functions: Walker['functions'] = new Map();
  const table = new WebAssembly.Table({ initial: 16, element: 'anyfunc' });
  const kept = new Map<Call<number>['run'], { number: number; users: number }>();
  const unused: number[] = [];
  const retain = (run: Call<number>['run']) => {
    const known = kept.get(run);
    if (known !== undefined) {
      known.users++;
      return;
    }
    const number = unused.pop() ?? kept.size;
    if (number === table.length) table.grow(number);
    table.set(number, run);
    kept.set(run, { number, users: 1 });
  };
  const release = (run: Call<number>['run']) => {
    const known = kept.get(run)!;
    known.users--;
    if (known.users > 0) return;
    kept.delete(run);
    table.set(known.number, null);
    unused.push(known.number);
  };
  const numberOf = (run: Call<number>['run']) => kept.get(run)!.number;
  const javascript = imported('javascript', BY_ADDRESS, (number: number) => {
    functions.get(number)!();
  });
  const zero = heap.wasm._malloc(4);
  new Int32Array(memoryOf(heap).buffer, zero, 1).fill(0);
  const { walk } = instantiated(memoryOf(heap), [walkBody(javascript)], [javascript], table);
  return { run: walk!, retain, release, numberOf, functions, next: 0, zero };
});

function walkBody(javascript: Imported): FunctionBody {
  const f = new FunctionBody('walk', BY_ADDRESS);
  const [stretch] = f.parameters as readonly [Local];
  const [table, at, until] = f.locals('i32', 'i32', 'i32');
  f.get(stretch).memory('i32.load', HEADER.table).set(table);
  f.get(stretch).memory('i32.load', HEADER.from).set(at);
  f.get(stretch).memory('i32.load', HEADER.until).set(until);
  const called = () => f.get(at).memory('i32.load', 4);
  const values = f.localsOf('i32', MOST_ARGUMENTS);
  const load = (i: number) => {
    f.get(at)
      .memory('i32.load', 8 + 8 * i)
      .get(table)
      .do('i32.add')
      .memory('i32.load');
    f.get(at)
      .memory('i32.load', 12 + 8 * i)
      .do('i32.add')
      .set(values[i]!);
  };
  /** From the last argument to the first: a number is where to begin. */
  const loadAll = (i: number, end: Label, labels: readonly Label[]): void => {
    if (i === MOST_ARGUMENTS) {
      f.get(at)
        .memory('i32.load')
        .brTable([end, ...labels, end]);
      return;
    }
    f.block((label) => loadAll(i + 1, end, [...labels, label]));
    load(i);
  };
  const callWith = (count: number) => {
    f.get(...values.slice(0, count));
    called().callIndirect({ parameters: Array<'i32'>(count).fill('i32'), results: [] });
    f.advance(at, 8 + 8 * count);
  };
  f.while(at, until, () => {
    f.block((end) => loadAll(0, end, []));
    f.block((next) => {
      /** What is done for a number stands after the block of that number; in the innermost one it is chosen. */
      const within = (number: number, labels: readonly Label[]): void => {
        if (number < 0) {
          f.get(at).memory('i32.load').brTable(labels);
          return;
        }
        f.block((label) => within(number - 1, [label, ...labels]));
        if (number < BY_JAVASCRIPT) callWith(number);
        else called().call(javascript).advance(at, 8);
        f.br(next);
      };
      within(BY_JAVASCRIPT, []);
    });
  });
  return f;
}
