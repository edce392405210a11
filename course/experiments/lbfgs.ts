import { InputError, type NamedTensors, type Space, spaceOf, type Vector } from 'implicit-lab';
import {
  checkFunction,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  checkTensors,
  phrase,
} from 'implicit-lab/support';

/** A loss with its gradient, which belongs to the caller. */
export type LossWithGradient<V extends Vector = NamedTensors> = (x: V) => {
  value: number;
  gradient: V;
};

export interface LbfgsOptions<V extends Vector = NamedTensors> {
  /** Pairs that are remembered. Default 10. */
  memory?: number;
  /** Called after each iteration; `false` ends the run. */
  watch?(x: V, value: number): boolean | Promise<boolean>;
  /** Default 200. */
  maxIterations?: number;
}

const ARMIJO = 1e-4;
const CURVATURE = 0.9;
const TRIALS = 25;

interface Pair<V> {
  s: V;
  y: V;
  /** 1 / sᵀy. */
  rho: number;
}

/**
 * Minimises by L-BFGS, a peer: quasi-Newton steps from the last gradients, full batch; on
 * tensors or in double precision.
 *
 * The direction is the two-loop recursion (Nocedal & Wright, [Numerical
 * Optimization](https://doi.org/10.1007/978-0-387-40065-5), 2nd ed., Algorithm 7.4); the step
 * length meets the weak Wolfe conditions by bisection (Lewis & Overton, [Nonsmooth optimization via
 * quasi-Newton methods](https://doi.org/10.1007/s10107-012-0514-2), 2013), which keeps every sᵀy
 * positive.
 *
 * @returns the last point, which belongs to the caller.
 */
export async function lbfgs<V extends Vector>(
  objective: LossWithGradient<V>,
  start: V,
  options: LbfgsOptions<V> = {},
): Promise<V> {
  checkNoMore('lbfgs', arguments, 3);
  checkFunction(objective, 'the objective of lbfgs');
  if (!(start instanceof Float64Array)) checkTensors(start, 'the start of lbfgs');
  checkOptionNames('lbfgs', options, ['memory', 'watch', 'maxIterations']);
  const { memory = 10, watch = () => true, maxIterations = 200 } = options;
  const space = spaceOf(start);
  let x = space.tidy(() => space.clone(start));
  let gradient: V | undefined;
  let pairs: Pair<V>[] = [];
  try {
    let here = looked(objective, x);
    gradient = here.gradient;
    for (let k = 0; k < maxIterations; k++) {
      const next = step(space, objective, { x, ...here }, pairs, k === 0);
      if (next === undefined) break;
      pairs.push(next.pair);
      for (const old of pairs.slice(0, -memory)) space.free(old);
      pairs = pairs.slice(-memory);
      space.free([x, gradient]);
      [x, here, gradient] = [next.x, next, next.gradient];
      if (!(await watch(x, here.value))) break;
    }
    return x;
  } catch (error) {
    space.free(x);
    throw error;
  } finally {
    space.free([gradient, pairs]);
  }
}

/** @throws InputError or ShapeError for an objective that does not return a number and a gradient like x. */
function looked<V extends Vector>(
  objective: LossWithGradient<V>,
  x: V,
): ReturnType<typeof objective> {
  const found = objective(x);
  checkRecord(found, 'what the objective of lbfgs returns', '{ value, gradient }');
  if (typeof found.value !== 'number') {
    throw new InputError({
      given: `an objective of lbfgs whose value is ${phrase(found.value)}`,
      expected: 'a number',
      remedy: 'Read it before: (await loss.data())[0].',
    });
  }
  spaceOf(x).check(found.gradient, x, 'the gradient of the objective');
  return found;
}

interface Point<V> {
  x: V;
  value: number;
  gradient: V;
}

/** The next point with the pair that leads to it; undefined where none is lower. */
function step<V extends Vector>(
  space: Space<V, unknown>,
  objective: LossWithGradient<V>,
  at: Point<V>,
  pairs: readonly Pair<V>[],
  isFirst: boolean,
): (Point<V> & { pair: Pair<V> }) | undefined {
  const d = direction(space, at.gradient, pairs);
  try {
    const slope = product(space, at.gradient, d);
    const first = isFirst ? 1 / Math.max(1, Math.sqrt(-slope)) : 1;
    const next =
      slope < 0
        ? search(space, objective, { x: at.x, value: at.value, d, slope, first })
        : undefined;
    if (next === undefined) return undefined;
    const minus = (a: V, b: V) => space.tidy(() => space.subtract(a, b));
    const [s, y] = [minus(next.x, at.x), minus(next.gradient, at.gradient)];
    return { ...next, pair: { s, y, rho: 1 / product(space, s, y) } };
  } finally {
    space.free(d);
  }
}

/** −Hg, with H the inverse Hessian that the pairs make up. */
function direction<V>(space: Space<V, unknown>, gradient: V, pairs: readonly Pair<V>[]): V {
  return space.tidy(() => {
    const { of } = space.scalars;
    let q = space.scale(of(-1), gradient);
    const alphas: number[] = [];
    for (const { s, y, rho } of [...pairs].reverse()) {
      const alpha = rho * product(space, s, q);
      alphas.unshift(alpha);
      q = space.axpy(of(-alpha), y, q);
    }
    const last = pairs.at(-1);
    if (last) q = space.scale(of(1 / (last.rho * product(space, last.y, last.y))), q);
    pairs.forEach(({ s, y, rho }, i) => {
      const beta = rho * product(space, y, q);
      q = space.axpy(of(alphas[i]! - beta), s, q);
    });
    return q;
  });
}

/** Where a line search begins, along d, and the first length it tries. */
interface Line<V> {
  x: V;
  value: number;
  d: V;
  slope: number;
  first: number;
}

function search<V extends Vector>(
  space: Space<V, unknown>,
  objective: LossWithGradient<V>,
  { x, value, d, slope, first }: Line<V>,
) {
  let [low, high, t] = [0, Number.POSITIVE_INFINITY, first];
  for (let k = 0; k < TRIALS; k++) {
    const candidate = space.tidy(() => space.axpy(space.scalars.of(t), d, x));
    const there = orFree(space, candidate, () => looked(objective, candidate));
    const falls = there.value <= value + ARMIJO * t * slope;
    if (falls && product(space, there.gradient, d) >= CURVATURE * slope) {
      return { x: candidate, ...there };
    }
    space.free([candidate, there.gradient]);
    if (falls) low = t;
    else high = t;
    t = Number.isFinite(high) ? (low + high) / 2 : 2 * low;
  }
  return undefined;
}

/** Frees x where the work throws. */
function orFree<V, T>(space: Space<V, unknown>, x: V, work: () => T): T {
  try {
    return work();
  } catch (error) {
    space.free(x);
    throw error;
  }
}

/** `⟨x, y⟩` as a number, on a backend that can be read. */
function product<V>(space: Space<V, unknown>, x: V, y: V): number {
  return space.tidy(() => space.readSync([space.dot(x, y)])[0]!);
}
