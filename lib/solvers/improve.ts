import { Portions } from '../event-loop';
import { float64 } from '../spaces';
import { judge } from './accept';
import {
  advanced,
  hasFallback,
  type Iterate,
  type IterativeMethod,
  inPieces,
  type LinearSystem,
  lastIsBest,
} from './method';
import type { SolveState } from './solve-state';
import type { SolverStatus } from './solver';

/** The iterate after another, kept. */
function* after<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  current: Iterate<V, S>,
): Generator<readonly S[], Iterate<V, S>, number[]> {
  const { space, A } = system;
  const hold = <T>(make: () => T): T => space.keep(space.tidy(make));
  if (A.applyInPieces === undefined) return hold(() => advanced(system, method, current));
  const p = hold(() => method.direction(system, current));
  let next: Iterate<V, S> | undefined;
  let product: V | undefined;
  try {
    product = yield* inPieces(system, p);
    next = hold(() => method.advance(system, current, p, product!));
    return next;
  } finally {
    space.free([p, product], [current, next]);
  }
}

/** Advances until the recurrence claims the goal, the iterations are used up, or trouble. */
export function* improve<V, S>(
  run: SolveState<V, S>,
): Generator<readonly S[], SolverStatus | undefined, number[]> {
  const { system, method, goal, limit, maxIterations } = run;
  const { space } = system;
  const growth = 1 + Math.sqrt(space.epsilon);
  let least = run.best.residual;
  const portions = new Portions();
  while (run.best.residual > goal && run.iterations < maxIterations) {
    const many = yield* severalAtOnce(run, portions, { growth, least });
    if (many !== undefined) {
      least = many.least;
      continue;
    }
    const { current, best } = run;
    const next = yield* after(system, method, current);
    const [residual, curvature] = (yield [next.residual, next.curvature]) as [number, number];
    const verdict = judge(
      float64.scalars,
      method,
      1,
      { residual, curvature },
      { limit, growth, previous: least, best: best.residual, least: run.fallback?.residual },
    );
    if (verdict.taken === 0) {
      space.free(next, current);
      if ((curvature <= 0 || method.sums) && run.fallback) {
        space.free(best, [run.start, run.fallback, run.verified]);
        run.best = run.fallback;
      }
      return curvature <= 0 ? 'negative-curvature' : 'diverged';
    }
    run.iterations += 1;
    run.current = next;
    if (verdict.better === 1) run.best = { x: next.x, residual };
    least = Math.min(least, residual);
    const { fallback } = run;
    if (verdict.nearest === 1) run.fallback = { x: next.x, residual };
    space.free([current, best, fallback], [run.current, run.best, run.fallback, run.verified]);
    run.trace?.({ iteration: run.iterations, residualNorm: Math.sqrt(residual), curvature });
  }
  return undefined;
}

/**
 * Takes as many iterations in one call as some milliseconds allow; returns undefined where none was
 * taken, since the operator does not offer it, each is to be traced, or the next one is no good.
 */
function* severalAtOnce<V, S>(
  run: SolveState<V, S>,
  portions: Portions,
  { growth, least }: { growth: number; least: number },
): Generator<readonly S[], { least: number } | undefined, number[]> {
  const { system, method, current, best, goal, limit, maxIterations } = run;
  const isOffered = system.A.loops !== undefined && method.advanceMany !== undefined;
  if (!isOffered || run.trace !== undefined || hasFallback(system, method)) return undefined;
  const scalars = { ...current.scalars, residual: current.residual };
  const values = yield Object.values(scalars);
  const numbers = Object.fromEntries(Object.keys(scalars).map((name, i) => [name, values[i]!]));
  const keepsBest = !lastIsBest(method);
  const began = performance.now();
  const done = method.advanceMany!(system, current, numbers, {
    count: portions.next(maxIterations - run.iterations),
    goal,
    limit,
    growth: method.contracts ? growth : Number.POSITIVE_INFINITY,
    least,
    best: best.residual,
    keepsBest,
  });
  if (done === undefined) return undefined;
  const { next, best: better, report } = done;
  if (report.taken === 0) {
    system.space.free([next, better]);
    return undefined;
  }
  portions.took(report.taken, performance.now() - began);
  run.iterations += report.taken;
  run.current = next;
  if (!keepsBest) run.best = { x: next.x, residual: report.residual };
  else if (report.best < best.residual) run.best = { x: better!, residual: report.best };
  system.space.free([current, best, better], [run.current, run.best, run.verified, run.start]);
  return { least: report.least };
}
