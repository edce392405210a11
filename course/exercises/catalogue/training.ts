import { type Matrix, multiply, randomMatrix, randomVector, transposed } from '../linear';
import { type Alive, growth, liveBytes, measures } from '../live';

/** What the exercises on unrolling are given: an inner loss by its derivatives, and an outer one. */
export interface Training {
  start: Float64Array;
  m: number;
  eta: number;
  steps: number;
  gradient(w: Float64Array): Float64Array;
  hessian(w: Float64Array, v: Float64Array): Float64Array;
  mixed(w: Float64Array, u: Float64Array): Float64Array;
  mixedTransposed(w: Float64Array, v: Float64Array): Float64Array;
  outer(w: Float64Array): { dw: Float64Array; dlambda: Float64Array };
  /** How often each was called so far. */
  calls: { gradient: number; hessian: number; mixed: number; mixedTransposed: number };
  /** What was kept at the end of the steps, in vectors of p numbers, where it is measured. */
  kept?: number;
}

/** `a x + y`. */
export const axpy = (a: number, x: Float64Array, y: Float64Array) =>
  y.map((value, i) => value + a * x[i]!);

export const dot = (x: Float64Array, y: Float64Array) =>
  x.reduce((sum, value, i) => sum + value * y[i]!, 0);

interface Size {
  p: number;
  m: number;
  steps: number;
  eta: number;
  /** Whether b is such that the start is the minimum. */
  solved?: boolean;
  /** Whether M is diagonal, and memory is measured: for a p that is large. */
  measured?: boolean;
}

/**
 * `f = ½ wᵀMw + Σ wᵢ⁴/12 + ½ Σ (Dλ)ᵢ wᵢ² − (b + Cλ)ᵀw`, whose H and B both depend on w, and
 * `E = ½‖w − target‖² + ½‖λ‖²`.
 */
export function training(
  seed: number,
  { p, m, steps, eta, solved = false, measured = false }: Size,
): Training {
  const times = measured ? diagonal(seed, p) : full(seed, p);
  const [C, D] = [randomMatrix(seed + 1, p, m), randomMatrix(seed + 2, p, m, 0.2)];
  const [Ct, Dt] = [transposed(C), transposed(D)];
  const [lambda, target] = [randomVector(seed + 3, m, 0.5), randomVector(seed + 4, p)];
  const start = randomVector(seed + 5, p);
  const penalty = multiply(D, lambda);
  const slope = (w: Float64Array) =>
    times(w).map((value, i) => value + w[i]! ** 3 / 3 + penalty[i]! * w[i]!);
  const linear = solved ? slope(start) : axpy(1, multiply(C, lambda), randomVector(seed + 6, p));

  const calls = { gradient: 0, hessian: 0, mixed: 0, mixedTransposed: 0 };
  const counted =
    <A extends Float64Array[], R>(
      name: keyof typeof calls,
      lengths: number[],
      f: (...args: A) => R,
    ) =>
    (...args: A) => {
      lengths.forEach((length, i) => {
        if (args[i]?.length === length) return;
        throw new RangeError(
          `${name} expects a vector of length ${length} as argument ${i + 1}, but was given ${args[i]?.length}`,
        );
      });
      calls[name] += 1;
      return f(...args);
    };
  let before: Alive | undefined;
  const result: Training = {
    start,
    m,
    eta,
    steps,
    calls,
    gradient: counted('gradient', [p], (w: Float64Array) => {
      if (measured) before ??= liveBytes();
      return axpy(-1, linear, slope(w));
    }),
    hessian: counted('hessian', [p, p], (w: Float64Array, v: Float64Array) =>
      times(v).map((value, i) => value + (w[i]! ** 2 + penalty[i]!) * v[i]!),
    ),
    mixed: counted('mixed', [p, m], (w: Float64Array, u: Float64Array) => {
      const [Cu, Du] = [multiply(C, u), multiply(D, u)];
      return Cu.map((value, i) => w[i]! * Du[i]! - value);
    }),
    mixedTransposed: counted('mixedTransposed', [p, p], (w: Float64Array, v: Float64Array) => {
      const Cv = multiply(Ct, v);
      const Dv = multiply(
        Dt,
        v.map((x, i) => x * w[i]!),
      );
      return Dv.map((value, j) => value - Cv[j]!);
    }),
    outer(w) {
      const now = measured ? liveBytes() : undefined;
      if (before && now) result.kept = growth(before, now) / (8 * p);
      return { dw: axpy(-1, target, w), dlambda: lambda.slice() };
    },
  };
  if (measured) {
    measures(result.gradient);
    measures(result.outer);
  }
  return result;
}

/** Products with `I + R Rᵀ`. */
function full(seed: number, p: number): (v: Float64Array) => Float64Array {
  const R = randomMatrix(seed, p, p, 0.4);
  const M: Matrix = R.map((row, i) =>
    row.map(
      (_, j) => (i === j ? 1 : 0) + row.reduce((sum, value, k) => sum + value * R[j]![k]!, 0),
    ),
  );
  return (v) => multiply(M, v);
}

/** Products with a diagonal between 1 and 2. */
function diagonal(seed: number, p: number): (v: Float64Array) => Float64Array {
  const d = randomVector(seed, p).map((x) => 1 + 1 / (1 + x * x));
  return (v) => v.map((value, i) => d[i]! * value);
}

const MOST_RUNS = 3;

/**
 * A long run in which memory is measured, repeated while more vectors are kept than are enough: what
 * the engine has not given back yet may be counted too, now and then.
 *
 * @returns the run that kept least
 */
export async function measuredRun(
  seed: number,
  answer: (problem: Training) => unknown,
  enough: number,
): Promise<Training> {
  const keptBy = ({ kept = 0 }: Training) => kept;
  const runs: Training[] = [];
  for (let i = 0; i < MOST_RUNS && !runs.some((run) => keptBy(run) <= enough); i++) {
    const run = training(seed, { p: 2500, m: 2, steps: 60, eta: 0.05, measured: true });
    await answer(run);
    runs.push(run);
  }
  return runs.reduce((least, run) => (keptBy(run) < keptBy(least) ? run : least));
}

/** How many vectors were kept, in words: where they are about as many as the steps, just that. */
export function vectorsKept({ kept = 0, steps }: Training): string {
  return kept > 0.7 * steps
    ? 'about as many vectors as there are steps'
    : `about ${Math.round(kept)} vectors`;
}
