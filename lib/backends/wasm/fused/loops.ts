import { mostModuleBytes } from '#platform/machine';
import { type FunctionBody, instantiated } from '../assembler';
import { type Heap, memoryOf, perHeap } from '../kernels/heap';
import { wordOf } from './expression';
import type { Loop } from './loop';
import { loopBody } from './loop-code';

/** Runs a loop; addresses in bytes. */
export type RunLoop = (out: number, rows: number, columns: number, ...inputs: number[]) => void;

const knownOn = perHeap(() => new Map<string, RunLoop>());

/** How many functions are remembered; programs keep those that they call. */
const MOST = 1024;

/** The function of a loop, which is made once for all programs. */
export function loopOn(heap: Heap, loop: Loop): RunLoop {
  const key = keyOf(loop);
  const known = knownOn(heap);
  if (!known.has(key)) makeLoops(heap, [loop]);
  const found = known.get(key)!;
  // Last in the order, so that what was not used for longest comes first.
  known.delete(key);
  known.set(key, found);
  for (const oldest of known.keys()) {
    if (known.size <= MOST) break;
    known.delete(oldest);
  }
  return found;
}

/** Forgets all loops; they are made again when they are needed. */
export const forgetLoops = (heap: Heap): void => knownOn(heap).clear();

/** What a module has in addition to its code, at most. */
const AROUND = 500;

/**
 * Makes those of some loops that are not known yet, several in a module: each module takes a
 * millisecond.
 *
 * @param most bytes of a module
 */
export function makeLoops(heap: Heap, loops: readonly Loop[], most = mostModuleBytes()): void {
  const known = knownOn(heap);
  const missing = new Map(loops.map((loop) => [keyOf(loop), loop]));
  for (const key of known.keys()) missing.delete(key);
  const batch = new Map<string, FunctionBody>();
  let bytes = 0;
  const finish = () => {
    const made = instantiated(memoryOf(heap), [...batch.values()], []);
    for (const [key, { name }] of batch) known.set(key, made[name]!);
    batch.clear();
    bytes = 0;
  };
  for (const [i, [key, loop]] of [...missing].entries()) {
    const body = loopBody(`f${i}`, loop);
    const size = body.size + 40;
    if (bytes + size > most - AROUND && batch.size > 0) finish();
    batch.set(key, body);
    bytes += size;
  }
  if (batch.size > 0) finish();
}

const keyOf = ({ into, patterns, expression }: Loop) =>
  `${into} ${patterns.join()} ${wordOf(expression)}`;
