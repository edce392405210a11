import { ionosphere } from 'implicit-lab-course';
import { correlatedRegression } from '../../../lib/descent/glm';
import { families, type GlmFamily, type GlmName } from '../../../lib/descent/glm/family';
import { cholesky, type Random, random } from '../../../lib/numbers';
import { float64 } from '../../../lib/spaces';

/** Rows of features with what is to be predicted of each. */
export interface Rows {
  x: Float64Array[];
  y: Float64Array;
}

/** One draw of a problem. */
export interface Drawn {
  train: Rows;
  /** What is left of the way from θ = 0 to the minimiser on the training rows: 1 at 0, 0 there. */
  left(theta: Float64Array, judge: 'validation' | 'test'): number;
  /** Of `½‖θ‖²` in the objective. */
  ridge: number;
}

/** A generalised linear model that is to be fitted. */
export interface ConvexProblem {
  name: string;
  words: string;
  family: GlmName;
  dimension: number;
  /** Rows of a batch. */
  batch: number;
  /** Of {@link Drawn.left}. */
  target: number;
  /** Run by `full` only. */
  long?: boolean;
  draw(seed: number): Drawn;
}

const [STREAM, ROWS, JUDGED] = [100_000, 20_000, 4_000];
const FEATURES = 20;

/**
 * Written down before the runs: sizes, scales and targets of all problems. A trial of the program with
 * one seed had shown that on features of such scales 1 % is out of reach of what goes by samples.
 */
export const problems: readonly ConvexProblem[] = [
  {
    name: 'Toulis & Airoldi',
    words:
      'linear regression of 100 correlated features, covariance diag(.2, …, 1) + uuᵀ, n = 10⁵ (Toulis & Airoldi)',
    family: 'linear',
    dimension: 100,
    batch: 500,
    target: 0.01,
    draw(seed) {
      const problem = correlatedRegression(100);
      const rows = (count: number, stream: number): Rows => {
        const all = [...problem.samples(count, stream)];
        return { x: all.map(({ x }) => x), y: Float64Array.from(all, ({ y }) => y) };
      };
      const zero = new Float64Array(problem.dimension);
      const held = rows(JUDGED, 3 * seed + 1);
      const [first, last] = [zero, problem.truth].map((theta) => meanLoss('linear', held, theta));
      return {
        train: rows(STREAM, 3 * seed),
        ridge: 0,
        // What is reported is exact.
        left: (theta, judge) =>
          judge === 'test'
            ? problem.risk(theta) / problem.risk(zero)
            : (meanLoss('linear', held, theta) - last!) / (first! - last!),
      };
    },
  },
  {
    name: 'Ionosphere',
    words:
      'logistic regression with a penalty of 0.01 on the 351 radar returns, 33 features and a constant; a fifth held out to choose on, a fifth to report on',
    family: 'logistic',
    dimension: 34,
    batch: 50,
    target: 0.05,
    draw(seed) {
      const { x, y, count } = ionosphere();
      // Feature 1 is always 0: the constant takes its place.
      const row = (i: number) => x[i]!.map((value, j) => (j === 1 ? 1 : value));
      const order = [...random(seed).permutation(count)];
      const rows = (from: number, to: number): Rows => {
        const some = order.slice(Math.round(from * count), Math.round(to * count));
        return { x: some.map(row), y: Float64Array.from(some, (i) => (y[i]! > 0 ? 1 : 0)) };
      };
      const judges = { validation: rows(0.6, 0.8), test: rows(0.8, 1) };
      return drawn('logistic', rows(0, 0.6), judges, 0.01);
    },
  },
  scaled('logistic', { family: 'logistic', spread: 3, isRotated: false }),
  scaled('logistic, rotated', { family: 'logistic', spread: 3, isRotated: true }),
  scaled('Poisson', { family: 'poisson', spread: 0.7, isRotated: false }),
];

/** Features of standard deviations from 100 down to 0.01, each of which counts for as much. */
function scaled(
  name: string,
  {
    family,
    spread,
    isRotated,
  }: { family: 'logistic' | 'poisson'; spread: number; isRotated: boolean },
): ConvexProblem {
  return {
    name,
    words: `${name === 'Poisson' ? 'Poisson' : 'logistic'} regression of ${FEATURES} features of standard deviations from 100 to 0.01${isRotated ? ', turned into a random basis' : ''}, n = 2·10⁴`,
    family,
    ...(isRotated && { long: true }),
    dimension: FEATURES,
    batch: 500,
    target: 0.1,
    draw(seed) {
      const stream = random(seed);
      const deviations = Float64Array.from(
        { length: FEATURES },
        (_, j) => 100 * 1e-4 ** (j / (FEATURES - 1)),
      );
      const share = stream.normals(FEATURES);
      const size = spread / Math.sqrt(float64.dot(share, share));
      const turn = isRotated ? rotation(FEATURES, stream) : (x: Float64Array) => x;
      const rows = (count: number): Rows => {
        const normals = Array.from({ length: count }, () => stream.normals(FEATURES));
        const y = Float64Array.from(normals, (z) =>
          sample(family, size * float64.dot(z, share), stream),
        );
        return { x: normals.map((z) => turn(z.map((value, j) => value * deviations[j]!))), y };
      };
      const train = rows(ROWS);
      return drawn(family, train, { validation: rows(JUDGED), test: rows(JUDGED) });
    },
  };
}

