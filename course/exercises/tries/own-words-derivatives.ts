import * as tf from '@tensorflow/tfjs';
import {
  bilevelProblem,
  cg,
  type ExampleLosses,
  type Examples,
  hypergradient,
  implicit,
  type Kind,
  type LinearOperator,
  onBatches,
} from 'implicit-lab';
import { axpy, type Training } from '../catalogue/training';
import { solveDense, transposed } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

// Answers on derivatives of solutions and of iterates, written from the tasks alone.

interface Products {
  jvp(v: Vector): Vector;
  vjp(q: Vector): Vector;
}
interface FixedPoint {
  inner: Products;
  mixed: Products;
  outerW: Vector;
  outerLambda: Vector;
}

/** ift-01 with the solver of the adjoint as a parameter. */
const byAdjoint =
  (solve: (Jt: (q: Vector) => Vector, b: Vector, J: (v: Vector) => Vector) => Vector) =>
  ({ inner, mixed, outerW, outerLambda }: FixedPoint) =>
    add(
      outerLambda,
      1,
      mixed.vjp(
        solve(
          (q) => inner.vjp(q),
          outerW,
          (v) => inner.jvp(v),
        ),
      ),
    );
/** `q ← q + share (b + c Jᵀq − q)`, until it changes by less than `until`. */
const relaxed =
  ({ share = 0.55, c = 1, until = 0, most = 85 } = {}) =>
  (Jt: (q: Vector) => Vector, b: Vector) => {
    let q = b;
    for (let k = 0; k < most; k++) {
      const r = add(add(b, c, Jt(q)), -1, q);
      q = add(q, share, r);
      if (size(r) < until) break;
    }
    return q;
  };

const fixedPointTries: Try[] = [
  { id: 'ift-01', name: 'a share of .55', answer: byAdjoint(relaxed()), verdict: 'right' },
  {
    id: 'ift-01',
    name: 'until nothing moves by 1e-5 of b',
    answer: byAdjoint((Jt, b) => relaxed({ until: 1e-9 * size(b) })(Jt, b)),
    verdict: 'right',
  },
  {
    id: 'ift-01',
    name: 'until nothing moves by 1e-6',
    answer: byAdjoint(relaxed({ until: 1e-6 })),
    verdict: 'differs',
  },
  {
    id: 'ift-01',
    name: 'half of the Jacobian, so that it converges',
    answer: byAdjoint(relaxed({ share: 1, c: 0.45 })),
    verdict: 'differs',
  },
  {
    id: 'ift-01',
    name: 'a share of .9',
    answer: byAdjoint(relaxed({ share: 0.9 })),
    verdict: 'property: stays bounded',
  },
  {
    id: 'ift-01',
    name: 'the mean of the iterates of the lesson',
    answer: byAdjoint((Jt, b) => {
      let q = b;
      let sum = b;
      for (let k = 1; k < 20; k++) {
        q = add(b, 1, Jt(q));
        sum = add(sum, 1, q);
      }
      return sum.map((x) => x / 20);
    }),
    verdict: 'property: stays bounded',
  },
];

interface Interpolation {
  X: LinearOperator<Vector> & { transpose(u: Vector): Vector };
  Z: Vector[];
  outer: Vector;
  damping: number;
}

/** XXᵀ, column by column. */
const gramOf = (X: Interpolation['X'], n: number): Matrix =>
  transposed(
    Array.from({ length: n }, (_, j) => {
      const unit = new Float64Array(n);
      unit[j] = 1;
      return [...X.apply(X.transpose(unit))];
    }),
  );
const raised = (M: Matrix, by: number) =>
  M.map((row, i) => row.map((x, j) => (i === j ? x + by : x)));
const byRows = (Z: Vector[], u: ArrayLike<number>) =>
  Float64Array.from(Z[0]!, (_, j) => Z.reduce((sum, row, i) => sum + row[j]! * u[i]!, 0));

