import { mostModuleBytes } from '#platform/machine';
import { isTurnDue, type Pausing, withoutPause } from '../../../event-loop';
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
  if (!known.has(key)) withoutPause(makeLoops(heap, [loop]));
  const found = known.get(key)!;
  // Last in the order, so that what was not used for longest comes first.
  known.delete(key);
  known.set(key, found);
  if (known.size > MOST) {
    for (const oldest of known.keys()) {
      if (known.size <= MOST) break;
      known.delete(oldest);
    }
  }
  return found;
}

/** Forgets all loops; they are made again when they are needed. */
export const forgetLoops = (heap: Heap): void => knownOn(heap).clear();

/** What a module has in addition to its code, at most. */
const AROUND = 500;

/**
 * Makes those of some loops that are not known yet, several in a module: each module takes a
 * millisecond. To be left for a while between them.
 *
 * @param most bytes of a module
 */
export function* makeLoops(
  heap: Heap,
  loops: readonly Loop[],
  most = mostModuleBytes(),
): Pausing<void> {
  const known = knownOn(heap);
  const missing = new Map<string, Loop>();
  for (const loop of loops) {
    const key = keyOf(loop);
    if (!known.has(key)) missing.set(key, loop);
  }
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
    if (isTurnDue()) yield;
  }
  if (batch.size > 0) finish();
}

const keys = new WeakMap<Loop, string>();

function keyOf(loop: Loop): string {
  const known = keys.get(loop);
  if (known !== undefined) return known;
  const { into, patterns, expression } = loop;
  const key = `${into} ${patterns.join()} ${wordOf(expression)}`;
  keys.set(loop, key);
  return key;
}
