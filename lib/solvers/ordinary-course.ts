import type { LoopReport, LoopStop, Space } from '../spaces';
import { float64 } from '../spaces';
import { gains, growthOf, type Truth } from './accept';
import type { CgOptions } from './cg';
import { DIVERGENCE, isToVerify, SLACK } from './method';
import type { NeumannOptions } from './neumann';
import { isOrdinary, liftOf } from './scale';
import {
  isLibrarySolver,
  type LinearSolver,
  type SolveOptions,
  type SolveReport,
  type SolverStatus,
} from './solver';

type Precision = Pick<Space<unknown, unknown>, 'epsilon'>;

/** How a solve goes whose iterations are all taken in one call. */
export interface OrdinaryCourse {
  /** The factor of a series; undefined for conjugate gradients. */
  readonly alpha: number | undefined;
  readonly maxIterations: number;
  readonly tolerance: number;
  /** τ of `A + τI`. */
  readonly damping: number;
  /** Whether the iterate of least residual is the result, and not the last one. */
  readonly keepsBest: boolean;
}

/** Where a solve begins, in squared norms. */
export interface OrdinaryStart {
  bSquared: number;
  /** Of the residual. */
  first: number;
}

/**
 * The course of a solver of this library: `cg` without a preconditioner, and `neumann` of a scale that is a
 * number.
 *
 * @returns undefined for others, and where iterations are traced
 */
export function ordinaryCourseOf(solver: LinearSolver): OrdinaryCourse | undefined {
  if (!isLibrarySolver(solver) || 'trace' in solver || 'preconditioner' in solver) return undefined;
  const { name } = solver;
  if (name === 'cg') {
    const { tolerance, maxIterations, damping, best } = solver as CgOptions;
    return {
      alpha: undefined,
      maxIterations: maxIterations!,
      tolerance: tolerance!,
      damping: damping!,
      keepsBest: best !== 'energy',
    };
  }
  const { terms, scale, tolerance, damping } = solver as NeumannOptions;
  if (name !== 'neumann' || typeof scale !== 'number') return undefined;
  return {
    alpha: scale,
    maxIterations: terms!,
    tolerance: tolerance!,
    damping: damping!,
    keepsBest: false,
  };
}

/** Whether the last term of a series is added without a look at its residual. */
export const endsBlind = (
  { alpha, tolerance }: OrdinaryCourse,
  { residual }: SolveOptions<unknown>,
): boolean => alpha !== undefined && residual === false && tolerance === 0;

/**
 * When the iterations end.
 *
 * @returns undefined where numbers cannot be squared, or no iteration is needed
 */
export function ordinaryStop(
  course: OrdinaryCourse,
  options: SolveOptions<unknown>,
  space: Precision,
  { bSquared, first }: OrdinaryStart,
): Omit<LoopStop, 'least' | 'best' | 'floor'> | undefined {
  const goal = course.tolerance ** 2 * bSquared;
  if (liftOf(space, bSquared) !== 1 || !(goal < first && Number.isFinite(first))) return undefined;
  return {
    count: endsBlind(course, options) ? course.maxIterations - 1 : course.maxIterations,
    goal,
    limit: DIVERGENCE ** 2 * Math.max(bSquared, first),
    growth: course.alpha === undefined ? Number.POSITIVE_INFINITY : growthOf(space),
  };
}

/** Whether all iterations were taken, or the best is good enough. */
export const isOrdinaryEnd = (
  { count, goal }: Pick<LoopStop, 'count' | 'goal'>,
  { taken, best }: Pick<LoopReport, 'taken' | 'best'>,
): boolean => taken === count || (taken > 0 && best <= goal);

/** Whether the residual is to be computed from the result, since what the recurrence claims may be off. */
export const isToBeVerified = (
  { tolerance, maxIterations }: OrdinaryCourse,
  { residual = true, verify = residual }: SolveOptions<unknown>,
  isSolved: boolean,
): boolean => isToVerify({ tolerance, maxIterations, verify, residual }, isSolved);

/**
 * The status of a result whose residual was computed from it.
 *
 * @param before what the start was, `now` what the result is
 * @returns undefined where the result is no better, or the method has to begin again at it
 */
export function verifiedStatus(
  { alpha, keepsBest, maxIterations }: OrdinaryCourse,
  { epsilon }: Precision,
  { taken, goal }: { taken: number; goal: number },
  { before, now }: Record<'before' | 'now', Required<Truth<number>>>,
): SolverStatus | undefined {
  const isSeries = alpha !== undefined;
  const kind = { contracts: isSeries, minimisesEnergy: !isSeries && !keepsBest };
  const method = kind as Parameters<typeof gains>[1];
  if (!gains(float64.scalars, method, now, before, { sound: 1, epsilon })) return undefined;
  if (now.residual <= SLACK ** 2 * goal) return 'converged';
  if (now.residual > before.residual / 4 || taken >= maxIterations) return 'max-iterations';
  return undefined;
}

/**
 * Whether a result stands as it was found: a system of conjugate gradients that did not converge is
 * solved once more in another unit where A is far larger or smaller than 1.
 */
export const stands = (
  { alpha }: OrdinaryCourse,
  space: Precision,
  { status }: Pick<SolveReport, 'status'>,
  { b, x }: { b: number; x: number },
): boolean => status === 'converged' || alpha !== undefined || isOrdinary(space, b / x);
