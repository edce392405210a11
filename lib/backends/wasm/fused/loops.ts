import { assembled, type Code } from '../kernels/assembly';
import type { Heap } from '../kernels/heap';
import { wordOf } from './expression';
import type { Loop } from './loop';
import { codeOf } from './loop-code';

/** Runs a loop; addresses in bytes. */
export type RunLoop = (out: number, rows: number, columns: number, ...inputs: number[]) => void;

const ofHeaps = new WeakMap<Heap, Map<string, RunLoop>>();

/** The function of a loop, which is made once for all programs. */
export function loopOn(heap: Heap, loop: Loop): RunLoop {
  const key = keyOf(loop);
  const known = knownOn(heap);
  if (!known.has(key)) makeLoops(heap, [loop]);
  return known.get(key)!;
}

/** Some browsers compile no more than 4 KB without waiting; a module has some bytes beside its code. */
const MOST_BYTES = 3600;

/** Makes those of some loops that are not known yet, several in a module: each module costs a wait. */
export function makeLoops(heap: Heap, loops: readonly Loop[]): void {
  const known = knownOn(heap);
  const missing = new Map(loops.map((loop) => [keyOf(loop), loop]));
  for (const key of known.keys()) missing.delete(key);
  let batch: [key: string, code: Code][] = [];
  let bytes = 0;
  const finish = () => {
    if (batch.length === 0) return;
    const made = assembled(heap, Object.fromEntries(batch.map(([, code], i) => [`f${i}`, code])));
    batch.forEach(([key], i) => {
      known.set(key, made[`f${i}`] as RunLoop);
    });
    batch = [];
    bytes = 0;
  };
  for (const [key, loop] of missing) {
    const code = codeOf(loop);
    const size = code.body.length + 2 * code.locals.length + 40;
    if (bytes + size > MOST_BYTES) finish();
    batch.push([key, code]);
    bytes += size;
  }
  finish();
}

function knownOn(heap: Heap): Map<string, RunLoop> {
  const known = ofHeaps.get(heap) ?? new Map<string, RunLoop>();
  ofHeaps.set(heap, known);
  return known;
}

const keyOf = ({ into, patterns, expression }: Loop) =>
  `${into} ${patterns.join()} ${wordOf(expression)}`;
