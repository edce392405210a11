import type { Arithmetic, Term } from './arithmetic';
import type { Coefficient } from './learned';
import { type Iteration, mapState, type State } from './method';

/** One operation of a step. What it is computed of are places; its own place is behind those before it. */
export type StepOperation =
  | { kind: 'gradient'; of: readonly [number] }
  | { kind: 'combine'; of: readonly number[]; factors: readonly Coefficient[] }
  | { kind: 'multiply' | 'divide'; of: readonly [number, number] }
  | { kind: 'sqrt'; of: readonly [number] }
  | { kind: 'shift'; of: readonly [number]; by: Coefficient };

/**
 * A step written down before anything is computed, so that it can be left between two operations.
 *
 * Places are numbers: the vectors of the state in their order, then the results of the operations.
 */
export interface StepList {
  /** Of the vectors of the state. */
  readonly names: readonly string[];
  readonly operations: readonly StepOperation[];
  /** The places of the next state. */
  readonly next: State<number>;
}

/** Step t of an iteration, on states like the one given. */
export function listStep(iteration: Iteration, t: number, like: State<unknown>): StepList {
  const names = Object.keys(like);
  const operations: StepOperation[] = [];
  // Objects, as all vectors are.
  const put = (operation: StepOperation) => ({
    place: names.length + operations.push(operation) - 1,
  });
  type Place = ReturnType<typeof put>;
  const listing: Arithmetic<Place> = {
    combine: (terms) =>
      put({
        kind: 'combine',
        of: terms.map(([, { place }]) => place),
        factors: terms.map(([a]) => a),
      }),
    multiply: (x, y) => put({ kind: 'multiply', of: [x.place, y.place] }),
    divide: (x, y) => put({ kind: 'divide', of: [x.place, y.place] }),
    sqrt: (x) => put({ kind: 'sqrt', of: [x.place] }),
    shift: (x, by) => put({ kind: 'shift', of: [x.place], by }),
  };
  const state = Object.fromEntries(names.map((name, place) => [name, { place }])) as State<Place>;
  const gradient = (x: Place) => put({ kind: 'gradient', of: [x.place] });
  const next = iteration.step(t, state, gradient, listing);
  return { names, operations, next: mapState(next, ({ place }) => place) };
}

/** Computes an operation but that of the gradient, of the vectors at their places. */
export function compute<V>(
  operation: Exclude<StepOperation, { kind: 'gradient' }>,
  vectors: readonly V[],
  { combine, multiply, divide, sqrt, shift }: Arithmetic<V>,
): V {
  const at = (i: number) => vectors[operation.of[i]!]!;
  switch (operation.kind) {
    case 'combine':
      return combine(operation.factors.map((a, i): Term<V> => [a, at(i)]));
    case 'multiply':
      return multiply(at(0), at(1));
    case 'divide':
      return divide(at(0), at(1));
    case 'sqrt':
      return sqrt(at(0));
    case 'shift':
      return shift(at(0), operation.by);
  }
}
