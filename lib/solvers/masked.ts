import { driveAtOnce } from '../event-loop';
import { gains, resultOf, stateAt, type Truth, troubleOf } from './accept';
import { byMasks } from './controls';
import { improve } from './improve';
import type { LoopState } from './loop-state';
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
  if (start !== undefined) space.check(start, system.b, 'the start');
  const { value, facts } = space.tidy(() => solveByMasks(system, method, rule, start));
  space.keep(facts);
  return {
    value,
    async report() {
      const [iterations, claimed, curvature, truth, goal, lift] = await space.read(facts);
      space.free(facts);
      const usedUp = claimed === 1 || iterations! >= rule.maxIterations;
      const status = statusOf(truth! <= SLACK ** 2 * goal!, usedUp, curvature!);
      return { iterations: iterations!, residualNorm: Math.sqrt(truth!) / lift!, status };
    },
    dispose: () => space.free(facts),
  };
}

interface Solved<V, S> {
  value: V;
  /** Iterations, whether the goal was claimed, curvature, squared residual, goal, lift. */
  facts: S[];
}

function solveByMasks<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  rule: StoppingRule,
  start: V | undefined,
): Solved<V, S> {
  const { space } = system;
  const s = space.scalars;
  const { lift, lifted, bb } = liftedSystem(system);
  const goal = s.multiply(s.of(rule.tolerance ** 2), bb);
  const origin = start === undefined ? undefined : soundStart(lifted, space.scale(lift, start), bb);
  const begun = space.tidy(() => beginAt(lifted, method, origin));
  const first = s.multiply(s.of(1), begun.residual);
  const limit = s.multiply(s.of(DIVERGENCE ** 2), s.add(bb, first));
  const control = byMasks(space);
  const fixed = { system: lifted, method, goal, limit, maxIterations: rule.maxIterations };
  const state = stateAt(control, fixed, begun, begun.residual);
  driveAtOnce(improve(control, state), () => []);

  const best = resultOf(control, state);
  space.free([state.current, state.best, state.fallback], best);
  const claimed = s.select(s.less(goal, best.residual), s.of(0), s.of(1));
  const isVerified = isToVerify(rule, true);
  const { x, residual } = isVerified ? verified(state, best.x, origin, first) : best;
  if (origin && !isVerified) space.free(origin, x);
  return {
    value: space.scale(s.divide(s.of(1), lift), x),
    facts: [state.iterations, claimed, state.curvature, residual, goal, lift],
  };
}

/** The system in a unit in which squares can be computed, and `‖b‖²` there. */
function liftedSystem<V, S>(system: LinearSystem<V, S>) {
  const { space } = system;
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
  return { lift, lifted, bb };
}

/** x, or the start where x is not better by its true residual, or energy; frees the other. */
function verified<V, S>(
  { system, method, sound }: LoopState<V, S, S>,
  x: V,
  origin: V | undefined,
  first: S,
): { x: V; residual: S } {
  const { space } = system;
  const s = space.scalars;
  const truthAt = (point: V | undefined, residual: S, r: () => V): Truth<S> => {
    if (!method.minimisesEnergy) return { residual };
    return { residual, energy: point === undefined ? s.of(0) : energyOf(system, point, r()) };
  };
  const r = space.tidy(() => residualAt(system, x));
  const truth = space.dot(r, r);
  const gained = space.tidy(() => {
    const now = truthAt(x, truth, () => r);
    const before = truthAt(origin, first, () => residualAt(system, origin!));
    return gains(s, method, now, before, { sound, epsilon: space.epsilon });
  });
  const zero = origin ?? space.zeros(r);
  space.free(r);
  const chosen = space.select(gained, x, zero);
  space.free([x, zero], chosen);
  return { x: chosen, residual: s.select(gained, truth, first) };
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
