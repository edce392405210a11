import { Bytes } from './encoding';
import type { Callable, FunctionBody, Signature } from './function';
import { typeCodes, type ValueType } from './instructions';

/** A function from outside: one of another module, or of JavaScript. */
export interface Imported extends Callable {
  readonly run: (...values: number[]) => unknown;
}

export function imported(
  name: string,
  signature: Signature,
  run: (...values: never[]) => unknown,
): Imported {
  return { name, signature, run: run as Imported['run'] };
}

/** Where a function is exported: a module that imports nothing but the memory can be instantiated again. */
export interface Origin {
  module: WebAssembly.Module;
  name: string;
  needsOthers: boolean;
}

const ofModules = new WeakMap<(...values: number[]) => unknown, Origin>();

/** The module and the name of a function that was made here. */
export const originOf = (f: (...values: number[]) => unknown): Origin | undefined =>
  ofModules.get(f);

/** Whether a function is one of WebAssembly that was made here: it can be in a table of functions. */
export const isOfModule = (f: (...values: number[]) => unknown): boolean => ofModules.has(f);

const MOST_PAGES = 65_536;

/**
 * Functions on one memory, made at once; those that they call from outside are imported, and those
 * that they call by a number are in `table`.
 *
 * A page compiles no more than 4 KB on its main thread without waiting in some browsers, so modules
 * are kept small.
 */
export function instantiated(
  memory: WebAssembly.Memory,
  functions: readonly FunctionBody[],
  imports: readonly Imported[],
  table?: WebAssembly.Table,
): Record<string, (...values: number[]) => number> {
  const bytes = moduleBytes(memory, functions, imports);
  const from: Record<string, (...values: number[]) => unknown> = {};
  imports.forEach(({ run }, i) => {
    from[`${i}`] = run;
  });
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, {
    env: table === undefined ? { memory } : { memory, table },
    from,
  });
  const made = exports as Record<string, (...values: number[]) => number>;
  const needsOthers = imports.length > 0 || table !== undefined;
  for (const [name, f] of Object.entries(made)) ofModules.set(f, { module, name, needsOthers });
  return made;
}

/** A module as it is compiled; without a memory it imports none. */
export function moduleBytes(
  memory: WebAssembly.Memory | undefined,
  functions: readonly FunctionBody[],
  imports: readonly Imported[],
): Uint8Array<ArrayBuffer> {
  const all: Callable[] = [...imports, ...functions];
  const indirect = functions.flatMap((each) => each.indirect);
  const { types, typeOf } = typesOf([...all.map(({ signature }) => signature), ...indirect]);
  const indices = new Map(all.map((each, index) => [each, index]));
  const indexOf = (called: Callable | Signature) => {
    if (!('signature' in called)) return typeOf(called);
    const index = indices.get(called);
    if (index === undefined) throw new TypeError(`${called.name} is called, and not imported`);
    return index;
  };
  const bytes = new Bytes().bytes(PREAMBLE);
  const section = (id: number, count: number, items: (bytes: Bytes) => void) =>
    bytes.byte(id).sized((content) => items(content.unsigned(count)));
  section(1, types.length, (to) => {
    for (const { parameters, results } of types) {
      to.byte(0x60);
      for (const each of [parameters, results]) writeTypes(to, each);
    }
  });
  const hasTable = indirect.length > 0;
  const others = (memory === undefined ? 0 : 1) + (hasTable ? 1 : 0);
  section(2, imports.length + others, (to) => {
    if (memory !== undefined) {
      to.text('env').text('memory').byte(0x02);
      if (memory.buffer instanceof ArrayBuffer) to.byte(0x00).byte(0);
      else to.byte(0x03).byte(0).unsigned(MOST_PAGES);
    }
    if (hasTable) to.text('env').text('table').byte(0x01).byte(0x70).byte(0x00).byte(0);
    imports.forEach(({ signature }, i) => {
      to.text('from').text(`${i}`).byte(0x00).unsigned(typeOf(signature));
    });
  });
  section(3, functions.length, (to) => {
    for (const { signature } of functions) to.unsigned(typeOf(signature));
  });
  section(7, functions.length, (to) => {
    functions.forEach(({ name }, i) => {
      to.text(name)
        .byte(0x00)
        .unsigned(imports.length + i);
    });
  });
  section(10, functions.length, (to) => {
    for (const each of functions) each.encode(to, indexOf);
  });
  return bytes.written;
}

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

function writeTypes(to: Bytes, types: readonly ValueType[]): void {
  to.unsigned(types.length);
  for (const type of types) to.byte(typeCodes[type]);
}

/** Signatures without repetition, and which of them each is. */
function typesOf(all: readonly Signature[]): {
  types: readonly Signature[];
  typeOf: (signature: Signature) => number;
} {
  const known = new Map<string, number>();
  const types: Signature[] = [];
  const wordOf = ({ parameters, results }: Signature) => `${parameters}>${results}`;
  for (const signature of all) {
    const word = wordOf(signature);
    if (!known.has(word)) known.set(word, types.push(signature) - 1);
  }
  return { types, typeOf: (signature) => known.get(wordOf(signature))! };
}
