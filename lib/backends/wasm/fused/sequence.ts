import { FunctionBody, type Imported, imported, instantiated, type Signature } from '../assembler';
import { type Heap, memoryOf } from '../kernels/heap';

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

const BY_TABLE: Signature = { parameters: ['i32'], results: [] };

/** Some browsers compile no more than 4 KB without waiting; a call takes about so many bytes. */
const MOST_BYTES = 3500;
const bytesOf = ({ arguments: given }: Call<number>) => 40 + 9 * given.length;

/**
 * Calls one after the other as one WebAssembly function, without JavaScript in between but where that
 * is what is called. It is handed the address of a table, the addresses of all places as integers.
 */
export function sequenceOn(heap: Heap, calls: readonly Call<number>[]): Imported {
  if (calls.length === 0) return imported('sequence', BY_TABLE, () => {});
  const memory = memoryOf(heap);
  const pieces = piecesOf(calls).map((piece) => {
    const known = new Map<Call<number>['run'], Imported>();
    const body = new FunctionBody('run', BY_TABLE);
    const [table] = body.parameters;
    for (const { run, arguments: given } of piece) {
      const callee =
        known.get(run) ??
        imported('step', { parameters: given.map(() => 'i32'), results: [] }, run);
      known.set(run, callee);
      for (const each of given) {
        if (typeof each === 'number') body.i32(each);
        else {
          body.get(table!).memory('i32.load', 4 * each.at);
          if (each.plus !== undefined) body.i32(each.plus).do('i32.add');
        }
      }
      body.call(callee);
    }
    return exported(instantiated(memory, [body], [...known.values()]));
  });
  return joined(heap, pieces);
}

/** Sequences one after the other as one. */
export function joined(heap: Heap, pieces: readonly Imported[]): Imported {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new FunctionBody('run', BY_TABLE);
  for (const piece of pieces) whole.get(whole.parameters[0]!).call(piece);
  return exported(instantiated(memoryOf(heap), [whole], [...pieces]));
}

const exported = ({ run }: Record<string, (...values: number[]) => number>): Imported =>
  imported('sequence', BY_TABLE, run!);

function piecesOf(calls: readonly Call<number>[]): Call<number>[][] {
  const pieces: Call<number>[][] = [[]];
  let bytes = 0;
  for (const call of calls) {
    bytes += bytesOf(call);
    if (bytes > MOST_BYTES) {
      pieces.push([]);
      bytes = bytesOf(call);
    }
    pieces.at(-1)!.push(call);
  }
  return pieces;
}