const interpolationTries: Try[] = [
  {
    id: 'ift-02',
    name: 'everything divided by n',
    answer: ({ X, Z, outer, damping }: Interpolation) => {
      const n = Z.length;
      const K = gramOf(X, n).map((row) => row.map((x) => x / n));
      const b = X.apply(outer).map((x) => x / n);
      return {
        leastNorm: byRows(Z, solveDense(K, b)),
        damped: byRows(Z, solveDense(raised(K, damping), b)),
      };
    },
    verdict: 'right',
  },
  {
    id: 'ift-02',
    name: 'the damped one for both',
    answer: ({ X, Z, outer, damping }: Interpolation) => {
      const n = Z.length;
      const damped = byRows(Z, solveDense(raised(gramOf(X, n), n * damping), X.apply(outer)));
      return { leastNorm: damped, damped };
    },
    verdict: 'mistake: damped in both',
  },
  {
    id: 'ift-02',
    name: 'the damping squared',
    answer: ({ X, Z, outer, damping }: Interpolation) => {
      const K = gramOf(X, Z.length);
      const of = (by: number) => byRows(Z, solveDense(raised(K, by), X.apply(outer)));
      return { leastNorm: of(0), damped: of(Z.length * damping ** 2) };
    },
    verdict: 'differs',
  },
  {
    id: 'ift-02',
    name: 'the diagonal of the Gram matrix only',
    answer: ({ X, Z, outer, damping }: Interpolation) => {
      const n = Z.length;
      const K = gramOf(X, n).map((row, i) => row.map((x, j) => (i === j ? x : 0)));
      const of = (by: number) => byRows(Z, solveDense(raised(K, by), X.apply(outer)));
      return { leastNorm: of(0), damped: of(n * damping) };
    },
    verdict: 'differs',
  },
];

/** neumann-01 with the coefficient of each power as parameters. */
const series =
  (next: (k: number) => number, { outside = Math.sqrt } = {}) =>
  (A: LinearOperator<Vector>, b: Vector, alpha: number, terms: number) => {
    let power = b;
    let sum = b;
    let c = 1;
    for (let k = 1; k < terms; k++) {
      power = add(power, -alpha, A.apply(power));
      c *= next(k);
      sum = add(sum, c, power);
    }
    return sum.map((x) => outside(alpha) * x);
  };

const seriesTries: Try[] = [
  {
    id: 'neumann-01',
    name: '1 − 1/(2k)',
    answer: series((k) => 1 - 1 / (2 * k)),
    verdict: 'right',
  },
  {
    id: 'neumann-01',
    name: 'signs that alternate',
    answer: series((k) => -(1 - 1 / (2 * k))),
    verdict: 'mistake: the coefficients of (1 + x)',
  },
  {
    id: 'neumann-01',
    name: 'the root of each coefficient of the lesson’s series',
    answer: series(() => 1),
    verdict: 'mistake: all coefficients are 1',
  },
  {
    id: 'neumann-01',
    name: 'the cube root of α',
    answer: series((k) => 1 - 1 / (2 * k), { outside: Math.cbrt }),
    verdict: 'differs',
  },
];

interface Linear {
  A: LinearOperator<Vector>;
  b: Vector;
  mu: number;
}
interface Plan {
  start: Vector;
  alpha: number;
  tolerance: number;
  most: number;
}

/** fixed-01 with the end and the bound as parameters. */
const descended =
  ({
    ended = (r: Vector, b: Vector, { tolerance }: Plan) => size(r) <= tolerance * size(b),
    bound = (r: Vector, { mu }: Linear, _plan: Plan) => size(r) / mu,
  } = {}) =>
  (system: Linear, plan: Plan) => {
    let v = plan.start;
    let r = add(system.b, -1, system.A.apply(v));
    let steps = 0;
    while (!ended(r, system.b, plan) && steps < plan.most) {
      v = add(v, plan.alpha, r);
      r = add(system.b, -1, system.A.apply(v));
      steps += 1;
    }
    return { value: v, steps, bound: bound(r, system, plan) };
  };

const descentTries: Try[] = [
  {
    id: 'fixed-01',
    name: 'the bound by the geometric series of the moves',
    answer: descended({ bound: (r, { mu }, { alpha }) => (alpha * size(r)) / (alpha * mu) }),
    verdict: 'right',
  },
  {
    id: 'fixed-01',
    name: 'the tolerance in the bound',
    answer: descended({ bound: (_, { b, mu }, { tolerance }) => (tolerance * size(b)) / mu }),
    verdict: 'property: the bound holds',
  },
  {
    id: 'fixed-01',
    name: 'ended by the move',
    answer: descended({
      ended: (r, b, { alpha, tolerance }) => alpha * size(r) <= tolerance * size(b),
    }),
    verdict: 'differs',
  },
  {
    id: 'fixed-01',
    name: 'relative to the start',
    answer: descended({
      ended: (r, _b, { start, tolerance }) => size(r) <= tolerance * size(start),
    }),
    verdict: 'differs',
  },
  {
    id: 'fixed-01',
    name: 'the bound squared',
    answer: descended({ bound: (r, { mu }) => dot(r, r) / mu }),
    verdict: 'property: the bound holds',
  },
];

