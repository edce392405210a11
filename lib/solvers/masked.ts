import { judge } from './accept';
import {
  advanced,
  beginAt,
  DIVERGENCE,
  energyOf,
  hasFallback,
  type Iterate,
  type IterativeMethod,
  isToVerify,
  type LinearSystem,
  residualAt,
  SLACK,
  type StoppingRule,
} from './method';
import { liftScalar } from './scale';
import type { DeferredSolution, SolverStatus } from './solver';

/**
 * Runs a method for all its iterations without reading a number.
 *
 * A mask on the device is 1 while the iterate is still being improved. Once it is solved, or the
 * next one has met non-positive curvature or has blown up, every further step is computed and not
 * taken. The value is the taken iterate of the smallest residual, or the last one of a method that
 * minimises the energy, unless it is worse than the start.
 */
export function iterateMasked<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  rule: StoppingRule,
  start: V | undefined,
): DeferredSolution<V> {
  const { space } = system;
  const s = space.scalars;
  const { tolerance, maxIterations } = rule;
  if (start !== undefined) space.check(start, system.b, 'the start');

  const { value, facts } = space.tidy(() => {
    const lift = liftScalar(space, space.dot(system.b, system.b));
    // Made again where it is used, which is seldom: it would be one more vector to hold.
    const lifted = {
      ...system,
      get b() {
        return space.scale(lift, system.b);
      },
    };
    const bb = space.tidy(() => {
      const { b } = lifted;
      return space.dot(b, b);
    });
    const goal = s.multiply(s.of(tolerance ** 2), bb);
    const origin =
      start === undefined ? undefined : soundStart(lifted, space.scale(lift, start), bb);
    const begun = space.tidy(() => beginAt(lifted, method, origin));
    const first = s.multiply(s.of(1), begun.residual);
    const limit = s.multiply(s.of(DIVERGENCE ** 2), s.add(bb, first));
    const growth = s.of(1 + Math.sqrt(space.epsilon));

    let state: State<V, S> = {
      current: begun,
      best: { x: begun.x, residual: begun.residual },
      fallback: hasFallback(system, method) ? { x: begun.x, residual: begun.residual } : undefined,
      active: s.less(goal, begun.residual),
      iterations: s.of(0),
      curvature: s.of(1),
      sound: s.of(1),
    };
    for (let k = 0; k < maxIterations; k++) {
      const before = state;
      state = space.tidy(() => {
        const { current, best, fallback, active, iterations } = before;
        // What follows a step that is not taken is computed too, but never taken.
        const next = advanced(lifted, method, current);
        const { sound, taken, better, nearest } = judge(s, method, active, next, {
          limit,
          growth,
          previous: current.residual,
          best: best.residual,
          least: fallback?.residual,
        });
        const x = space.select(better, next.x, best.x);
        if (better === taken && fallback === undefined) space.free(next.x, current.x);
        return {
          current: better === taken ? { ...next, x } : next,
          best: { x, residual: s.select(better, next.residual, best.residual) },
          fallback:
            fallback === undefined || nearest === undefined
              ? undefined
              : {
                  x: space.select(nearest, next.x, fallback.x),
                  residual: s.select(nearest, next.residual, fallback.residual),
                },
          active: s.and(taken, s.less(goal, next.residual)),
          iterations: s.add(iterations, taken),
          curvature: s.select(active, next.curvature, before.curvature),
          sound: s.select(active, sound, before.sound),
        };
      });
      space.free(before, state);
    }

    const { iterations, curvature } = state;
    const best = chosen(space, state, method);
    space.free([state.current, state.best, state.fallback], best);
    if (!isToVerify(rule, true)) {
      const claimed = s.select(s.less(goal, best.residual), s.of(0), s.of(1));
      if (origin) space.free(origin, best.x);
      return {
        value: space.scale(s.divide(s.of(1), lift), best.x),
        facts: [iterations, claimed, curvature, best.residual, goal, lift],
      };
    }
    const energyAtStart = () =>
      origin === undefined ? s.of(0) : energyOf(lifted, origin, residualAt(lifted, origin));
    const lower = (r: V) => space.tidy(() => s.less(energyOf(lifted, best.x, r), energyAtStart()));
    const r = space.tidy(() => residualAt(lifted, best.x));
    const truth = space.dot(r, r);
    const closer = s.less(truth, s.multiply(growth, first));
    const whole = () => s.and(state.sound, s.less(truth, s.of(Number.POSITIVE_INFINITY)));
    const gained = method.minimisesEnergy
      ? either(space, closer, lower(r))
      : method.sums
        ? either(space, closer, whole())
        : closer;
    const zero = origin ?? space.zeros(r);
    space.free(r);
    const claimed = s.select(s.less(goal, best.residual), s.of(0), s.of(1));
    const x = space.select(gained, best.x, zero);
    space.free([best.x, zero], x);
    return {
      value: space.scale(s.divide(s.of(1), lift), x),
      facts: [iterations, claimed, curvature, s.select(gained, truth, first), goal, lift],
    };
  });

  space.keep(facts);
  return {
    value,
    async report() {
      const [iterations, claimed, curvature, truth, goal, lift] = await space.read(facts);
      space.free(facts);
      const usedUp = claimed === 1 || iterations! >= maxIterations;
      const status = statusOf(truth! <= SLACK ** 2 * goal!, usedUp, curvature!);
      return { iterations: iterations!, residualNorm: Math.sqrt(truth!) / lift!, status };
    },
    dispose: () => space.free(facts),
  };
}

/** What a step starts from and leaves behind, all of it on the device. */
interface State<V, S> {
  current: Iterate<V, S>;
  best: { x: V; residual: S };
  /** The one of least residual: the result where an operator falls below its floor, or a sum diverges. */
  fallback: { x: V; residual: S } | undefined;
  /** The mask of whether steps are still taken. */
  active: S;
  iterations: S;
  curvature: S;
  /** The mask of whether the last step looked at could be taken. */
  sound: S;
}

/** The start, or zero where the solution is zero or the start has no finite residual. */
function soundStart<V, S>(system: LinearSystem<V, S>, start: V, bb: S): V {
  const { space } = system;
  const s = space.scalars;
  const r = residualAt(system, start);
  const finite = s.less(space.dot(r, r), s.of(Number.POSITIVE_INFINITY));
  return space.select(s.and(finite, s.less(s.of(0), bb)), start, space.zeros(start));
}

/** The iterate to return: the best, but for negative curvature, or a sum that diverged. */
function chosen<V, S>(
  space: LinearSystem<V, S>['space'],
  { best, fallback, curvature, sound: whole }: State<V, S>,
  { sums }: IterativeMethod,
) {
  if (fallback === undefined) return best;
  const { scalars: s } = space;
  const sound = sums ? whole : s.less(s.of(0), curvature);
  return {
    x: space.select(sound, best.x, fallback.x),
    residual: s.select(sound, best.residual, fallback.residual),
  };
}

/** The mask of one or the other. */
function either<V, S>({ scalars: s }: LinearSystem<V, S>['space'], a: S, b: S): S {
  return s.select(a, s.of(1), b);
}

function statusOf(solved: boolean, usedUp: boolean, curvature: number): SolverStatus {
  if (solved) return 'converged';
  if (usedUp) return 'max-iterations';
  return curvature <= 0 ? 'negative-curvature' : 'diverged';
}
