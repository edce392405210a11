import { NotFiniteError } from '../errors';
import { stateAt, troubleOf } from './accept';
import { byNumbers } from './controls';
import { prepareAndBegin } from './first-iterate';
import { improve } from './improve';
import {
  DIVERGENCE,
  energyOf,
  type IterativeMethod,
  isToVerify,
  type LinearSystem,
  type StoppingRule,
} from './method';
import { refine } from './refine';
import { isRepresentable, liftOf } from './scale';
import type { SolveState } from './solve-state';
import type { Solution } from './solver';
import { multiplied, multipliedOperator, type Unit, unitOf } from './unit';

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
  if (start !== undefined && method.isScaleFree && liftOf(space, bSquared) !== 1) {
    // Multiplied as b is, the start might overflow.
    const unit = yield* unitOf(system);
    if (unit !== undefined)
      return yield* iterateInUnit(iterateLifted, system, method, rule, start, unit);
  }
  const found = yield* iterateLifted(system, method, rule, start, bSquared);
  if (found.status === 'converged' || !method.isScaleFree) return found;
  let unit: Unit | undefined;
  try {
    unit = yield* unitOf(system, found.value);
  } catch (error) {
    space.free(found.value);
    throw error;
  }
  if (unit === undefined) return found;
  space.free(found.value);
  return yield* iterateInUnit(iterateLifted, system, method, rule, start, unit);
}

/** Solves `(c A) y = d b` by the given run: `x = (c / d) y`. */
function* iterateInUnit<V, S>(
  run: typeof iterateFrom<V, S>,
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  rule: StoppingRule,
  start: V | undefined,
  unit: Unit,
): Generator<readonly S[], Solution<V>, number[]> {
  const { space } = system;
  const A = unit.A === 1 ? system.A : multipliedOperator(system, unit.A);
  const held: V[] = [multiplied(space, unit.b, system.b)];
  try {
    if (start !== undefined) held.push(multiplied(space, unit.b / unit.A, start));
    const { value, ...report } = yield* run(
      { space, A, b: held[0]! },
      method,
      loweredTrace(rule, unit.b),
      held[1],
      yield* squaredNorm(space, held[0]!),
    );
    held.push(value);
    const x = multiplied(space, unit.A / unit.b, value);
    const solution = yield* asHeld({ space, A, b: held[0]! }, rule, { ...report, value: x }, unit);
    return { ...solution, residualNorm: solution.residualNorm / unit.b };
  } finally {
    space.free(held);
  }
}

/**
 * A solution that was found in a unit, its value already in that of the caller: where numbers of this size are
 * not held to full precision, it is judged again, as it is held; 0 stands for one that overflows.
 */
function* asHeld<V, S>(
  system: LinearSystem<V, S>,
  { tolerance }: StoppingRule,
  solution: Solution<V>,
  unit: Unit,
): Generator<readonly S[], Solution<V>, number[]> {
  const { space, A, b } = system;
  const held: unknown[] = [solution.value];
  const hold = <T>(make: () => T): T => {
    const made = space.keep(space.tidy(make));
    held.push(made);
    return made;
  };
  let result: Solution<V> | undefined;
  try {
    const [size] = (yield [hold(() => space.norm(solution.value))]) as [number];
    if (isRepresentable(space, size)) {
      result = solution;
      return result;
    }
    const isLost = !Number.isFinite(size);
    const value = isLost ? hold(() => space.zeros(b)) : solution.value;
    const left = hold(() => {
      const y = multiplied(space, unit.b / unit.A, value);
      held.push(y);
      return [space.norm(space.subtract(b, A.apply(y))), space.norm(b)];
    });
    const [residualNorm, whole] = (yield left) as [number, number];
    const isSolved = residualNorm <= tolerance * whole;
    const status = isLost ? 'diverged' : isSolved ? solution.status : 'max-iterations';
    result = { ...solution, value, residualNorm, status };
    return result;
  } finally {
    space.free(held, result);
  }
}

/** Solves a system whose b can be squared, or is multiplied so that it can. */
function* iterateLifted<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  rule: StoppingRule,
  start: V | undefined,
  bSquared: number,
): Generator<readonly S[], Solution<V>, number[]> {
  const lift = liftOf(system.space, bSquared);
  if (lift === 1) return yield* iterateFrom(system, method, rule, start, bSquared);
  return yield* iterateInUnit(iterateFrom, system, method, rule, start, { A: 1, b: lift });
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
  if (!Number.isFinite(bSquared))
    throw notFinite('a right-hand side b with the squared norm', bSquared);
  if (bSquared === 0) {
    const value = hold(() => space.zeros(b));
    return { value, iterations: 0, residualNorm: 0, status: 'converged' };
  }

  const { ready: method, current } = yield* prepareAndBegin(system, given, start);
  let run: SolveState<V, S> | undefined;
  let result: Solution<V> | undefined;
  try {
    const [first] = (yield [current.residual]) as [number];
    if (!Number.isFinite(first))
      throw notFinite('a start whose residual b − A x has the squared norm', first);
    let energy = 0;
    if (start !== undefined && method.minimisesEnergy) {
      const scalar = hold(() => energyOf(system, start, current.vectors.r!));
      energy = (yield [scalar])[0]!;
      space.free(scalar);
    }
    const control = byNumbers(system, method, trace);
    const endsBlind = method.last !== undefined && rule.residual === false && tolerance === 0;
    const goal = tolerance ** 2 * bSquared;
    const limit = DIVERGENCE ** 2 * Math.max(bSquared, first);
    const least = endsBlind ? maxIterations - 1 : maxIterations;
    const fixed = { system, method, goal, limit, maxIterations: least };
    run = {
      ...stateAt(control, fixed, current, first),
      verified: { x: start, residual: first, energy },
      isToVerify: (isSolved) => isToVerify(rule, isSolved),
      start,
    };
    if (endsBlind) {
      yield* improve(control, run);
      const { sound, curvature, iterations } = run;
      if (sound !== 0) {
        const value = hold(() => method.last!(system, run!.current));
        result = {
          value,
          iterations: iterations + 1,
          residualNorm: Number.NaN,
          status: 'max-iterations',
        };
        return result;
      }
      const value = hold(() => space.clone(run!.best.x));
      result = {
        value,
        iterations,
        residualNorm: Math.sqrt(run.best.residual),
        status: troubleOf(curvature),
      };
      return result;
    }
    const status = yield* refine(control, run);
    const { x, residual } = run.verified;
    const value = hold(() => (x === undefined ? space.zeros(b) : space.clone(x)));
    result = { value, iterations: run.iterations, residualNorm: Math.sqrt(residual), status };
    return result;
  } finally {
    space.free([current, run?.current, run?.best, run?.fallback, run?.verified], [start, result]);
  }
}

function notFinite(what: string, squared: number) {
  return new NotFiniteError({
    given: `${what} ${squared}`,
    expected: 'finite numbers',
    remedy: 'Look for a NaN, or for numbers whose squares overflow, in what the system is made of.',
  });
}
