import type { Flat, FlatLoss } from '../autodiff';
import {
  type Iteration,
  repetitions,
  type State,
  stepAdjoints,
  stepUpdates,
  type TracedStep,
  traceStep,
} from '../methods';

/** Steps to take: the largest number, how many came before, and the norm of the gradient that ends them. */
export interface Stretch {
  from: number;
  count: number;
  enough: number;
}

/** See `FlatProblem`. */
export function descend(
  loss: FlatLoss,
  λ: Flat,
  iteration: Iteration,
  state: State<Flat>,
  { from, count, enough }: Stretch,
): number {
  const [names, vectors] = [Object.keys(state), Object.values(state)];
  // What is changed in place must not be something else too.
  if (new Set(vectors).size < vectors.length) return 0;
  const first = traceStep(iteration, from + 1, names);
  const updates = first && stepUpdates(first, names);
  if (first === undefined || updates === undefined) return 0;
  const numbers = numbersOf(iteration, names, first, { from, count });
  return loss.descend(updates, vectors, λ, { numbers, enough });
}

/** Steps that can be walked back; see `FlatProblem`. */
export interface RecordedStretch {
  readonly count: number;
  /** The state after them, the caller's. */
  readonly next: State<Flat>;
  /**
   * From the adjoint of the state after the steps and a total in λ, the adjoint of the state before and
   * the total with what they add; the caller's. A vector that is missing counts as zero.
   */
  pull(adjoint: Partial<State<Flat>>, total: Flat): { state: Partial<State<Flat>>; total: Flat };
  dispose(): void;
}

/** See `FlatProblem`. */
export function recordStretch(
  loss: FlatLoss,
  λ: Flat,
  iteration: Iteration,
  state: State<Flat>,
  { from, count }: Omit<Stretch, 'enough'>,
): RecordedStretch | undefined {
  const [names, vectors] = [Object.keys(state), Object.values(state)];
  const first = traceStep(iteration, from + 1, names);
  const updates = first && stepAdjoints(first, names);
  if (first === undefined || updates === undefined) return undefined;
  const numbers = numbersOf(iteration, names, first, { from, count });
  const steps = loss.record(updates, vectors, λ, numbers);
  if (steps === undefined) return undefined;
  const named = (values: readonly Flat[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!])) as State<Flat>;
  return {
    count: steps.count,
    next: named(steps.next),
    pull(adjoint, before) {
      const { adjoints, total } = steps.pull(
        names.map((name) => adjoint[name]),
        before,
      );
      return { state: named(adjoints), total };
    },
    dispose: () => steps.dispose(),
  };
}

/** The numbers of a step and of those after it that are alike. */
function numbersOf(
  iteration: Iteration,
  names: readonly string[],
  first: TracedStep,
  { from, count }: Omit<Stretch, 'enough'>,
): number[] {
  const numbers = [...first.numbers];
  const repeats = repetitions(iteration, names, first, numbers);
  for (let t = from + 2; t <= from + count && canRepeat(repeats, t); t++);
  return numbers;
}

/** A step that has no numbers throws when it is taken: it may not come to that. */
function canRepeat(repeats: (t: number) => boolean, t: number): boolean {
  try {
    return repeats(t);
  } catch {
    return false;
  }
}
