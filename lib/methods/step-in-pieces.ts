import type { Space } from '../spaces';
import type { Arithmetic } from './arithmetic';
import { type Iteration, mapState, type State } from './method';
import { compute, listStep, type StepList } from './step-list';

/** How the vectors of a step are computed and kept. */
export interface StepMemory<V> {
  space: Pick<Space<never, unknown>, 'tidy' | 'keep' | 'free'>;
  arithmetic: Arithmetic<V>;
}

/** Work that can be left at each `yield`, or asks there for the gradient at a point: for an `A`. */
export type Stepping<V, T, A = V> = Generator<V | undefined, T, A | undefined>;

/**
 * The vectors at all places of a step; those not of the state are kept, and the caller's.
 *
 * @param gradientOf takes the gradient out of what is answered
 */
export function* vectorsOfStep<V, A>(
  { names, operations }: StepList,
  state: State<V>,
  { space, arithmetic }: StepMemory<V>,
  gradientOf: (answer: A) => V,
): Stepping<V, V[], A> {
  const vectors: V[] = names.map((name) => state[name]!);
  try {
    for (const operation of operations) {
      if (operation.kind === 'gradient') {
        const answer = yield vectors[operation.of[0]];
        vectors.push(gradientOf(answer as A));
        continue;
      }
      vectors.push(space.tidy(() => space.keep(compute(operation, vectors, arithmetic))));
      yield undefined;
    }
    return vectors;
  } catch (error) {
    space.free(vectors, state);
    throw error;
  }
}

/**
 * Step t, left after each operation; the next state is kept, and the caller's. What is asked for is to be
 * kept, and becomes this step's.
 */
export function* stepInPieces<V>(
  iteration: Iteration,
  t: number,
  state: State<V>,
  memory: StepMemory<V>,
): Stepping<V, State<V>> {
  const list = listStep(iteration, t, state);
  const vectors = yield* vectorsOfStep(list, state, memory, (gradient: V) => gradient);
  const next = mapState(list.next, (place) => vectors[place]!);
  memory.space.free(vectors, [state, next]);
  return next;
}
