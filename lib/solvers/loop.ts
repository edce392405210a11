import { NotFiniteError } from '../errors';
import {
  beginAt,
  DIVERGENCE,
  type Iterate,
  type IterativeMethod,
  type LinearSystem,
  type StoppingRule,
} from './method';
import type { Solution, SolverStatus } from './solver';

/** Rounding may leave `b − A x` this many times above a tolerance that the recurrence has met. */
const SLACK = 2;

/**
 * Runs a method until the rule, or trouble, stops it.
 *
 * A generator: it yields the scalars whose numbers it wants to know and is sent the numbers, so
 * that whoever drives it decides whether to wait for them. The value it returns is kept; all else
 * is freed, also when an operator throws.
 */
export function* iterate<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  { tolerance, maxIterations }: StoppingRule,
  start: V | undefined,
): Generator<readonly S[], Solution<V>, number[]> {
  const { space, b } = system;
  const hold = <T>(make: () => T): T => space.keep(space.tidy(make));

  let current: Iterate<V, S> | undefined;
  let best: { x: V; residual: number } | undefined;
  let result: Solution<V> | undefined;
  try {
    current = hold(() => beginAt(system, method, start));
    const bb = hold(() => space.dot(b, b));
    const [bSquared, first] = (yield [bb, current.residual]) as [number, number];
    space.free(bb);
    if (!Number.isFinite(bSquared)) throw notFinite('a right-hand side b', bSquared);
    if (!Number.isFinite(first)) throw notFinite('a start whose residual b − A x', first);
    if (bSquared === 0) {
      const value = hold(() => space.zeros(b));
      result = { value, iterations: 0, residualNorm: 0, status: 'converged' };
      return result;
    }

    best = { x: current.x, residual: first };
    const goal = tolerance ** 2 * bSquared;
    const limit = DIVERGENCE ** 2 * Math.max(bSquared, first);
    // Recurrences drift from the truth by rounding: below √ε only b − A x itself is trusted.
    const verifies = tolerance < Math.sqrt(space.epsilon);
    let truth = first;
    let iterations = 0;
    let status: SolverStatus | undefined;

    while (status === undefined) {
      if (best.residual > goal && iterations < maxIterations) {
        const from = current;
        const next = hold(() => method.advance(system, from));
        const [residual, curvature] = (yield [next.residual, next.curvature]) as [number, number];
        if (curvature > 0 && residual < limit) {
          iterations += 1;
          space.free(current, [next, best]);
          current = next;
          if (residual < best.residual) {
            space.free(best, current);
            best = { x: current.x, residual };
          }
          continue;
        }
        status = curvature <= 0 ? 'negative-curvature' : 'diverged';
        space.free(next, [current, best]);
      }
      if (verifies && iterations > 0) {
        const { x } = best;
        const fresh = hold(() => beginAt(system, method, x));
        space.free([current, best], fresh);
        current = fresh;
        const before = truth;
        [truth] = (yield [fresh.residual]) as [number];
        best = { x: fresh.x, residual: truth };
        // From a residual that fell by half the method goes on; from one that did not, it cannot.
        const stuck = truth > SLACK ** 2 * goal && truth > before / 4;
        if (stuck || iterations >= maxIterations) status ??= 'max-iterations';
        if (truth <= SLACK ** 2 * goal) status = 'converged';
      } else {
        status ??= best.residual <= goal ? 'converged' : 'max-iterations';
      }
    }
    result = { value: best.x, iterations, residualNorm: Math.sqrt(best.residual), status };
    return result;
  } finally {
    space.free([current, best], result);
  }
}

function notFinite(what: string, squared: number) {
  return new NotFiniteError({
    given: `${what} has the squared norm ${squared}`,
    expected: 'finite numbers',
    remedy: 'Look for a NaN, or for numbers whose squares overflow, in what the system is made of.',
  });
}
