import { Portions } from '../event-loop';
import type { LoopReport, LoopStop, SolverLoops } from './operator';

/** `out ← A v`. */
type Multiply = (v: Float64Array, out: Float64Array) => void;

interface Vectors {
  x: Float64Array;
  r: Float64Array;
  best?: Float64Array;
  nearest?: Float64Array;
}

/**
 * Iterations of solves with a symmetric matrix in double precision, many in one call that allocates nothing for
 * each: of conjugate gradients and of Richardson's method, to the last bit those one by one.
 *
 * @param multiply the product with A, into another vector
 * @param portions how many fit into a turn of the event loop; to be shared by solves with the same matrix
 */
export function float64Loops(
  multiply: Multiply,
  portions = new Portions(),
): SolverLoops<Float64Array> {
  return {
    portions,
    conjugateGradients: (state, stop) => conjugateGradients(multiply, state, stop),
    richardson: (state, stop) => richardson(multiply, state, stop),
    shifted: (tau) =>
      float64Loops((v, out) => {
        multiply(v, out);
        for (let i = 0; i < out.length; i++) out[i] = tau * v[i]! + out[i]!;
      }, portions),
  };
}

function conjugateGradients(
  multiply: Multiply,
  { p, rho: first, ...vectors }: Vectors & { p: Float64Array; rho: number },
  stop: LoopStop,
): LoopReport & { rho: number } {
  const { x, r } = vectors;
  const q = new Float64Array(x.length);
  let rho = first;
  const report = iterated(vectors, stop, (accept) => {
    multiply(p, q);
    const along = dot(p, q);
    const alpha = rho / along;
    const minus = 0 - alpha;
    const curvature = stop.floor === undefined ? along : along - stop.floor * dot(p, p);
    for (let i = 0; i < q.length; i++) q[i] = minus * q[i]! + r[i]!;
    const residual = dot(q, q);
    if (!accept(residual, curvature)) return false;
    const beta = residual / rho;
    for (let i = 0; i < q.length; i++) {
      x[i] = alpha * p[i]! + x[i]!;
      p[i] = beta * p[i]! + q[i]!;
      r[i] = q[i]!;
    }
    rho = residual;
    return true;
  });
  return { ...report, rho };
}

function richardson(
  multiply: Multiply,
  { alpha, ...vectors }: Vectors & { alpha: number },
  stop: LoopStop,
): LoopReport {
  const { x, r } = vectors;
  const q = new Float64Array(x.length);
  const minus = 0 - alpha;
  return iterated(vectors, stop, (accept) => {
    multiply(r, q);
    for (let i = 0; i < q.length; i++) q[i] = minus * q[i]! + r[i]!;
    if (!accept(dot(q, q), 1)) return false;
    for (let i = 0; i < q.length; i++) {
      x[i] = alpha * r[i]! + x[i]!;
      r[i] = q[i]!;
    }
    return true;
  });
}

/**
 * Iterations until there are enough of them, or one cannot be taken.
 *
 * @param advance takes one, if it is accepted by its squared residual and its curvature
 */
function iterated(
  { x, best, nearest }: Vectors,
  stop: LoopStop,
  advance: (accept: (residual: number, curvature: number) => boolean) => boolean,
): LoopReport {
  const report = {
    taken: 0,
    residual: stop.best,
    curvature: 1,
    least: stop.least,
    best: stop.best,
  };
  // A NaN in either is less than nothing, and nothing is less than it.
  const accept = (residual: number, curvature: number): boolean => {
    if (!(curvature > 0 && residual < stop.limit && residual < stop.growth * report.least))
      return false;
    report.residual = residual;
    report.curvature = curvature;
    return true;
  };
  while (report.taken < stop.count && report.best > stop.goal && advance(accept)) {
    const { residual } = report;
    report.taken++;
    if (nearest !== undefined && residual < report.least) nearest.set(x);
    report.least = Math.min(report.least, residual);
    if (best === undefined) report.best = residual;
    else if (residual < report.best) {
      best.set(x);
      report.best = residual;
    }
  }
  return report;
}

/** As the space adds it up. */
function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}
