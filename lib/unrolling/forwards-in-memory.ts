import { type Arithmetic, type Iteration, numberOf, type State } from '../methods';
import { affineBlocksOf, type SolvedProblem } from '../problems';
import { blockArithmetic } from './block-arithmetic';

/** What runs, from where its tangents are carried along. */
interface Run {
  /** Of a method of the library. */
  iteration: Iteration;
  problem: SolvedProblem;
  steps: number;
  from: number;
}

type Blocks = NonNullable<ReturnType<typeof affineBlocksOf>>;

/** So many numbers of results are one array: one for each step takes longer than the step's sums. */
const NUMBERS = 2 ** 16;

/**
 * Iterates and Jacobians of a method on a quadratic, by blocks that stay in WebAssembly's memory from the
 * first step to the last: to the last bit those that `float64` vectors give.
 *
 * @returns undefined for a problem that is none, or of a size that it is not worth for
 */
export function forwardsInMemory({ iteration, problem, steps, from }: Run) {
  const blocks = affineBlocksOf(problem);
  if (blocks === undefined) return undefined;
  const { start } = problem;
  const { stride, length } = blocks;
  const n = start.x.length;
  const slots = slotsOf(blocks);
  blocks.start();
  const begin = slots.take();
  const first = blocks.numbers(begin).fill(0);
  first.set(start.x);
  if (from === 0)
    for (const [j, part] of start.jacobian.entries()) first.set(part, stride * (1 + j));

  const found = trajectoryOf(steps + 1, length);
  let state: State<number> = iteration.begin(begin);
  found.add(blocks.numbers(state.x));
  const arithmetic = arithmeticIn(blocks, slots.take);
  for (let t = 1; t <= steps; t++) {
    const gradient = (x: number) => {
      const out = slots.take();
      blocks.gradient(x, out, t > from ? 'moved' : 'zero');
      return out;
    };
    state = iteration.step(t, state, gradient, arithmetic);
    slots.keepOnly(state);
    found.add(blocks.numbers(state.x));
  }
  return {
    iterates: found.all.map((block) => block.subarray(0, n)),
    jacobians: found.all.map((block) => tangentsIn(block, n, stride)),
  };
}

function tangentsIn(block: Float64Array, n: number, stride: number): Float64Array[] {
  const tangents: Float64Array[] = [];
  for (let at = stride; at < block.length; at += stride) tangents.push(block.subarray(at, at + n));
  return tangents;
}

/** Which blocks are free. */
function slotsOf({ capacity }: Blocks) {
  const all = Array.from({ length: capacity }, (_, i) => i);
  let free = [...all];
  return {
    take(): number {
      return free.pop()!;
    },
    /** What is not in the state is free again. */
    keepOnly(state: State<number>): void {
      const kept = Object.values(state);
      free = all.filter((slot) => !kept.includes(slot));
    },
  };
}

/** Copies of blocks, many in one array each. */
function trajectoryOf(count: number, length: number) {
  const all: Float64Array[] = [];
  const together = Math.max(1, Math.floor(NUMBERS / length));
  let array = new Float64Array(0);
  return {
    all,
    add(block: Float64Array): void {
      const place = all.length % together;
      if (place === 0) array = new Float64Array(length * Math.min(together, count - all.length));
      array.set(block, place * length);
      all.push(array.subarray(place * length, (place + 1) * length));
    },
  };
}

/** The arithmetic of blocks by their numbers: sums where they are, the rest, of no quadratic method, on copies. */
function arithmeticIn(blocks: Blocks, take: () => number): Arithmetic<number> {
  const { multiply, divide, sqrt, shift } = blockArithmetic(blocks.stride);
  const put = (block: Float64Array) => {
    const slot = take();
    blocks.numbers(slot).set(block);
    return slot;
  };
  const numbers = (block: number) => blocks.numbers(block);
  return {
    combine(terms) {
      const out = take();
      blocks.combine(
        out,
        terms.map(([a]) => numberOf(a)),
        terms.map(([, x]) => x),
      );
      return out;
    },
    multiply: (x, y) => put(multiply(numbers(x), numbers(y))),
    divide: (x, y) => put(divide(numbers(x), numbers(y))),
    sqrt: (x) => put(sqrt(numbers(x))),
    shift: (x, c) => put(shift(numbers(x), c)),
  };
}
