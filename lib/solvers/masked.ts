import { driveAtOnce } from '../event-loop';
import { gains, resultOf, stateAt, type Truth, troubleOf } from './accept';
import { byMasks } from './controls';
import { improve } from './improve';
import {
  beginAt,
  DIVERGENCE,
  energyOf,
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
    const control = byMasks(space);
    const fixed = { system: lifted, method, goal, limit, maxIterations };
    const state = stateAt(control, fixed, begun, begun.residual);
    driveAtOnce(improve(control, state), () => []);

    const { iterations, curvature, sound } = state;
    const best = resultOf(control, state);
    space.free([state.current, state.best, state.fallback], best);
    if (!isToVerify(rule, true)) {
      const claimed = s.select(s.less(goal, best.residual), s.of(0), s.of(1));
      if (origin) space.free(origin, best.x);
      return {
        value: space.scale(s.divide(s.of(1), lift), best.x),
        facts: [iterations, claimed, curvature, best.residual, goal, lift],
      };
    }
    const truthAt = (x: V | undefined, residual: S, r: () => V): Truth<S> => {
      if (!method.minimisesEnergy) return { residual };
      return { residual, energy: x === undefined ? s.of(0) : energyOf(lifted, x, r()) };
    };
    const r = space.tidy(() => residualAt(lifted, best.x));
    const truth = space.dot(r, r);
    const gained = space.tidy(() => {
      const now = truthAt(best.x, truth, () => r);
      const before = truthAt(origin, first, () => residualAt(lifted, origin!));
      return gains(s, method, now, before, { sound, epsilon: space.epsilon });
    });
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

/** The start, or zero where the solution is zero or the start has no finite residual. */
function soundStart<V, S>(system: LinearSystem<V, S>, start: V, bb: S): V {
  const { space } = system;
  const s = space.scalars;
  const r = residualAt(system, start);
  const finite = s.less(space.dot(r, r), s.of(Number.POSITIVE_INFINITY));
  return space.select(s.and(finite, s.less(s.of(0), bb)), start, space.zeros(start));
}

function statusOf(solved: boolean, usedUp: boolean, curvature: number): SolverStatus {
  if (solved) return 'converged';
  if (usedUp) return 'max-iterations';
  return troubleOf(curvature);
}