interface Tied {
  w: Vector;
  adjoint: Vector;
  lambda: Vector;
  ties: { i: number; j: number; k: number }[];
  outerLambda: Vector;
}
/** mixed-01 with the contribution of a tie as a parameter. */
const tied =
  (
    adds: (dw: number, dq: number) => number,
    where = (k: number, _m: number): number[] => [k],
    scale = Math.exp,
  ) =>
  ({ w, adjoint: q, lambda, ties, outerLambda }: Tied) => {
    const result = outerLambda.slice();
    for (const { i, j, k } of ties)
      for (const at of where(k, lambda.length))
        result[at]! -= scale(lambda[k]!) * adds(w[i]! - w[j]!, q[i]! - q[j]!);
    return result;
  };
const everywhere = (_k: number, m: number) => Array.from({ length: m }, (_, at) => at);

const tiedTries: Try[] = [
  {
    id: 'mixed-01',
    name: 'the difference squared, halved, times that of the adjoint',
    answer: tied((dw, dq) => (dw * dw * dq) / 2),
    verdict: 'differs',
  },
  {
    id: 'mixed-01',
    name: 'adjoints by their distance',
    answer: tied((dw, dq) => dw * Math.abs(dq)),
    verdict: 'differs',
  },
  {
    id: 'mixed-01',
    name: 'each tie for all penalties',
    answer: tied((dw, dq) => dw * dq, everywhere),
    verdict: 'differs',
  },
  {
    id: 'mixed-01',
    name: 'penalties by a softplus',
    answer: tied(
      (dw, dq) => dw * dq,
      (k) => [k],
      (x) => Math.log1p(Math.exp(x)),
    ),
    verdict: 'differs',
  },
];

interface Given {
  losses: ExampleLosses;
  w: Record<string, tf.Tensor>;
  λ: Record<string, tf.Tensor>;
  train: Examples;
  validation: Examples;
}
/** What kinds-01 passes on, for weights of the classes. */
const byWeights =
  (weights: (logits: tf.Tensor1D, y: tf.Tensor2D) => tf.Tensor) =>
  async ({ losses, w, λ, train, validation }: Given) => {
    const kind: Kind = {
      name: 'classWeights',
      initial: () => ({ logits: tf.zerosLike(λ.logits!) }),
      loss: (losses, w, λ, batch) =>
        tf.tidy(() => {
          const y = batch.y as tf.Tensor2D;
          const c = weights(λ.logits as tf.Tensor1D, y);
          const chosen = tf.matMul(y, tf.reshape(c, [-1, 1]) as tf.Tensor2D);
          return tf.mean(tf.mul(tf.squeeze(chosen, [1]), losses(w, batch)));
        }),
    };
    const problem = onBatches(bilevelProblem(losses, kind), { inner: train, outer: validation });
    const how = implicit({ solver: cg({ tolerance: 1e-6 }), estimate: false });
    const { value, adjoint } = await hypergradient(problem, w, λ, how);
    tf.dispose(adjoint);
    const at = tf.tidy(() => kind.loss(losses, w, λ, train));
    return { initial: kind.initial(w).logits, loss: at, value: value.logits };
  };

const kindTries: Try[] = [
  {
    id: 'kinds-01',
    name: 'by the logarithm of the sum of exponentials',
    answer: byWeights((l) => tf.mul(l.size, tf.exp(tf.sub(l, tf.logSumExp(l))))),
    verdict: 'right',
  },
  {
    id: 'kinds-01',
    name: 'the logits less their mean',
    answer: byWeights((l) => tf.exp(tf.sub(l, tf.mean(l)))),
    verdict: 'differs',
  },
  {
    id: 'kinds-01',
    name: 'by a logistic function over its mean',
    answer: byWeights((l) => tf.div(tf.sigmoid(l), tf.mean(tf.sigmoid(l)))),
    verdict: 'differs',
  },
  {
    id: 'kinds-01',
    name: 'the mean over the batch is 1',
    answer: byWeights((l, y) => {
      const c = tf.exp(l);
      return tf.div(c, tf.mean(tf.matMul(y, tf.reshape(c, [-1, 1]) as tf.Tensor2D)));
    }),
    verdict: 'mistake: divided by the sum of the weights',
  },
];

