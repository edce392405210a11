import type { Arithmetic } from './arithmetic';
import { numberOf } from './learned';
import type { Iteration, State } from './method';

/** One operation of a step: its operands by their places, and where its numbers begin. */
export interface TracedOperation {
  kind: 'combine' | 'multiply' | 'divide' | 'sqrt' | 'shift';
  of: readonly number[];
  numbers: number;
}

/**
 * A step of a method, taken apart: vectors are places. The vectors of the state come first, in their
 * order; then the gradient and what operations compute, as they come.
 */
export interface TracedStep {
  operations: ReadonlyMap<number, TracedOperation>;
  /** The coefficients of this step, in order. */
  numbers: readonly number[];
  /** Where the gradient is taken, and its own place. */
  point: number;
  gradient: number;
  /** The next state, by the names of its vectors. */
  next: Readonly<Record<string, number>>;
  /** The same for steps that differ in their numbers alone. */
  word: string;
}

/**
 * @param names of the vectors of the state
 * @returns undefined for a step that asks for no gradient or more than one
 */
export function traceStep(
  iteration: Iteration,
  t: number,
  names: readonly string[],
): TracedStep | undefined {
  const operations = new Map<number, TracedOperation>();
  const numbers: number[] = [];
  let place = names.length;
  let word = `${names}`;
  let asked = 0;
  let [point, gradient] = [0, 0];
  const put = (kind: TracedOperation['kind'], of: readonly number[], given: readonly number[]) => {
    operations.set(place, { kind, of, numbers: numbers.length });
    numbers.push(...given);
    word += `;${kind} ${of}`;
    return place++;
  };
  const arithmetic: Arithmetic<number> = {
    combine: (terms) =>
      put(
        'combine',
        terms.map(([, x]) => x),
        terms.map(([a]) => numberOf(a)),
      ),
    multiply: (x, y) => put('multiply', [x, y], []),
    divide: (x, y) => put('divide', [x, y], []),
    sqrt: (x) => put('sqrt', [x], []),
    shift: (x, c) => put('shift', [x], [numberOf(c)]),
  };
  const state = Object.fromEntries(names.map((name, i) => [name, i])) as State<number>;
  const next = iteration.step(
    t,
    state,
    (x) => {
      asked++;
      point = x;
      gradient = place++;
      word += `;gradient ${x}`;
      return gradient;
    },
    arithmetic,
  );
  if (asked !== 1) return undefined;
  word += `;${Object.entries(next)}`;
  return { operations, numbers, point, gradient, next, word };
}
