import { type Heap, memoryOf } from '../kernels/heap';
import { loopsOn, wholeRounds } from '../kernels/vectors';
import { LEAST_WORK } from '../threads/limits';
import { apply, type Expression } from './expression';
import type { Loop, Pattern } from './loop';
import { loopOn, type RunLoop } from './loops';
import { sharedLoopOn } from './shared-loops';

/** What is done with numbers that are stored one after another in the backend's memory; addresses in bytes. */
export interface FlatLoops {
  /** out ← Σ aᵢxᵢ. */
  combine(out: number, size: number, factors: readonly number[], xs: readonly number[]): void;
  /** ⟨x, y⟩, summed in float64 block by block. */
  dot(size: number, x: number, y: number): number;
  multiply(out: number, size: number, x: number, y: number): void;
  /** `xᵢ/yᵢ`, and 0 wherever `yᵢ = 0`. */
  divide(out: number, size: number, x: number, y: number): void;
  sqrt(out: number, size: number, x: number): void;
  shift(out: number, size: number, x: number, by: number): void;
}

const input = (index: number): Expression => ({ kind: 'input', index });

const quotient = apply(
  'choose',
  apply('equal', input(1), { kind: 'number', value: 0 }),
  { kind: 'number', value: 0 },
  apply('divide', input(0), input(1)),
);

/** Below this, no loop here is shared: an entry of any costs at most eight additions. */
const LEAST_FLAT = LEAST_WORK / 8;

/** As many terms go into one loop. */
const MOST_TERMS = 4;

export function flatLoopsOn(heap: Heap): FlatLoops {
  const made = (expression: Expression, patterns: readonly Pattern[]): RunLoop => {
    const loop: Loop = { expression, patterns, into: 'places' };
    const run = loopOn(heap, loop);
    return (out, rows, bytes, ...inputs) => {
      const isSmall = bytes < 4 * LEAST_FLAT;
      const chosen = isSmall ? run : sharedLoopOn(heap, loop, rows, bytes / 4);
      chosen(out, rows, bytes, ...inputs);
    };
  };
  const [product, division, root, sum] = [
    made(apply('multiply', input(0), input(1)), ['place', 'place']),
    made(quotient, ['place', 'place']),
    made(apply('root', input(0)), ['place']),
    made(apply('add', input(0), input(1)), ['place', 'all']),
  ];
  const combinations = Array.from({ length: MOST_TERMS }, (_, i) => combination(made, i + 1));
  const factors = heap.wasm._malloc(4 * MOST_TERMS);
  let numbers = new Float32Array(0);
  const put = (i: number, value: number) => {
    const { buffer } = memoryOf(heap);
    // The buffer is another one after the memory has grown.
    if (numbers.buffer !== buffer) numbers = new Float32Array(buffer, factors, MOST_TERMS);
    numbers[i] = value;
  };
  const { dot } = loopsOn(heap);

  function combine(out: number, size: number, as: readonly number[], xs: readonly number[]): void {
    const count = Math.min(MOST_TERMS, xs.length);
    const places: number[] = [];
    for (let i = 0; i < count; i++) {
      put(i, as[i]!);
      places.push(xs[i]!, factors + 4 * i);
    }
    combinations[count - 1]!(out, 1, 4 * size, ...places);
    if (xs.length <= count) return;
    combine(out, size, [1, ...as.slice(count)], [out, ...xs.slice(count)]);
  }

  return {
    combine,
    dot: (size, x, y) => dot(x, y, x + wholeRounds(4 * size), x + 4 * size),
    multiply: (out, size, x, y) => product(out, 1, 4 * size, x, y),
    divide: (out, size, x, y) => division(out, 1, 4 * size, x, y),
    sqrt: (out, size, x) => root(out, 1, 4 * size, x),
    shift(out, size, x, by) {
      put(0, by);
      sum(out, 1, 4 * size, x, factors);
    },
  };
}

function combination(
  made: (expression: Expression, patterns: readonly Pattern[]) => RunLoop,
  count: number,
): RunLoop {
  const terms = Array.from({ length: count }, (_, i) =>
    apply('multiply', input(2 * i), input(2 * i + 1)),
  );
  return made(
    terms.reduce((a, b) => apply('add', a, b)),
    terms.flatMap((): Pattern[] => ['place', 'all']),
  );
}
