import { type Arithmetic, type Iteration, numberOf, type State, traceStep } from '../methods';
import { affineBlocksOf, type SolvedProblem } from '../problems';

/** What runs, from where its tangents are carried along. */
interface Run {
  /** Of a method of the library. */
  iteration: Iteration;
  problem: SolvedProblem;
  steps: number;
  from: number;
}

type Blocks = NonNullable<ReturnType<typeof affineBlocksOf>>;
type Places = Blocks['values'];

/** So many numbers of results are one array: one for each step takes longer than the step's sums. */
const NUMBERS = 2 ** 16;

/**
 * Iterates and Jacobians of a linear method on a quadratic, by vectors that stay in WebAssembly's memory
 * from the first step to the last: to the last bit those that `float64` vectors give.
 *
 * @returns undefined for another method or problem, or one of a size that it is not worth for
 */
export function forwardsInMemory({ iteration, problem, steps, from }: Run) {
  const blocks = isLinear(iteration) ? affineBlocksOf(problem) : undefined;
  if (blocks === undefined) return undefined;
  const { x, jacobian } = problem.start;
  const { stride, together } = blocks;
  blocks.start();
  const values = lane(blocks.values, iteration, steps, together);
  values.put((first) => first.set(x));
  const tangents = lane(blocks.tangents, iteration, steps, together);
  tangents.put((first) => {
    if (from === 0) for (const [j, part] of jacobian.entries()) first.set(part, stride * j);
  });
  for (let done = 0; done < steps; done += together) {
    const count = Math.min(together, steps - done);
    for (let k = 0; k < count; k++) {
      values.step(done + k + 1, (point) => {
        const out = values.take();
        blocks.gradient(point, out, k);
        return out;
      });
    }
    // Up to there the gradient has no tangents, and all are 0.
    const still = Math.min(count, Math.max(0, from - done));
    blocks.derivatives(still, count);
    for (let k = 0; k < count; k++) {
      tangents.step(done + k + 1, (point) => {
        if (k < still) blocks.tangents.numbers(k).fill(0);
        else blocks.addTangents(point, k);
        return k;
      });
    }
  }
  return {
    iterates: values.found.map((numbers) => numbers.subarray(0, x.length)),
    jacobians: tangents.found.map((numbers) => columnsIn(numbers, x.length, stride)),
  };
}

/** Whether a step does nothing but add vectors up, and the next state has no gradient in it. */
function isLinear(iteration: Iteration): boolean {
  const names = Object.keys(iteration.begin(0));
  const step = traceStep(iteration, 1, names);
  if (step === undefined || Object.values(step.next).includes(step.gradient)) return false;
  return [...step.operations.values()].every(({ kind }) => kind === 'combine');
}

/** A state of places and the x that it has had; the first `reserved` places are not for it. */
function lane(places: Places, iteration: Iteration, steps: number, reserved: number) {
  const all = Array.from({ length: places.count - reserved }, (_, i) => reserved + i);
  let free = [...all];
  const take = () => free.pop()!;
  const { found, add } = copies(steps + 1, places.length);
  const arithmetic = sums(places, take);
  let state: State<number>;
  const arrive = (next: State<number>) => {
    state = next;
    const kept = Object.values(next);
    free = all.filter((place) => !kept.includes(place));
    add(places.numbers(next.x));
  };
  return {
    found,
    take,
    put(fill: (first: Float64Array) => void): void {
      const begin = take();
      fill(places.numbers(begin).fill(0));
      arrive(iteration.begin(begin));
    },
    step(t: number, gradient: (x: number) => number): void {
      arrive(iteration.step(t, state, gradient, arithmetic));
    },
  };
}

/** The arithmetic of places that a linear step needs. */
function sums(places: Places, take: () => number): Arithmetic<number> {
  const notLinear = (): never => {
    throw new TypeError('A step that was linear does more than add up.');
  };
  return {
    combine(terms) {
      const out = take();
      places.combine(
        out,
        terms.map(([a]) => numberOf(a)),
        terms.map(([, x]) => x),
      );
      return out;
    },
    multiply: notLinear,
    divide: notLinear,
    sqrt: notLinear,
    shift: notLinear,
  };
}

/** Copies of places, many in one array each. */
function copies(count: number, length: number) {
  const found: Float64Array[] = [];
  const together = Math.max(1, Math.floor(NUMBERS / length));
  let array = new Float64Array(0);
  const add = (numbers: Float64Array) => {
    const at = found.length % together;
    if (at === 0) array = new Float64Array(length * Math.min(together, count - found.length));
    array.set(numbers, at * length);
    found.push(array.subarray(at * length, (at + 1) * length));
  };
  return { found, add };
}

function columnsIn(numbers: Float64Array, n: number, stride: number): Float64Array[] {
  const columns: Float64Array[] = [];
  for (let at = 0; at < numbers.length; at += stride) columns.push(numbers.subarray(at, at + n));
  return columns;
}
