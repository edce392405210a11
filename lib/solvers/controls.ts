import { float64, type Space } from '../spaces';
import type { Control } from './control';
import { leapOf } from './leap';
import type { IterativeMethod, LinearSystem } from './method';
import type { SolverTrace } from './trace';

/** Reads two numbers per iteration, and ends with the one that decides. */
export function byNumbers<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  trace: SolverTrace | undefined,
): Control<V, S, number> {
  const { space } = system;
  // An iteration that is traced is done by itself.
  const leap = trace === undefined ? leapOf(system, method) : undefined;
  return {
    scalars: float64.scalars,
    *known(values) {
      return yield values;
    },
    select: (mask, x, y) => (mask === 1 ? x : y),
    isKnownZero: (mask) => mask === 0,
    hold: (make) => space.keep(space.tidy(make)),
    ...(leap && { leap }),
    ...(trace && {
      taken({ iterations: iteration, curvature }, residual) {
        trace({ iteration, residualNorm: Math.sqrt(residual), curvature });
      },
    }),
  };
}

/** Reads nothing: every iteration is computed, also those that are not taken. A `tidy` is around it. */
export function byMasks<V, S>(space: Space<V, S>): Control<V, S, S> {
  return {
    scalars: space.scalars,
    // biome-ignore lint/correctness/useYield: nothing is asked
    *known(values) {
      return values;
    },
    select: (mask, x, y) => space.select(mask, x, y),
    isKnownZero: () => false,
    hold: (make) => space.tidy(make),
  };
}
