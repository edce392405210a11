import type { Scalars } from '../spaces';
import type { Control } from './control';
import type { Claimed, LoopState } from './loop-state';
import { hasFallback, type Iterate, type IterativeMethod, lastIsBest } from './method';
import type { SolverStatus } from './solver';

/** What of an iterate decides whether it is taken. */
export interface Facts<M> {
  /** `‖b − A x‖²` by the method's recurrence. */
  residual: M;
  /** `pᵀAp` of the direction that led to it. */
  curvature: M;
}

/** What an iterate is compared with. */
export interface Bounds<M> {
  /** The residual from which on anything is divergence. */
  limit: M;
  /** The factor by which rounding may let a residual grow that can only shrink: 1 + √ε. */
  growth: M;
  /** The residual that a method which contracts must not exceed, but for rounding. */
  previous: M;
  /** The residual of the best iterate so far. */
  best: M;
  /** The least residual so far, where the iterate of least residual is kept. */
  least: M | undefined;
}

/** What is done with an iterate, as masks: 1 or 0. */
export interface Verdict<M> {
  /** It can be taken: positive curvature, and no divergence. */
  sound: M;
  /** It is taken: it is sound, and the solve still goes on. */
  taken: M;
  /** It becomes the best one; the same mask as `taken` where the last one is the best. */
  better: M;
  /** It becomes the one of least residual; undefined where none is kept. */
  nearest: M | undefined;
}

/**
 * The rule by which solves take iterates.
 *
 * @param active the mask of whether the solve still goes on
 */
export function judge<M>(
  s: Scalars<M>,
  method: IterativeMethod,
  active: M,
  { residual, curvature }: Facts<M>,
  { limit, growth, previous, best, least }: Bounds<M>,
): Verdict<M> {
  const allowed = method.contracts ? s.multiply(growth, previous) : limit;
  // A NaN in either is less than nothing, and nothing is less than it.
  const sound = s.and(s.less(s.of(0), curvature), s.less(residual, allowed));
  const taken = s.and(active, sound);
  const better = lastIsBest(method) ? taken : s.and(taken, s.less(residual, best));
  const nearest = least === undefined ? undefined : s.and(taken, s.less(residual, least));
  return { sound, taken, better, nearest };
}

/** The state at a first iterate, whose squared residual is given. */
export function stateAt<V, S, M>(
  { scalars: s }: Control<V, S, M>,
  {
    system,
    method,
    goal,
    limit,
    maxIterations,
  }: Pick<LoopState<V, S, M>, 'system' | 'method' | 'goal' | 'limit' | 'maxIterations'>,
  current: Iterate<V, S>,
  residual: M,
): LoopState<V, S, M> {
  const best = { x: current.x, residual };
  return {
    system,
    method,
    goal,
    limit,
    maxIterations,
    computed: 0,
    iterations: s.of(0),
    current,
    best,
    fallback: hasFallback(system, method) ? best : undefined,
    least: residual,
    active: s.less(goal, residual),
    curvature: s.of(1),
    sound: s.of(1),
  };
}

/** What of the state changes by the next iterate, whether or not it is taken. */
export function changeBy<V, S, M>(
  { scalars: s, select }: Control<V, S, M>,
  state: LoopState<V, S, M>,
  next: Iterate<V, S>,
  { residual, curvature }: Facts<M>,
) {
  const { system, method, active, best, fallback, limit, goal, least } = state;
  const { sound, taken, better, nearest } = judge(
    s,
    method,
    active,
    { residual, curvature },
    {
      limit,
      growth: s.of(growthOf(system.space)),
      previous: least,
      best: best.residual,
      least: fallback?.residual,
    },
  );
  const chosen = (mask: M, before: Claimed<V, M>): Claimed<V, M> => ({
    x: select(mask, next.x, before.x),
    residual: s.select(mask, residual, before.residual),
  });
  const newBest = chosen(better, best);
  const isLastBest = better === taken && newBest.x !== next.x;
  const change = {
    // Where the last one is the best, one vector is both.
    current: isLastBest ? { ...next, x: newBest.x } : next,
    best: newBest,
    fallback: fallback && nearest !== undefined ? chosen(nearest, fallback) : undefined,
    least: method.contracts ? s.select(s.less(residual, least), residual, least) : least,
    active: s.and(taken, s.less(goal, residual)),
    iterations: s.add(state.iterations, taken),
    curvature: s.select(active, curvature, state.curvature),
    sound: s.select(active, sound, state.sound),
  };
  return { taken, change };
}

/** The iterate to return: the best, or that of least residual after negative curvature or a sum that diverged. */
export function resultOf<V, S, M>(
  { scalars: s, select }: Control<V, S, M>,
  { method, best, fallback, curvature, sound }: LoopState<V, S, M>,
): Claimed<V, M> {
  if (fallback === undefined) return best;
  const isBest = method.sums ? sound : s.less(s.of(0), curvature);
  return {
    x: select(isBest, best.x, fallback.x),
    residual: s.select(isBest, best.residual, fallback.residual),
  };
}

/** What is computed of a vector in the end: `‖b − A x‖²`, and its energy where the method minimises that. */
export interface Truth<M> {
  residual: M;
  energy?: M;
}

/**
 * The mask of whether a result is better than the start of the solve.
 *
 * @param sound the mask of whether the last iteration could be taken
 */
export function gains<M>(
  s: Scalars<M>,
  { contracts, minimisesEnergy, sums }: IterativeMethod,
  now: Truth<M>,
  before: Truth<M>,
  { sound, epsilon }: { sound: M; epsilon: number },
): M {
  const allowed = contracts
    ? s.multiply(s.of(growthOf({ epsilon })), before.residual)
    : before.residual;
  const closer = s.less(now.residual, allowed);
  const unless = minimisesEnergy ? s.less(now.energy!, before.energy!) : sums ? sound : undefined;
  if (unless === undefined) return closer;
  const finite = s.less(now.residual, s.of(Number.POSITIVE_INFINITY));
  return s.select(closer, s.of(1), s.and(finite, unless));
}

/** Why no further iteration could be taken. */
export const troubleOf = (curvature: number): SolverStatus =>
  curvature <= 0 ? 'negative-curvature' : 'diverged';

/** How much a squared residual may grow by rounding alone. */
export const growthOf = ({ epsilon }: { epsilon: number }): number => 1 + Math.sqrt(epsilon);
