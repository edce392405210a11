import {
  beginAt,
  DIVERGENCE,
  type Iterate,
  type IterativeMethod,
  type LinearSystem,
  type StoppingRule,
} from './method';
import type { DeferredSolution, SolverStatus } from './solver';

/**
 * Runs a method for all its iterations without reading a number.
 *
 * A mask on the device says whether the iterate is still being improved. Once it is solved, or the
 * next one has met non-positive curvature or has blown up, every further step is computed and not
 * taken.
 */
export function iterateMasked<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  { tolerance, maxIterations }: StoppingRule,
  start: V | undefined,
): DeferredSolution<V> {
  const { space, b } = system;
  const s = space.scalars;

  const { value, facts } = space.tidy(() => {
    let current = beginAt(system, method, start);
    const bb = space.dot(b, b);
    const goal = s.multiply(s.of(tolerance ** 2), bb);
    const limit = s.multiply(s.of(DIVERGENCE ** 2), s.add(bb, current.residual));
    let active = s.less(goal, current.residual);
    let iterations = s.of(0);
    let curvature = s.of(1);
    for (let k = 0; k < maxIterations; k++) {
      const step = space.tidy(() => {
        const next = method.advance(system, current);
        const sound = s.and(s.less(s.of(0), next.curvature), s.less(next.residual, limit));
        const taken = s.and(active, sound);
        return {
          current: choose(space, taken, next, current),
          iterations: s.add(iterations, taken),
          curvature: s.select(active, next.curvature, curvature),
          active: s.and(taken, s.less(goal, next.residual)),
        };
      });
      space.free([current, iterations, curvature, active], step);
      ({ current, iterations, curvature, active } = step);
    }
    return { value: current.x, facts: [iterations, current.residual, goal, curvature] };
  });

  space.keep(facts);
  return {
    value,
    async report() {
      const [iterations, residual, goal, curvature] = (await space.read(facts)) as [
        number,
        number,
        number,
        number,
      ];
      space.free(facts);
      const status = statusOf(residual <= goal, iterations >= maxIterations, curvature);
      return { iterations, residualNorm: Math.sqrt(residual), status };
    },
    dispose: () => space.free(facts),
  };
}

function statusOf(solved: boolean, usedUp: boolean, curvature: number): SolverStatus {
  if (solved) return 'converged';
  if (usedUp) return 'max-iterations';
  return curvature <= 0 ? 'negative-curvature' : 'diverged';
}

/** One iterate or the other, part by part. */
function choose<V, S>(
  space: LinearSystem<V, S>['space'],
  mask: S,
  a: Iterate<V, S>,
  b: Iterate<V, S>,
): Iterate<V, S> {
  const scalar = (one: S, other: S) => space.scalars.select(mask, one, other);
  return {
    x: space.select(mask, a.x, b.x),
    residual: scalar(a.residual, b.residual),
    curvature: scalar(a.curvature, b.curvature),
    vectors: mapRecord(a.vectors, (value, name) => space.select(mask, value, b.vectors[name]!)),
    scalars: mapRecord(a.scalars, (value, name) => scalar(value, b.scalars[name]!)),
  };
}

function mapRecord<T>(record: Record<string, T>, f: (value: T, name: string) => T) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));
}
