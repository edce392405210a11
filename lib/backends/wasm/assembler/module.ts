import { section, text, unsigned, vector } from './encoding';
import type { Callable, FunctionBody, Signature } from './function';
import { typeCodes } from './instructions';

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
  const bytes = Uint8Array.from(moduleBytes(memory, functions, imports));
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

/** How many bytes a module of these functions takes. */
export function moduleBytes(
  memory: WebAssembly.Memory,
  functions: readonly FunctionBody[],
  imports: readonly Imported[],
): number[] {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  const limits = isShared ? [0x03, 0, ...unsigned(MOST_PAGES)] : [0x00, 0];
  const types: string[] = [];
  const typeOf = ({ signature: { parameters, results } }: Callable) => {
    const word = [
      0x60,
      ...vector(parameters.map((type) => [typeCodes[type]])),
      ...vector(results.map((type) => [typeCodes[type]])),
    ].join();
    const known = types.indexOf(word);
    return known >= 0 ? known : types.push(word) - 1;
  };
  const ofImports = imports.map((each, i) => [
    ...text('from'),
    ...text(`${i}`),
    0x00,
    ...unsigned(typeOf(each)),
  ]);
  const ofFunctions = functions.map((each) => unsigned(typeOf(each)));
  const places = new Map<Callable, number>(
    [...imports, ...functions].map((each, index) => [each, index]),
  );
  const indexOf = (called: Callable) => {
    const index = places.get(called);
    if (index === undefined) throw new TypeError(`${called.name} is called, and not imported`);
    return index;
  };
  return [
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types.map((word) => word.split(',').map(Number)))),
    ...section(2, vector([[...text('env'), ...text('memory'), 0x02, ...limits], ...ofImports])),
    ...section(3, vector(ofFunctions)),
    ...section(
      7,
      vector(
        functions.map((each, i) => [...text(each.name), 0x00, ...unsigned(imports.length + i)]),
      ),
    ),
    ...section(10, vector(functions.map((each) => each.encoded(indexOf)))),
  ];
}
