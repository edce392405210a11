import { checkTensors } from '../autodiff';
import { checkFunction, checkOptionNames } from '../options';
import { type NamedTensors, tensors } from '../spaces';

/** A loss with its gradient, which belongs to the caller. */
export type LossWithGradient = (x: NamedTensors) => { value: number; gradient: NamedTensors };

export interface LbfgsOptions {
  /** Pairs that are remembered. Default 10. */
  memory?: number;
  /** Called after each iteration; `false` ends the run. */
  watch?(x: NamedTensors, value: number): boolean | Promise<boolean>;
  /** Default 200. */
  maxIterations?: number;
}

const ARMIJO = 1e-4;
const CURVATURE = 0.9;
const TRIALS = 25;

interface Pair {
  s: NamedTensors;
  y: NamedTensors;
  /** 1 / sᵀy. */
  rho: number;
}

/**
 * Minimises by L-BFGS, a peer: quasi-Newton steps from the last gradients, full batch.
 *
 * The direction is the two-loop recursion (Nocedal & Wright, [Numerical
 * Optimization](https://doi.org/10.1007/978-0-387-40065-5), 2nd ed., Algorithm 7.4); the step
 * length meets the weak Wolfe conditions by bisection (Lewis & Overton, [Nonsmooth optimization via
 * quasi-Newton methods](https://doi.org/10.1007/s10107-012-0514-2), 2013), which keeps every sᵀy
 * positive.
 *
 * @returns the last point, which belongs to the caller.
 */
export async function lbfgs(
  objective: LossWithGradient,
  start: NamedTensors,
  options: LbfgsOptions = {},
): Promise<NamedTensors> {
  checkFunction(objective, 'the objective of lbfgs');
  checkTensors(start, 'the start of lbfgs');
  checkOptionNames('lbfgs', options, ['memory', 'watch', 'maxIterations']);
  const { memory = 10, watch = () => true, maxIterations = 200 } = options;
  let x = copy(start);
  let gradient: NamedTensors | undefined;
  let pairs: Pair[] = [];
  try {
    let here = objective(x);
    gradient = here.gradient;
    for (let k = 0; k < maxIterations; k++) {
      const next = step(objective, { x, ...here }, pairs, k === 0);
      if (next === undefined) break;
      pairs.push(next.pair);
      for (const old of pairs.slice(0, -memory)) tensors.free(old);
      pairs = pairs.slice(-memory);
      tensors.free([x, gradient]);
      [x, here, gradient] = [next.x, next, next.gradient];
      if (!(await watch(x, here.value))) break;
    }
    return x;
  } catch (error) {
    tensors.free(x);
    throw error;
  } finally {
    tensors.free([gradient, pairs]);
  }
}

interface Point {
  x: NamedTensors;
  value: number;
  gradient: NamedTensors;
}

/** The next point with the pair that leads to it; undefined where none is lower. */
function step(
  objective: LossWithGradient,
  at: Point,
  pairs: readonly Pair[],
  isFirst: boolean,
): (Point & { pair: Pair }) | undefined {
  const d = direction(at.gradient, pairs);
  try {
    const slope = number(() => tensors.dot(at.gradient, d));
    const first = isFirst ? 1 / Math.max(1, Math.sqrt(-slope)) : 1;
    const next = slope < 0 ? search(objective, at.x, at.value, d, slope, first) : undefined;
    if (next === undefined) return undefined;
    const [s, y] = [minus(next.x, at.x), minus(next.gradient, at.gradient)];
    return { ...next, pair: { s, y, rho: 1 / number(() => tensors.dot(s, y)) } };
  } finally {
    tensors.free(d);
  }
}

/** −Hg, with H the inverse Hessian that the pairs make up. */
function direction(gradient: NamedTensors, pairs: readonly Pair[]): NamedTensors {
  return tensors.tidy(() => {
    const { of } = tensors.scalars;
    let q = tensors.scale(of(-1), gradient);
    const alphas: number[] = [];
    for (const { s, y, rho } of [...pairs].reverse()) {
      const alpha = rho * number(() => tensors.dot(s, q));
      alphas.unshift(alpha);
      q = tensors.axpy(of(-alpha), y, q);
    }
    const last = pairs.at(-1);
    if (last) q = tensors.scale(of(1 / (last.rho * number(() => tensors.dot(last.y, last.y)))), q);
    pairs.forEach(({ s, y, rho }, i) => {
      const beta = rho * number(() => tensors.dot(y, q));
      q = tensors.axpy(of(alphas[i]! - beta), s, q);
    });
    return q;
  });
}

function search(
  objective: LossWithGradient,
  x: NamedTensors,
  value: number,
  d: NamedTensors,
  slope: number,
  first: number,
) {
  let [low, high, t] = [0, Number.POSITIVE_INFINITY, first];
  for (let k = 0; k < TRIALS; k++) {
    const candidate = tensors.tidy(() => tensors.axpy(tensors.scalars.of(t), d, x));
    const there = orFree(candidate, () => objective(candidate));
    const falls = there.value <= value + ARMIJO * t * slope;
    if (falls && number(() => tensors.dot(there.gradient, d)) >= CURVATURE * slope) {
      return { x: candidate, ...there };
    }
    tensors.free([candidate, there.gradient]);
    if (falls) low = t;
    else high = t;
    t = Number.isFinite(high) ? (low + high) / 2 : 2 * low;
  }
  return undefined;
}

/** Frees x where the work throws. */
function orFree<T>(x: NamedTensors, work: () => T): T {
  try {
    return work();
  } catch (error) {
    tensors.free(x);
    throw error;
  }
}

const copy = (x: NamedTensors) => tensors.tidy(() => tensors.clone(x));
const minus = (x: NamedTensors, y: NamedTensors) => tensors.tidy(() => tensors.subtract(x, y));

/** The number of a scalar, on a backend that can be read. */
function number(f: () => ReturnType<typeof tensors.dot>): number {
  return tensors.tidy(() => tensors.readSync([f()])[0]!);
}
