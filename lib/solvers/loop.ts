import { NotFiniteError } from '../errors';
import { Portions } from '../event-loop';
import { float64 } from '../spaces';
import { judge } from './accept';
import {
  advanced,
  beginAt,
  DIVERGENCE,
  energyOf,
  hasFallback,
  type Iterate,
  type IterativeMethod,
  inPieces,
  isToVerify,
  type LinearSystem,
  lastIsBest,
  residualAt,
  SLACK,
  type StoppingRule,
} from './method';
import { liftOf } from './scale';
import type { Solution, SolverStatus } from './solver';
import type { SolverTrace } from './trace';

/**
 * Runs a method until the rule, or trouble, stops it.
 *
 * A generator: it yields the scalars whose numbers it wants to know and is sent the numbers, so
 * that the caller decides whether to wait for them. The value it returns is kept; all else
 * is freed, also when an operator throws.
 */
export function* iterate<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  rule: StoppingRule,
  start: V | undefined,
): Generator<readonly S[], Solution<V>, number[]> {
  const { space, b } = system;
  if (start !== undefined) space.check(start, b, 'the start');
  const bSquared = yield* squaredNorm(space, b);
  const lift = liftOf(space, bSquared);
  if (lift === 1) return yield* iterateFrom(system, method, rule, start, bSquared);

  const lifted = (x: V, by: number) =>
    space.keep(space.tidy(() => space.scale(space.scalars.of(by), x)));
  const held: V[] = [];
  try {
    const liftedB = lifted(b, lift);
    held.push(liftedB);
    const liftedSquared = yield* squaredNorm(space, liftedB);
    if (start !== undefined) held.push(lifted(start, lift));
    const { value, ...report } = yield* iterateFrom(
      { ...system, b: liftedB },
      method,
      loweredTrace(rule, lift),
      held[1],
      liftedSquared,
    );
    held.push(value);
    return { ...report, value: lifted(value, 1 / lift), residualNorm: report.residualNorm / lift };
  } finally {
    space.free(held);
  }
}

/** The rule, its trace called with residuals in the scale of the caller's b. */
function loweredTrace(rule: StoppingRule, lift: number): StoppingRule {
  const { trace } = rule;
  if (trace === undefined) return rule;
  return { ...rule, trace: (it) => trace({ ...it, residualNorm: it.residualNorm / lift }) };
}

function* squaredNorm<V, S>(
  space: LinearSystem<V, S>['space'],
  b: V,
): Generator<readonly S[], number, number[]> {
  const squared = space.keep(space.tidy(() => space.dot(b, b)));
  try {
    return (yield [squared])[0]!;
  } finally {
    space.free(squared);
  }
}

/** A solve under way. */
interface Run<V, S> {
  system: LinearSystem<V, S>;
  method: IterativeMethod;
  /** The squared residual that counts as solved. */
  goal: number;
  /** The squared residual that counts as divergence. */
  limit: number;
  maxIterations: number;
  trace: SolverTrace | undefined;
  /** Whether the residual that the recurrence claims is to be looked at. */
  isToVerify(isSolved: boolean): boolean;
  iterations: number;
  /** The caller's start, which is not ours to free. */
  start: V | undefined;
  current: Iterate<V, S>;
  /** The iterate to return, with the residual that the recurrence claims for it. */
  best: { x: V; residual: number };
  /** The one of least residual: the result where an operator falls below its floor, or a sum diverges. */
  fallback: { x: V; residual: number } | undefined;
  /** The last iterate whose residual was computed as `b − A x`; without x it is zero. */
  verified: { x: V | undefined; residual: number; energy: number };
}

function* iterateFrom<V, S>(
  system: LinearSystem<V, S>,
  given: IterativeMethod,
  rule: StoppingRule,
  start: V | undefined,
  bSquared: number,
): Generator<readonly S[], Solution<V>, number[]> {
  const { space, b } = system;
  const { tolerance, maxIterations, trace } = rule;
  const hold = <T>(make: () => T): T => space.keep(space.tidy(make));
  if (!Number.isFinite(bSquared)) throw notFinite('a right-hand side b', bSquared);
  if (bSquared === 0) {
    const value = hold(() => space.zeros(b));
    return { value, iterations: 0, residualNorm: 0, status: 'converged' };
  }

  let result: Solution<V> | undefined;
  const { ready: method, current } = yield* begun(system, given, start);
  const run: Run<V, S> = {
    system,
    method,
    goal: tolerance ** 2 * bSquared,
    limit: 0,
    maxIterations,
    trace,
    isToVerify: (isSolved) => isToVerify(rule, isSolved),
    iterations: 0,
    start,
    current,
    best: { x: current.x, residual: 0 },
    fallback: undefined,
    verified: { x: start, residual: 0, energy: 0 },
  };
  try {
    const [first] = (yield [current.residual]) as [number];
    if (start !== undefined && method.minimisesEnergy) {
      const energy = hold(() => energyOf(system, start, current.vectors.r!));
      run.verified.energy = (yield [energy])[0]!;
      space.free(energy);
    }
    if (!Number.isFinite(first)) throw notFinite('a start whose residual b − A x', first);
    run.limit = DIVERGENCE ** 2 * Math.max(bSquared, first);
    run.best.residual = first;
    if (hasFallback(system, method)) run.fallback = run.best;
    run.verified.residual = first;
    const status = yield* refine(run);
    const { x, residual } = run.verified;
    const value = hold(() => (x === undefined ? space.zeros(b) : space.clone(x)));
    const { iterations } = run;
    result = { value, iterations, residualNorm: Math.sqrt(residual), status };
    return result;
  } finally {
    space.free([run.current, run.best, run.fallback, run.verified], [start, result]);
  }
}

