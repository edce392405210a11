import type { Factors } from './linear-algebra';
import { factorized, solved } from './linear-algebra';
import type { RightHandSide } from './ode';
import { alpha, basis, basisInverse, beta, errorWeights, gamma, nodes } from './radau-method';
import type { Work } from './work';

/** The three stages of a step, as differences from where it begins. */
export type Stages = [Float64Array, Float64Array, Float64Array];

/** The matrices of a step of h, factorized. */
export interface StageMatrices {
  h: number;
  real: Factors;
  pair: Factors;
}

/** `γ/h − J` and the pair `[[α/h − J, β/h], [−β/h, α/h − J]]`; undefined where one is singular. */
export function* stageMatrices(
  rows: readonly Float64Array[],
  h: number,
): Work<StageMatrices | undefined> {
  const n = rows.length;
  const one = new Float64Array(n * n);
  const two = new Float64Array(4 * n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const entry = -rows[i]![j]!;
      one[i * n + j] = entry;
      two[i * 2 * n + j] = entry;
      two[(i + n) * 2 * n + j + n] = entry;
    }
    one[i * (n + 1)]! += gamma / h;
    two[i * (2 * n + 1)]! += alpha / h;
    two[(i + n) * (2 * n + 1)]! += alpha / h;
    two[i * 2 * n + i + n] = beta / h;
    two[(i + n) * 2 * n + i] = -beta / h;
  }
  const real = yield* factorized(n, one);
  const pair = yield* factorized(2 * n, two);
  return real && pair && { h, real, pair };
}

export interface StageEquations {
  f: RightHandSide;
  y: Float64Array;
  t: number;
  h: number;
  /** The time at which the last stage sees f. */
  end: number;
}

export interface StageSolution {
  stages: Stages;
  iterations: number;
  /** How fast the last iterations converged. */
  rate: number;
}

const MAX_ITERATIONS = 10;

/**
 * Solves `Z = h (A ⊗ I) F(Z)` by simplified Newton steps from a guess; undefined where they do not
 * converge.
 *
 * @param weigh the size of a vector in units of the error tolerance
 * @param tolerance how much of that the stages may be off
 */
export function* solveStages(
  { f, y, t, h, end }: StageEquations,
  { real, pair }: StageMatrices,
  guess: Stages,
  weigh: (x: Float64Array) => number,
  tolerance: number,
): Work<StageSolution | undefined> {
  const n = y.length;
  let z = guess;
  let w = mixed(basisInverse, z);
  let [before, rate] = [0, 0];
  for (let k = 1; k <= MAX_ITERATIONS; k++) {
    yield;
    const slopes = z.map((stage, i) =>
      f(
        y.map((value, j) => value + stage[j]!),
        i === 2 ? end : t + nodes[i]! * h,
      ),
    ) as Stages;
    if (!slopes.every((slope) => slope.every(Number.isFinite))) return undefined;
    const g = mixed(basisInverse, slopes);
    const first = solved(
      real,
      g[0].map((value, i) => value - (gamma / h) * w[0][i]!),
    );
    const right = new Float64Array(2 * n);
    for (let i = 0; i < n; i++) {
      right[i] = g[1][i]! - (alpha * w[1][i]! + beta * w[2][i]!) / h;
      right[i + n] = g[2][i]! - (alpha * w[2][i]! - beta * w[1][i]!) / h;
    }
    const both = solved(pair, right);
    const step: Stages = [first, both.slice(0, n), both.slice(n)];
    const change = mixed(basis, step);
    const size = Math.max(...change.map(weigh));
    if (!Number.isFinite(size)) return undefined;
    w = w.map((part, i) => part.map((value, j) => value + step[i]![j]!)) as Stages;
    z = mixed(basis, w);
    if (k > 1) {
      rate = size / before;
      // What is left if it goes on at this rate; it may not be met in the iterations left.
      if (rate >= 1 && size > tolerance) return undefined;
      const left = rate ** (MAX_ITERATIONS - k) * (size / (1 - rate));
      if (rate < 1 && size > tolerance && left > tolerance) return undefined;
    }
    if (size === 0 || (k > 1 && (rate / Math.max(1 - rate, 1e-3)) * size <= tolerance)) {
      return { stages: z, iterations: k, rate };
    }
    before = size;
  }
  return undefined;
}

/** The estimate of the error of a step, from the slope at its start, damped as the method damps. */
export function stageError(
  { real, h }: StageMatrices,
  slope: Float64Array,
  stages: Stages,
): Float64Array {
  return solved(
    real,
    slope.map((value, i) => {
      const sum = errorWeights.reduce((sum, weight, j) => sum + weight * stages[j]![i]!, 0);
      return value + (gamma / h) * sum;
    }),
  );
}

/** The sums of three vectors by the rows of a matrix. */
function mixed(matrix: typeof basis, x: Stages): Stages {
  return matrix.map((row) =>
    x[0].map((value, i) => row[0] * value + row[1] * x[1][i]! + row[2] * x[2][i]!),
  ) as Stages;
}