interface Batches {
  outer(batch: number): { w: Vector; lambda: Vector };
  hessian(batch: number): LinearOperator<Vector>;
  mixedVjp(batch: number, q: Vector): Vector;
}

/** stochastic-01 with its rules as parameters, from a list of all iterates. */
const sampled =
  ({
    b = (batches: Batches, _k: number) => batches.outer(0).w,
    isLate = (k: number, K: number) => k > K / 2,
    over = (late: number, _K: number) => late,
    pull = (batches: Batches, K: number, late: Vector[], over: number) =>
      batches.mixedVjp(
        K + 1,
        late.reduce((sum, q) => add(sum, 1, q)).map((x) => x / over),
      ),
    sign = -1,
  } = {}) =>
  (batches: Batches, alpha: number, K: number) => {
    const { w, lambda } = batches.outer(0);
    const iterates: Vector[] = [w.map(() => 0)];
    for (let k = 1; k <= K; k++) {
      const q = iterates[k - 1]!;
      const r = add(b(batches, k), -1, batches.hessian(k).apply(q));
      iterates.push(add(q, alpha / Math.sqrt(k), r));
    }
    const late = iterates.filter((_, k) => k > 0 && isLate(k, K));
    return add(lambda, sign, pull(batches, K, late, over(late.length, K)));
  };

const stochasticTries: Try[] = [
  {
    id: 'stochastic-01',
    name: 'the product for each late iterate, then their mean',
    answer: sampled({
      pull: (batches, K, late) =>
        late
          .map((q) => batches.mixedVjp(K + 1, q))
          .reduce((sum, x) => add(sum, 1, x))
          .map((x) => x / late.length),
    }),
    verdict: 'right',
  },
  {
    id: 'stochastic-01',
    name: 'the outer gradient of each step’s batch',
    answer: sampled({ b: (batches, k) => batches.outer(k).w }),
    verdict: 'mistake: a fresh outer gradient in each step',
  },
  {
    id: 'stochastic-01',
    name: 'half of K for the number of late iterates',
    answer: sampled({ over: (_, K) => K / 2 }),
    verdict: 'differs',
  },
  {
    id: 'stochastic-01',
    name: 'from K/2 on',
    answer: sampled({ isLate: (k, K) => k >= K / 2 }),
    verdict: 'mistake: the mean begins one q too early',
  },
  {
    id: 'stochastic-01',
    name: 'added',
    answer: sampled({ sign: 1 }),
    verdict: 'mistake: the sign of the implicit term',
  },
];

