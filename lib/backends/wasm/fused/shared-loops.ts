import type { Heap } from '../kernels/heap';
import { LEAST_ROWS, LEAST_WORK, UNIT } from '../threads/limits';
import { type Argument, isShared, runInShares } from '../threads/pool';
import type { Expression } from './expression';
import type { Loop, Pattern } from './loop';
import { loopOn, type RunLoop } from './loops';

/**
 * The function of a loop over rows and columns, on all threads where that is faster. Sums that would go
 * across shares are left to one thread: they would be rounded otherwise.
 */
export function sharedLoopOn(heap: Heap, loop: Loop, rows: number, columns: number): RunLoop {
  const run = loopOn(heap, loop);
  if (!isShared(heap) || rows * columns * costOf(loop.expression) < LEAST_WORK) return run;
  if (loop.into === 'sum' || loop.into === 'column sums') return run;
  if (rows >= LEAST_ROWS) return inShares(heap, loop, run, byRows);
  return rows === 1 && loop.into === 'places' ? inShares(heap, loop, run, byColumns) : run;
}

/** How a loop over rows of so many bytes is divided: how far addresses are moved on with each part. */
interface Division {
  count: number;
  sizes: readonly [rows: Argument, columns: Argument];
  steps: Record<Pattern, number>;
}

const byRows = (rows: number, columns: number): Division => ({
  count: rows,
  sizes: [
    [0, 0, 1],
    [columns, 0, 0],
  ],
  steps: { place: columns, row: 4, column: 0, all: 0 },
});

const byColumns = (rows: number, columns: number): Division => ({
  count: columns / 4,
  sizes: [
    [rows, 0, 0],
    [0, 0, 4],
  ],
  steps: { place: 4, row: 0, column: 4, all: 0 },
});

function inShares(
  heap: Heap,
  { into, patterns }: Loop,
  run: RunLoop,
  divide: (rows: number, columns: number) => Division,
): RunLoop {
  const goal: Pattern = into === 'places' ? 'place' : 'row';
  const patternOf = (i: number): Pattern => patterns[i]!;
  return (out, rows, columns, ...inputs) => {
    const bytes = { place: rows * columns, row: 4 * rows, column: columns, all: 4 };
    // A share must not write what another reads.
    const areApart = inputs.every((from, i) => {
      const isOwn = from === out && patternOf(i) === goal;
      return isOwn || from >= out + bytes[goal] || out >= from + bytes[patternOf(i)];
    });
    if (!areApart) return run(out, rows, columns, ...inputs);
    const { count, sizes, steps } = divide(rows, columns);
    const addresses = inputs.map((from, i): Argument => [from, steps[patternOf(i)], 0]);
    runInShares(heap, {
      run: run as (...values: number[]) => void,
      count,
      work: LEAST_WORK,
      unit: UNIT,
      arguments: [[out, steps[goal], 0], ...sizes, ...addresses],
    });
  };
}

/** About how long a function of four numbers takes, in the time of an addition in memory. */
const COSTS: Readonly<Record<string, number>> = {
  ...{ exponential: 5, logarithm: 6, sigmoid: 6, tanh: 6, softplus: 12, root: 2, divide: 2 },
};

/** About how long the entry of an expression takes: what it reads and writes counts as one addition. */
function costOf(expression: Expression): number {
  const seen = new Set<Expression>();
  let cost = 1;
  const visit = (each: Expression): void => {
    if (each.kind !== 'apply' || seen.has(each)) return;
    seen.add(each);
    cost += COSTS[each.name] ?? 0.25;
    each.of.forEach(visit);
  };
  visit(expression);
  return cost;
}
