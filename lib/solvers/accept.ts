import type { Scalars } from '../spaces';
import { type IterativeMethod, lastIsBest } from './method';

/** What of an iterate decides whether it is taken. */
export interface Facts<S> {
  /** `‖b − A x‖²` by the method's recurrence. */
  residual: S;
  /** `pᵀAp` of the direction that led to it. */
  curvature: S;
}

/** What an iterate is compared with. */
export interface Bounds<S> {
  /** The residual from which on anything is divergence. */
  limit: S;
  /** The factor by which rounding may let a residual grow that can only shrink: 1 + √ε. */
  growth: S;
  /** The residual that a method which contracts must not exceed, but for rounding. */
  previous: S;
  /** The residual of the best iterate so far. */
  best: S;
  /** The least residual so far, where the iterate of least residual is kept. */
  least: S | undefined;
}

/** What is done with an iterate, as masks: 1 or 0. */
export interface Verdict<S> {
  /** It can be taken: positive curvature, and no divergence. */
  sound: S;
  /** It is taken: it is sound, and the solve still goes on. */
  taken: S;
  /** It becomes the best one; the same mask as `taken` where the last one is the best. */
  better: S;
  /** It becomes the one of least residual; undefined where none is kept. */
  nearest: S | undefined;
}

/**
 * The rule by which all solves take iterates: with numbers where these are read, with masks on the
 * device where they are not.
 *
 * @param active the mask of whether the solve still goes on
 */
export function judge<S>(
  s: Scalars<S>,
  method: IterativeMethod,
  active: S,
  { residual, curvature }: Facts<S>,
  { limit, growth, previous, best, least }: Bounds<S>,
): Verdict<S> {
  const allowed = method.contracts ? s.multiply(growth, previous) : limit;
  // A NaN in either is less than nothing, and nothing is less than it.
  const sound = s.and(s.less(s.of(0), curvature), s.less(residual, allowed));
  const taken = s.and(active, sound);
  const better = lastIsBest(method) ? taken : s.and(taken, s.less(residual, best));
  const nearest = least === undefined ? undefined : s.and(taken, s.less(residual, least));
  return { sound, taken, better, nearest };
}
