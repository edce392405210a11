import { Portions } from '../event-loop';
import { growthOf } from './accept';
import type { Control } from './control';
import { hasFallback, type IterativeMethod, type LinearSystem, lastIsBest } from './method';

/**
 * The `leap` of a control that reads numbers: as many iterations in one call as some milliseconds allow.
 * It takes none if the next one cannot be taken. Undefined if the operator does not offer it.
 */
export function leapOf<V, S>(
  { space, A }: LinearSystem<V, S>,
  { advanceMany, contracts }: IterativeMethod,
): Control<V, S, number>['leap'] {
  if (A.loops === undefined || advanceMany === undefined) return undefined;
  const portions = A.loops.portions ?? new Portions();
  const growth = contracts ? growthOf(space) : Number.POSITIVE_INFINITY;
  return function* leap(state) {
    const { system, method, current, best, fallback, goal, limit, maxIterations } = state;
    const keepsNearest = hasFallback(system, method);
    // A method whose last iterate is not the best keeps one of least residual already.
    if (keepsNearest && (!lastIsBest(method) || method.contracts || fallback === undefined)) {
      return false;
    }
    const least = keepsNearest ? fallback!.residual : state.least;
    const scalars = { ...current.scalars, residual: current.residual };
    const values = yield Object.values(scalars);
    const numbers = Object.fromEntries(Object.keys(scalars).map((name, i) => [name, values[i]!]));
    const keepsBest = !lastIsBest(method);
    yield* prepared(A);
    const began = performance.now();
    const done = advanceMany(system, current, numbers, {
      count: portions.next(maxIterations - state.computed),
      goal,
      limit,
      growth,
      least,
      best: best.residual,
      keepsBest,
      keepsNearest,
    });
    if (done === undefined) return false;
    const { next, best: better, nearest, report } = done;
    if (report.taken === 0) {
      space.free([next, better, nearest]);
      return false;
    }
    portions.took(report.taken, performance.now() - began);
    state.computed += report.taken;
    state.iterations += report.taken;
    state.current = next;
    if (!keepsNearest) state.least = report.least;
    else if (report.least < least) state.fallback = { x: nearest!, residual: report.least };
    if (!keepsBest) state.best = { x: next.x, residual: report.residual };
    else if (report.best < best.residual) state.best = { x: better!, residual: report.best };
    state.active = goal < state.best.residual ? 1 : 0;
    space.free(
      [current, best, better, fallback, nearest],
      [state.current, state.best, state.fallback],
    );
    return true;
  };
}

/** Makes what the iterations need; others have their turns in between. */
function* prepared<V, S>({
  loops,
}: LinearSystem<V, S>['A']): Generator<readonly S[], void, number[]> {
  const work = loops?.prepare?.();
  if (work === undefined) return;
  for (;;) {
    if (work.next().done) return;
    try {
      yield [];
    } catch (error) {
      // The solve is broken off.
      work.throw(error);
      throw error;
    }
  }
}