/** unroll-02 by a recursion, with its rules as parameters. */
const recursive =
  ({ slopeAt = (before: Vector, _after: Vector) => before, sign = -1 } = {}) =>
  ({ start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training) => {
    let deta = 0;
    let dlambda: Vector = new Float64Array(0);
    const back = (w: Vector, left: number): Vector => {
      if (left === 0) {
        const { dw, dlambda: direct } = outer(w);
        dlambda = direct;
        return dw;
      }
      const next = axpy(-eta, gradient(w), w);
      const q = back(next, left - 1);
      deta += sign * dot(gradient(slopeAt(w, next)), q);
      dlambda = axpy(-eta, mixedTransposed(w, q), dlambda);
      return axpy(-eta, hessian(w, q), q);
    };
    const dstart = back(start, steps);
    return { dlambda, dstart, deta };
  };

/** unroll-01 with tangents as rows, and rules as parameters. */
const forwards =
  ({ first = 0, by = (training: Training, w: Vector, z: Vector) => training.hessian(w, z) } = {}) =>
  (training: Training) => {
    const { start, m, eta, steps, gradient, mixed, outer } = training;
    const units = Array.from({ length: m }, (_, j) =>
      Float64Array.from({ length: m }, (_, i) => (i === j ? 1 : 0)),
    );
    let w: Vector = start;
    let Z: Vector[] = [...units.map(() => start.map(() => first)), start.map(() => 0)];
    for (let t = 0; t < steps; t++) {
      const g = gradient(w);
      Z = Z.map((z, j) => {
        const moved = axpy(-eta, by(training, w, z), z);
        return j < m ? axpy(-eta, mixed(w, units[j]!), moved) : axpy(-1, g, moved);
      });
      w = axpy(-eta, g, w);
    }
    const { dw, dlambda } = outer(w);
    return {
      dlambda: dlambda.map((x, j) => x + dot(Z[j]!, dw)),
      deta: dot(Z[m]!, dw),
    };
  };

/** unroll-03 with the backward pass as a parameter. */
const lastSteps =
  ({
    kept = (states: Vector[]) => states,
    at = (state: Vector, _end: Vector) => state,
    outerAt = (end: Vector, _first: Vector) => end,
    extra = 0,
  } = {}) =>
  ({ start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training, K: number) => {
    let w: Vector = start;
    let states: Vector[] = [];
    for (let t = 0; t < steps; t++) {
      if (t >= steps - K - extra) states.push(w);
      w = axpy(-eta, gradient(w), w);
    }
    const end = outer(outerAt(w, states[0]!));
    let q: Vector = end.dw;
    let total: Vector = end.dlambda;
    states = kept(states);
    for (const state of [...states].reverse()) {
      total = axpy(-eta, mixedTransposed(at(state, w), q), total);
      q = axpy(-eta, hessian(at(state, w), q), q);
    }
    return total;
  };

const unrolledTries: Try[] = [
  { id: 'unroll-01', name: 'the tangents as rows', answer: forwards(), verdict: 'right' },
  {
    id: 'unroll-01',
    name: 'products with H by differences of the gradient',
    answer: forwards({
      by: ({ gradient }, w, z) => {
        const behind = gradient(axpy(-1e-5, z, w));
        return gradient(axpy(1e-5, z, w)).map((x, i) => (x - behind[i]!) / 2e-5);
      },
    }),
    verdict: 'property: takes each step once',
  },
  {
    id: 'unroll-01',
    name: 'tangents that begin at 1e-3',
    answer: forwards({ first: 1e-3 }),
    verdict: 'differs',
  },
  { id: 'unroll-02', name: 'by a recursion', answer: recursive(), verdict: 'right' },
  {
    id: 'unroll-02',
    name: 'the gradient where the step ends, for η',
    answer: recursive({ slopeAt: (_, after) => after }),
    verdict: 'differs',
  },
  {
    id: 'unroll-02',
    name: 'the movement by η with a plus',
    answer: recursive({ sign: 1 }),
    verdict: 'mistake: the sign of the derivative with respect to η',
  },
  {
    id: 'unroll-03',
    name: 'states pushed from step T − K on',
    answer: lastSteps(),
    verdict: 'right',
  },
  {
    id: 'unroll-03',
    name: 'H and B at the end in all steps',
    answer: lastSteps({ at: (_, end) => end }),
    verdict: 'mistake: the derivatives are all taken at w_T',
  },
  {
    id: 'unroll-03',
    name: 'the states in forward order',
    answer: lastSteps({ kept: (states) => [...states].reverse() }),
    verdict: 'mistake: the states in forward order',
  },
  {
    id: 'unroll-03',
    name: 'E at the state where the walk ends',
    answer: lastSteps({ outerAt: (_, first) => first }),
    verdict: 'differs',
  },
];

interface Beginning {
  spectrum: Vector;
  dspectrum: Vector;
  d: Vector;
  r: Vector;
}
interface Schedule {
  rates: Vector;
  drates: Vector;
}

/** curse-01 by products over all other steps, with its rules as parameters. */
const scheduled =
  ({
    rateAt = (rates: Vector, t: number) => rates[t]!,
    length = size,
    read = (J: Vector, _e: Vector) => J,
  } = {}) =>
  ({ spectrum, dspectrum, d, r }: Beginning, { rates, drates }: Schedule) =>
    Float64Array.from({ length: rates.length + 1 }, (_, T) => {
      const steps = Array.from({ length: T }, (_, t) => t);
      const factor = (i: number, except = -1) =>
        steps.reduce((P, t) => (t === except ? P : P * (1 - rateAt(rates, t) * spectrum[i]!)), 1);
      const slope = (i: number) =>
        steps.reduce(
          (sum, t) =>
            sum - (rateAt(rates, t) * dspectrum[i]! + drates[t]! * spectrum[i]!) * factor(i, t),
          0,
        );
      const J = d.map((x, i) => factor(i) * x + slope(i) * r[i]!);
      const e = r.map((x, i) => factor(i) * x);
      return length(read(J, e));
    });

const scheduleTries: Try[] = [
  {
    id: 'curse-01',
    name: 'all other factors, for every t anew',
    answer: scheduled(),
    verdict: 'right',
  },
  {
    id: 'curse-01',
    name: 'the error of w',
    answer: scheduled({ read: (_, e) => e }),
    verdict: 'property: begins with the first error',
  },
  {
    id: 'curse-01',
    name: 'the root of the mean square',
    answer: scheduled({ length: (x) => size(x) / Math.sqrt(x.length) }),
    verdict: 'property: begins with the first error',
  },
  {
    id: 'curse-01',
    name: 'the next rate',
    answer: scheduled({ rateAt: (rates, t) => rates[Math.min(t + 1, rates.length - 1)]! }),
    verdict: 'differs',
  },
  {
    id: 'curse-01',
    name: 'the norm squared',
    answer: scheduled({ length: (x) => dot(x, x) }),
    verdict: 'mistake: another norm',
  },
];

/** Polynomials in s by their coefficients. */
const timesS = (p: number[]) => [0, ...p];
const sumOf = (a: number, p: number[], b: number, q: number[]) =>
  Array.from({ length: Math.max(p.length, q.length) }, (_, i) => a * (p[i] ?? 0) + b * (q[i] ?? 0));
const valueAt = (p: number[], s: number) => p.reduceRight((sum, c) => sum * s + c, 0);
const slopeOf = (p: number[]) => p.slice(1).map((c, i) => c * (i + 1));

/** curse-02 by coefficients, with ω and Q as parameters. */
const chebyshev =
  ({
    omegas = (sigma: number, t: number) => {
      const omega = [Number.NaN, Number.NaN, 1 / (1 - 1 / (2 * sigma ** 2))];
      for (let k = 3; k <= t; k++) omega.push(1 / (1 - omega[k - 1]! / (4 * sigma ** 2)));
      return omega;
    },
    Q = (P: number, dP: number, s: number, _t: number) => P - s * dP,
  } = {}) =>
  (mu: number, L: number, t: number, spectrum: Vector) => {
    const omega = omegas((L + mu) / (L - mu), t);
    let [before, now] = [[1], t === 0 ? [1] : [1, -2 / (L + mu)]];
    for (let k = 2; k <= t; k++) {
      const factor = sumOf(1, now, -2 / (L + mu), timesS(now));
      [before, now] = [now, sumOf(omega[k]!, factor, 1 - omega[k]!, before)];
    }
    const P = spectrum.map((s) => valueAt(now, s));
    const dP = spectrum.map((s) => valueAt(slopeOf(now), s));
    return { P, dP, Q: P.map((value, i) => Q(value, dP[i]!, spectrum[i]!, t)) };
  };

const chebyshevTries: Try[] = [
  { id: 'curse-02', name: 'by coefficients', answer: chebyshev(), verdict: 'right' },
  {
    id: 'curse-02',
    name: 'ω of the step before',
    answer: chebyshev({
      omegas: (sigma, t) => {
        const omega = [1, 1, 1, 1 / (1 - 1 / (2 * sigma ** 2))];
        for (let k = 4; k <= t; k++) omega.push(1 / (1 - omega[k - 1]! / (4 * sigma ** 2)));
        return omega;
      },
    }),
    verdict: 'differs',
  },
  {
    id: 'curse-02',
    name: 'P − tP′',
    answer: chebyshev({ Q: (P, dP, _s, t) => P - t * dP }),
    verdict: 'differs',
  },
  {
    id: 'curse-02',
    name: 'the limit of ω in all steps',
    answer: chebyshev({
      omegas: (sigma, t) =>
        Array.from({ length: t + 3 }, () => 2 * sigma * (sigma - Math.sqrt(sigma ** 2 - 1))),
    }),
    verdict: 'differs',
  },
];

interface Spectrum {
  s: Vector;
  weights: Vector;
}

/** curse-03 in powers of s/L, with the matrix and the condition as parameters. */
const bestPolynomial =
  ({
    weight = (x: number) => x,
    slopes = (nu: number, L: number) => nu / L ** 2,
    free = true,
  } = {}) =>
  ({ s, weights }: Spectrum, nu: number, t: number, points: Vector) => {
    const L = Math.max(...s);
    const rows = Array.from(s, (at) => {
      const x = at / L;
      const value = Array.from({ length: t + 1 }, (_, j) => x ** j);
      return { value, slope: value.map((_, j) => (j === 0 ? 0 : j * x ** (j - 1))) };
    });
    const M = Array.from({ length: t + 1 }, (_, i) =>
      Array.from({ length: t + 1 }, (_, j) =>
        rows.reduce(
          (sum, { value, slope }, k) =>
            sum +
            weight(weights[k]!) * (value[i]! * value[j]! + slopes(nu, L) * slope[i]! * slope[j]!),
          0,
        ),
      ),
    );
    // P(0) is the coefficient of 1.
    const inner = M.slice(1).map((row) => row.slice(1));
    const rest = free
      ? solveDense(
          inner,
          M.slice(1).map((row) => -row[0]!),
        )
      : M.slice(1).map(() => 0);
    const c = [1, ...rest];
    return points.map((at) => valueAt(c, at / L));
  };

const polynomialTries: Try[] = [
  {
    id: 'curse-03',
    name: 'in powers, with the first coefficient 1',
    answer: bestPolynomial(),
    verdict: 'right',
  },
  {
    id: 'curse-03',
    name: 'the root of the weights',
    answer: bestPolynomial({ weight: Math.sqrt }),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'curse-03',
    name: 'slopes by s/L',
    answer: bestPolynomial({ slopes: (nu) => nu }),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'curse-03',
    name: 'the constant 1',
    answer: bestPolynomial({ free: false }),
    verdict: 'property: makes the sum as small as it can be',
  },
];

interface Known {
  wanted: 'solution' | 'iterate';
  stronglyConvex: boolean;
  stochastic: boolean;
  steps: number;
  hyperparameters: number;
  memory: number;
}

/** choose-01 with its rules as parameters. */
const chosen =
  ({
    isImplicit = ({ wanted, stronglyConvex, stochastic }: Known) =>
      wanted === 'solution' && stronglyConvex && !stochastic,
    order = (a: number[], b: number[]) => a[0]! - b[0]! || a[1]! - b[1]!,
    otherwise = (_known: Known): string => 'truncate',
  } = {}) =>
  (known: Known) => {
    if (isImplicit(known)) return 'implicit';
    const { steps: T, hyperparameters: m, memory } = known;
    const table: Record<string, number[]> = {
      forward: [T * (1 + m), 1 + m],
      reverse: [2 * T, T],
      checkpoints: [3 * T, 2 * Math.ceil(T ** 0.5)],
    };
    return (
      Object.keys(table)
        .filter((way) => table[way]![1]! <= memory)
        .sort((a, b) => order(table[a]!, table[b]!))[0] ?? otherwise(known)
    );
  };

const choiceTries: Try[] = [
  { id: 'choose-01', name: 'by a table', answer: chosen(), verdict: 'right' },
  {
    id: 'choose-01',
    name: 'a tie goes to what stands first',
    answer: chosen({ order: (a, b) => a[0]! - b[0]! }),
    verdict: 'mistake: a tie goes to the first in the table',
  },
  {
    id: 'choose-01',
    name: 'implicit where nothing else fits',
    answer: chosen({
      otherwise: ({ wanted }) => (wanted === 'solution' ? 'implicit' : 'truncate'),
    }),
    verdict: 'differs',
  },
  {
    id: 'choose-01',
    name: 'time times memory',
    answer: chosen({ order: (a, b) => a[0]! * a[1]! - b[0]! * b[1]! }),
    verdict: 'property: takes the fastest way that fits',
  },
  {
    id: 'choose-01',
    name: 'implicit for a run that is nearly done',
    answer: chosen({
      isImplicit: ({ stronglyConvex, stochastic, steps }) =>
        stronglyConvex && !stochastic && steps > 50,
    }),
    verdict: 'differs',
  },
];

export const tries: Try[] = [
  ...fixedPointTries,
  ...interpolationTries,
  ...seriesTries,
  ...descentTries,
  ...tiedTries,
  ...kindTries,
  ...stochasticTries,
  ...unrolledTries,
  ...scheduleTries,
  ...chebyshevTries,
  ...polynomialTries,
  ...choiceTries,
];
