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
}

/**
 * @param names of the vectors of the state
 * @returns undefined for a step that uses no gradient or more than one
 */
export function traceStep(
  iteration: Iteration,
  t: number,
  names: readonly string[],
): TracedStep | undefined {
  const operations = new Map<number, TracedOperation>();
  const numbers: number[] = [];
  let place = names.length;
  let asked = 0;
  let [point, gradient] = [0, 0];
  const put = (kind: TracedOperation['kind'], of: readonly number[], given: readonly number[]) => {
    operations.set(place, { kind, of, numbers: numbers.length });
    numbers.push(...given);
    return place++;
  };
  const next = iteration.step(
    t,
    placesOf(names),
    (x) => {
      asked++;
      point = x;
      gradient = place++;
      return gradient;
    },
    {
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
    },
  );
  return asked === 1 ? { operations, numbers, point, gradient, next } : undefined;
}

const placesOf = (names: readonly string[]) =>
  Object.fromEntries(names.map((name, i) => [name, i])) as State<number>;

/**
 * Adds the numbers of later steps to those of a first one, as long as the steps differ in nothing else.
 *
 * It is asked for thousands of steps: nothing is built again.
 *
 * @returns whether step t, the next one, was such a step
 */
export function repetitions(
  iteration: Iteration,
  names: readonly string[],
  first: TracedStep,
  numbers: number[],
): (t: number) => boolean {
  const state = placesOf(names);
  const wanted = Object.keys(first.next).length;
  let place = 0;
  let same = true;
  const follows = (kind: TracedOperation['kind'], x: number, y: number | undefined) => {
    const operation = first.operations.get(place);
    same &&= operation?.kind === kind && operation.of[0] === x && operation.of[1] === y;
    return place++;
  };
  const arithmetic: Arithmetic<number> = {
    combine(terms) {
      const operation = first.operations.get(place);
      same &&= operation?.kind === 'combine' && operation.of.length === terms.length;
      for (let i = 0; i < terms.length; i++) {
        const [a, x] = terms[i]!;
        same &&= operation?.of[i] === x;
        numbers.push(numberOf(a));
      }
      return place++;
    },
    multiply: (x, y) => follows('multiply', x, y),
    divide: (x, y) => follows('divide', x, y),
    sqrt: (x) => follows('sqrt', x, undefined),
    shift(x, c) {
      numbers.push(numberOf(c));
      return follows('shift', x, undefined);
    },
  };
  const gradient = (x: number) => {
    same &&= place === first.gradient && x === first.point;
    return place++;
  };
  return (t) => {
    const before = numbers.length;
    place = names.length;
    same = true;
    const next = iteration.step(t, state, gradient, arithmetic);
    let found = 0;
    for (const name in next) {
      found++;
      same &&= next[name] === first.next[name];
    }
    same &&= found === wanted && numbers.length - before === first.numbers.length;
    same &&= place === names.length + first.operations.size + 1;
    if (!same) numbers.length = before;
    return same;
  };
}