/** The iterate at a start, kept. */
function* beginning<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  start: V | undefined,
): Generator<readonly S[], Iterate<V, S>, number[]> {
  const { space } = system;
  const product = start === undefined ? undefined : yield* inPieces(system, start);
  try {
    return space.keep(space.tidy(() => beginAt(system, method, start, product)));
  } finally {
    space.free(product);
  }
}

/** The first iterate, by the method as it is for this system. */
function* begun<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  start: V | undefined,
): Generator<readonly S[], { ready: IterativeMethod; current: Iterate<V, S> }, number[]> {
  if (method.prepare === undefined) {
    return { ready: method, current: yield* beginning(system, method, start) };
  }
  const { space, b } = system;
  const product = start === undefined ? undefined : yield* inPieces(system, start);
  const r = space.keep(
    space.tidy(() => (start === undefined ? space.clone(b) : residualAt(system, start, product))),
  );
  try {
    const ready = yield* method.prepare(system, r);
    const x = () => (start === undefined ? space.zeros(b) : space.clone(start));
    const begin = () => ready.begin(system, x(), space.clone(r));
    return { ready, current: space.keep(space.tidy(begin)) };
  } finally {
    space.free([product, r]);
  }
}

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

/** Improves the verified iterate until it is good enough or gets no better; returns the status. */
function* refine<V, S>(run: Run<V, S>): Generator<readonly S[], SolverStatus, number[]> {
  const { space } = run.system;
  const solved = () => run.verified.residual <= SLACK ** 2 * run.goal;
  const rounding = run.method.contracts ? 1 + Math.sqrt(space.epsilon) : 1;
  for (;;) {
    const steps = run.iterations;
    const trouble = yield* improve(run);
    if (run.iterations === steps) return solved() ? 'converged' : (trouble ?? 'max-iterations');
    // Whether or not there is a restart, it would begin at the best iterate alone.
    space.free([run.current, run.fallback], [run.start, run.best, run.verified]);

    const claimed = run.best.residual <= run.goal;
    if (!run.isToVerify(claimed) && Number.isFinite(run.best.residual)) {
      const { verified: before, best } = run;
      run.verified = { x: best.x, residual: best.residual, energy: 0 };
      if (before.x !== run.start) space.free(before, [run.current, best]);
      return claimed ? 'converged' : (trouble ?? 'max-iterations');
    }

    // A recurrence drifts from the truth by rounding, so what it claims is looked at.
    const before = run.verified;
    const { truth, energy } = yield* lookedAt(run);
    const gained =
      truth <= rounding * before.residual ||
      energy < before.energy ||
      (run.method.sums === true && trouble === undefined);
    if (!gained || !Number.isFinite(truth)) {
      if (solved()) return 'converged';
      return trouble ?? (Number.isFinite(truth) ? 'max-iterations' : 'diverged');
    }
    run.verified = { x: run.best.x, residual: truth, energy };
    if (before.x !== run.start) space.free(before, [run.current, run.best]);
    if (solved()) return 'converged';
    if (trouble !== undefined) return trouble;
    // From a residual that fell by half the method goes on; from one that did not, it cannot.
    if (truth > before.residual / 4 || run.iterations >= run.maxIterations) return 'max-iterations';
    yield* restart(run);
  }
}

/** Advances until the recurrence claims the goal, the iterations are used up, or trouble. */
function* improve<V, S>(
  run: Run<V, S>,
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
  run: Run<V, S>,
  portions: Portions,
  { growth, least }: { growth: number; least: number },
): Generator<readonly S[], { least: number } | undefined, number[]> {
  const { system, method, current, best, goal, limit, maxIterations } = run;
  const isOffered = system.A.loops !== undefined && method.advanceMany !== undefined;
  if (!isOffered || run.trace !== undefined || hasFallback(system, method)) return undefined;
  const names = Object.keys(current.scalars);
  const values = yield Object.values(current.scalars);
  const numbers = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
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

/** `‖b − A x‖²` of the best iterate, and its energy where the method has an eye on it. */
function* lookedAt<V, S>({
  system,
  method,
  best,
}: Run<V, S>): Generator<readonly S[], { truth: number; energy: number }, number[]> {
  const { space } = system;
  const product = yield* inPieces(system, best.x);
  const facts = space.keep(
    space.tidy(() => {
      const r = residualAt(system, best.x, product);
      const squared = space.dot(r, r);
      return method.minimisesEnergy ? [squared, energyOf(system, best.x, r)] : [squared];
    }),
  );
  space.free(product);
  try {
    const [truth, energy = Number.POSITIVE_INFINITY] = yield facts;
    return { truth: truth!, energy };
  } finally {
    space.free(facts);
  }
}

/** Begins anew at the verified iterate, without what rounding has spoilt. */
function* restart<V, S>(run: Run<V, S>): Generator<readonly S[], void, number[]> {
  const { system, method, current, best, verified } = run;
  const { space } = system;
  run.current = yield* beginning(system, method, verified.x);
  run.best = { x: run.current.x, residual: verified.residual };
  if (hasFallback(system, method)) run.fallback = run.best;
  space.free([current, best], [run.current, verified]);
}

function notFinite(what: string, squared: number) {
  return new NotFiniteError({
    given: `${what} has the squared norm ${squared}`,
    expected: 'finite numbers',
    remedy: 'Look for a NaN, or for numbers whose squares overflow, in what the system is made of.',
  });
}