function sample(family: 'logistic' | 'poisson', eta: number, stream: Random): number {
  if (family === 'logistic') return stream.uniform() < families.logistic.mean(eta) ? 1 : 0;
  // Knuth's product of uniform numbers; means are small here.
  const least = Math.exp(-Math.exp(eta));
  let count = 0;
  for (let product = stream.uniform(); product > least; product *= stream.uniform()) count++;
  return count;
}

/** A random orthogonal map, as reflections one after the other. */
function rotation(dimension: number, stream: Random): (x: Float64Array) => Float64Array {
  const mirrors = Array.from({ length: dimension }, () => {
    const v = stream.normals(dimension);
    const length = Math.sqrt(float64.dot(v, v));
    return v.map((value) => value / length);
  });
  return (x) => mirrors.reduce((y, v) => float64.axpy(-2 * float64.dot(v, y), v, y), x);
}

function drawn(
  name: GlmName,
  train: Rows,
  judges: Record<'validation' | 'test', Rows>,
  ridge = 0,
): Drawn {
  const family = families[name];
  const best = minimiser(family, train, ridge);
  const zero = new Float64Array(best.length);
  const ends = (judge: 'validation' | 'test') => {
    const [first, last] = [zero, best].map((theta) => meanLoss(name, judges[judge], theta));
    return { first: first!, last: last! };
  };
  const of = { validation: ends('validation'), test: ends('test') };
  return {
    train,
    ridge,
    left(theta, judge) {
      const { first, last } = of[judge];
      return (meanLoss(name, judges[judge], theta) - last) / (first - last);
    },
  };
}

const softplus = (z: number) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

/** The mean negative log-likelihood, without what does not depend on θ. */
export function meanLoss(name: GlmName, { x, y }: Rows, theta: Float64Array): number {
  const cumulant = { linear: (z: number) => (z * z) / 2, logistic: softplus, poisson: Math.exp }[
    name
  ];
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const eta = float64.dot(x[i]!, theta);
    sum += cumulant(eta) - y[i]! * eta;
  }
  return sum / x.length;
}

/** The gradient of the mean negative log-likelihood with the penalty. */
export function gradientOf(family: GlmFamily, { x, y }: Rows, theta: Float64Array, ridge: number) {
  const gradient = theta.map((value) => ridge * value);
  for (let i = 0; i < x.length; i++) {
    const row = x[i]!;
    const slope = (family.mean(float64.dot(row, theta)) - y[i]!) / x.length;
    for (let j = 0; j < row.length; j++) gradient[j]! += slope * row[j]!;
  }
  return gradient;
}

/** Newton's method with halved steps, to a gradient of 0 in double precision. */
function minimiser(family: GlmFamily, rows: Rows, ridge: number): Float64Array {
  const d = rows.x[0]!.length;
  let theta: Float64Array = new Float64Array(d);
  const value = (at: Float64Array) =>
    meanLoss(family.name, rows, at) + (ridge / 2) * float64.dot(at, at);
  let before = value(theta);
  for (let k = 0; k < 50; k++) {
    const gradient = gradientOf(family, rows, theta, ridge);
    const hessian = new Float64Array(d * d);
    for (const row of rows.x) {
      const weight = family.slope(float64.dot(row, theta)) / rows.x.length;
      for (let i = 0; i < d; i++) {
        const factor = weight * row[i]!;
        for (let j = 0; j <= i; j++) hessian[i * d + j]! += factor * row[j]!;
      }
    }
    for (let i = 0; i < d; i++) {
      hessian[i * d + i]! += ridge;
      for (let j = 0; j < i; j++) hessian[j * d + i] = hessian[i * d + j]!;
    }
    const solve = cholesky({ size: d, entries: hessian }, 0);
    if (solve === undefined) break;
    const step = solve(gradient);
    let length = 1;
    let next = float64.axpy(-length, step, theta);
    while (!(value(next) <= before) && length > 1e-6) {
      length /= 2;
      next = float64.axpy(-length, step, theta);
    }
    const after = value(next);
    if (!(after < before)) break;
    [theta, before] = [next, after];
  }
  return theta;
}
