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

const MOST_PAGES = 65_536;

/**
 * Functions on one memory, made at once; those that they call from outside are imported.
 *
 * A page compiles no more than 4 KB on its main thread without waiting in some browsers, so modules
 * are kept small.
 */
export function instantiated(
  memory: WebAssembly.Memory,
  functions: readonly FunctionBody[],
  imports: readonly Imported[],
): Record<string, (...values: number[]) => number> {
  const bytes = moduleBytes(memory, functions, imports);
  const from: Record<string, (...values: number[]) => unknown> = {};
  imports.forEach(({ run }, i) => {
    from[`${i}`] = run;
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory },
    from,
  });
  return exports as Record<string, (...values: number[]) => number>;
}

function moduleBytes(
  memory: WebAssembly.Memory,
  functions: readonly FunctionBody[],
  imports: readonly Imported[],
): Uint8Array<ArrayBuffer> {
  const all: Callable[] = [...imports, ...functions];
  const { types, places } = typesOf(all);
  const indices = new Map(all.map((each, index) => [each, index]));
  const indexOf = (called: Callable) => {
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
  section(2, imports.length + 1, (to) => {
    to.text('env').text('memory').byte(0x02);
    if (memory.buffer instanceof ArrayBuffer) to.byte(0x00).byte(0);
    else to.byte(0x03).byte(0).unsigned(MOST_PAGES);
    imports.forEach((_, i) => {
      to.text('from').text(`${i}`).byte(0x00).unsigned(places[i]!);
    });
  });
  section(3, functions.length, (to) => {
    for (const place of places.slice(imports.length)) to.unsigned(place);
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

/** The signatures of some functions without repetition, and which of them each has. */
function typesOf(all: readonly Callable[]): { types: Signature[]; places: number[] } {
  const known = new Map<string, number>();
  const types: Signature[] = [];
  const places = all.map(({ signature }) => {
    const word = `${signature.parameters}>${signature.results}`;
    const place = known.get(word) ?? types.push(signature) - 1;
    known.set(word, place);
    return place;
  });
  return { types, places };
}
