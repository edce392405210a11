import type { Flat, FlatLoss } from '../autodiff';
import { type Iteration, repetitions, type State, stepUpdates, traceStep } from '../methods';

/** Steps to take: how many at most after so many others, and what norm of the gradient ends them. */
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
  const numbers = [...first.numbers];
  const repeats = repetitions(iteration, names, first, numbers);
  for (let t = from + 2; t <= from + count && canRepeat(repeats, t); t++);
  return loss.descend(updates, vectors, λ, { numbers, enough });
}

/** A step that has no numbers throws when it is taken: it may not come to that. */
function canRepeat(repeats: (t: number) => boolean, t: number): boolean {
  try {
    return repeats(t);
  } catch {
    return false;
  }
}
