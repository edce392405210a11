import * as tf from '@tensorflow/tfjs';
import { gmres } from 'implicit-lab';
import { axpy, type Training } from '../catalogue/training';
import type { CountedOperator } from '../counted';
import { multiply, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

// Answers to the exercises whose tasks go further than their lessons.

type T1 = tf.Tensor1D;
type Map = (w: T1) => T1;

/** `Jᵀ y` by one gradient. */
const pull = (F: Map, w: T1, y: tf.Tensor) => tf.grad((x) => tf.dot(F(x as T1), y))(w);

const jacobianTries: Try[] = [
  {
    id: 'hvp-01',
    name: 'at y = F(w), by a sum over an axis',
    answer: (F: Map, w: T1, u: T1) =>
      tf.tidy(() => {
        const y = F(w);
        return tf.grad((y) => pull(F, w, y).mul(u).sum(0))(y);
      }),
    verdict: 'right',
  },
  {
    id: 'hvp-01',
    name: 'by the inner grad kept as a function, asynchronous',
    answer: async (F: Map, w: T1, u: T1) =>
      tf.tidy(() => {
        const G = (y: tf.Tensor) => tf.grads((x: tf.Tensor) => tf.sum(tf.mul(y, F(x as T1))))([w]);
        return tf.grads((y: tf.Tensor) => tf.sum(tf.mul(u, G(y)[0]!)))([tf.onesLike(F(w))])[0];
      }),
    verdict: 'right',
  },
  {
    id: 'hvp-01',
    name: 'Jᵀ1 times u, entry by entry',
    answer: (F: Map, w: T1, u: T1) => tf.tidy(() => tf.mul(pull(F, w, tf.onesLike(F(w))), u)),
    verdict: 'shape',
  },
  {
    id: 'hvp-01',
    name: 'the derivative along u of the sum: one number',
    answer: (F: Map, w: T1, u: T1) => tf.tidy(() => tf.dot(pull(F, w, tf.onesLike(F(w))), u)),
    verdict: 'shape',
  },
  {
    id: 'hvp-01',
    name: 'with the sign turned',
    answer: (F: Map, w: T1, u: T1) =>
      tf.tidy(() => tf.neg(tf.grad((y) => tf.dot(pull(F, w, y), u))(tf.zerosLike(F(w))))),
    verdict: 'differs',
  },
  {
    id: 'hvp-01',
    name: 'F at u in place of w',
    answer: (F: Map, w: T1, u: T1) =>
      tf.tidy(() => tf.grad((y) => tf.dot(pull(F, u, y), w))(tf.zerosLike(F(w)))),
    verdict: 'differs',
  },
  {
    id: 'hvp-01',
    name: 'as many zeros as inputs',
    answer: (F: Map, w: T1, u: T1) =>
      tf.tidy(() => tf.grad((y) => tf.dot(pull(F, w, y), u))(tf.zerosLike(w))),
    verdict: 'threw',
  },
];

interface Smooth {
  gradient(y: Vector): Vector;
  L: number;
}

/** Iterations for step-02, with the rate and the stopping rule as parameters. */
const iterated =
  (
    rate: (delta: number, L: number) => number,
    ends: (r: Vector, delta: number, tolerance: number, w: Vector) => boolean,
  ) =>
  ({ gradient, L }: Smooth, w: Vector, delta: number, tolerance: number) => {
    let y = w;
    for (let k = 0; k < 20_000; k++) {
      const r = add(add(y, -1, w), delta, gradient(y));
      if (ends(r, delta, tolerance, w)) break;
      y = add(y, -rate(delta, L), r);
    }
    return y;
  };

const stepTries: Try[] = [
  {
    id: 'step-02',
    name: 'from where the explicit step of length 1/L leads',
    answer: ({ gradient, L }: Smooth, w: Vector, delta: number, tolerance: number) => {
      let y = add(w, -Math.min(delta, 1 / L), gradient(w));
      let r = add(add(y, -1, w), delta, gradient(y));
      while (size(r) > tolerance) {
        y = add(y, -1 / (1 + delta * L), r);
        r = add(add(y, -1, w), delta, gradient(y));
      }
      return y;
    },
    verdict: 'right',
  },
  {
    id: 'step-02',
    name: 'as many steps as theory asks for, no test',
    answer: ({ gradient, L }: Smooth, w: Vector, delta: number, tolerance: number) => {
      const first = delta * size(gradient(w));
      const steps = Math.ceil((1 + delta * L) * Math.log(first / tolerance));
      let y = w;
      for (let k = 0; k < steps; k++) {
        const g = gradient(y);
        y = y.map((x, i) => x - (x - w[i]! + delta * g[i]!) / (1 + delta * L));
      }
      return y;
    },
    verdict: 'right',
  },
  {
    id: 'step-02',
    name: 'the equation as it stands',
    answer: iterated(
      () => 1,
      (r, _, tolerance) => !(size(r) > tolerance),
    ),
    verdict: 'differs',
  },
  {
    id: 'step-02',
    name: 'the largest entry of the residual',
    answer: iterated(
      (delta, L) => 1 / (1 + delta * L),
      (r, _, tolerance) => Math.max(...r.map(Math.abs)) <= tolerance / Math.sqrt(r.length),
    ),
    verdict: 'right',
  },
  {
    id: 'step-02',
    name: 'relative to w',
    answer: iterated(
      (delta, L) => 1 / (1 + delta * L),
      (r, _, tolerance, w) => size(r) <= 300 * tolerance * size(w),
    ),
    verdict: 'differs',
  },
  {
    id: 'step-02',
    name: 'no more than twenty steps',
    answer: ({ gradient, L }: Smooth, w: Vector, delta: number) => {
      let y = w;
      for (let k = 0; k < 20; k++)
        y = add(y, -1 / (1 + delta * L), add(add(y, -1, w), delta, gradient(y)));
      return y;
    },
    verdict: 'differs',
  },
  {
    id: 'step-02',
    name: 'a thousandth of the tolerance, each gradient twice',
    answer: ({ gradient, L }: Smooth, w: Vector, delta: number, tolerance: number) => {
      const residual = (y: Vector) => add(add(y, -1, w), delta, gradient(y));
      let y = w;
      while (size(residual(y)) > tolerance / 1e6) y = add(y, -0.5 / (1 + delta * L), residual(y));
      return y;
    },
    verdict: 'property: evaluates few gradients',
  },
];

/** The sum of neumann-01 with its coefficients and its front as parameters. */
const summed =
  (coefficient: (k: number) => number, front: (alpha: number) => number = Math.sqrt) =>
  (A: CountedOperator, b: Vector, alpha: number, terms: number) => {
    const powers = [b];
    while (powers.length < terms) {
      const last = powers.at(-1)!;
      powers.push(add(last, -alpha, A.apply(last)));
    }
    return Array.from(b, (_, i) =>
      powers.reduce((sum, power, k) => sum + front(alpha) * coefficient(k) * power[i]!, 0),
    );
  };
const central = (k: number): number => (k === 0 ? 1 : (central(k - 1) * (k - 0.5)) / k);

const rootTries: Try[] = [
  { id: 'neumann-01', name: 'a list of powers', answer: summed(central), verdict: 'right' },
  {
    id: 'neumann-01',
    name: 'products with the transpose, which is the same here',
    answer: (A: CountedOperator, b: Vector, alpha: number, terms: number) =>
      summed(central)({ ...A, apply: A.transpose }, b, alpha, terms),
    verdict: 'right',
  },
  {
    id: 'neumann-01',
    name: 'the coefficients 1/(k + 1), of the logarithm',
    answer: summed((k) => 1 / (k + 1)),
    verdict: 'differs',
  },
  {
    id: 'neumann-01',
    name: 'the coefficients of the exponential function',
    answer: summed((k) =>
      k === 0 ? 1 : 1 / Array.from({ length: k }).reduce<number>((f, _, i) => f * (i + 1), 1),
    ),
    verdict: 'differs',
  },
  {
    id: 'neumann-01',
    name: 'half of each power',
    answer: summed((k) => 0.5 ** k),
    verdict: 'differs',
  },
  {
    id: 'neumann-01',
    name: 'K terms for the inverse, then the root of each entry',
    answer: (A: CountedOperator, b: Vector, alpha: number, terms: number) =>
      summed(
        () => 1,
        (a) => a,
      )(A, b, alpha, terms).map((x) => Math.sqrt(Math.abs(x))),
    verdict: 'differs',
  },
  {
    id: 'neumann-01',
    name: '2k + 1 over 2k + 2',
    answer: summed((k) => central(k + 1)),
    verdict: 'differs',
  },
];

interface Start {
  spectrum: Vector;
  dspectrum: Vector;
  d: Vector;
  r: Vector;
}
interface Schedule {
  rates: Vector;
  drates: Vector;
}
/** curse-01 by a pair of value and derivative for each factor, with the change of ηs as parameters. */
const dual =
  (
    change: (eta: number, deta: number, s: number, ds: number) => number,
    last = (x: number[]) => Math.sqrt(dot(x, x)),
  ) =>
  ({ spectrum, dspectrum, d, r }: Start, { rates, drates }: Schedule) => {
    let pairs = Array.from(spectrum, () => [1, 0] as [number, number]);
    const lengths = () => last(pairs.map(([P, dP], i) => P * d[i]! + dP * r[i]!));
    const result = [lengths()];
    for (let t = 0; t < rates.length; t++) {
      pairs = pairs.map(([P, dP], i) => {
        const factor = 1 - rates[t]! * spectrum[i]!;
        const dFactor = -change(rates[t]!, drates[t]!, spectrum[i]!, dspectrum[i]!);
        return [P * factor, dP * factor + P * dFactor];
      });
      result.push(lengths());
    }
    return result;
  };
const both = (eta: number, deta: number, s: number, ds: number) => eta * ds + deta * s;

const curseTries: Try[] = [
  { id: 'curse-01', name: 'by dual numbers', answer: dual(both), verdict: 'right' },
  {
    id: 'curse-01',
    name: 'the lesson’s formula with the mean rate',
    answer: ({ spectrum, dspectrum, d, r }: Start, { rates }: Schedule) => {
      const eta = rates.reduce((sum, x) => sum + x / rates.length, 0);
      return Array.from({ length: rates.length + 1 }, (_, t) =>
        Math.hypot(
          ...spectrum.map((s, i) => {
            const slope = t === 0 ? 0 : -eta * t * (1 - eta * s) ** (t - 1);
            return (1 - eta * s) ** t * d[i]! + slope * dspectrum[i]! * r[i]!;
          }),
        ),
      );
    },
    verdict: 'differs',
  },
  {
    id: 'curse-01',
    name: 'the derivative of the rate only',
    answer: dual((_, deta, s) => deta * s),
    verdict: 'mistake: the eigenvalues held fixed',
  },
  {
    id: 'curse-01',
    name: 'derivatives added without factors',
    answer: dual((_, deta, __, ds) => deta + ds),
    verdict: 'differs',
  },
  {
    id: 'curse-01',
    name: 'with a plus',
    answer: dual((...given) => -both(...given)),
    verdict: 'mistake: the sign of the derivative',
  },
  {
    id: 'curse-01',
    name: 'the largest entry',
    answer: dual(both, (x) => Math.max(...x.map(Math.abs))),
    verdict: 'property: begins with the first error',
  },
  {
    id: 'curse-01',
    name: 'without t = 0',
    answer: (start: Start, schedule: Schedule) => dual(both)(start, schedule).slice(1),
    verdict: 'shape',
  },
];

interface Tied {
  w: Vector;
  adjoint: Vector;
  lambda: Vector;
  ties: { i: number; j: number; k: number }[];
  outerLambda: Vector;
}
/** mixed-01 by a gradient for each penalty, with the gradient of a tie as parameters. */
const pairedBy =
  (pair: (wi: number, wj: number) => [number, number], front = 1) =>
  ({ w, adjoint, lambda, ties, outerLambda }: Tied) =>
    Array.from(outerLambda, (direct, k) => {
      const g = new Float64Array(w.length);
      for (const tie of ties) {
        if (tie.k !== k) continue;
        const [a, b] = pair(w[tie.i]!, w[tie.j]!);
        g[tie.i]! += Math.exp(lambda[k]!) * a;
        g[tie.j]! += Math.exp(lambda[k]!) * b;
      }
      return direct - front * dot(g, adjoint);
    });

const tiedTries: Try[] = [
  {
    id: 'mixed-01',
    name: 'a gradient for each penalty, paired with q',
    answer: pairedBy((a, b) => [a - b, b - a]),
    verdict: 'right',
  },
  {
    id: 'mixed-01',
    name: 'as if the tie were to an anchor',
    answer: pairedBy((a, b) => [a - b, 0]),
    verdict: 'mistake: one end of the tie only',
  },
  {
    id: 'mixed-01',
    name: 'both ends pushed alike',
    answer: pairedBy((a, b) => [a - b, a - b]),
    verdict: 'mistake: the same sign at both ends',
  },
  {
    id: 'mixed-01',
    name: 'the distance by its size',
    answer: pairedBy((a, b) => [Math.abs(a - b), -Math.abs(a - b)]),
    verdict: 'differs',
  },
  {
    id: 'mixed-01',
    name: 'without the ½ of the penalty',
    answer: pairedBy((a, b) => [a - b, b - a], 2),
    verdict: 'mistake: each tie counted from both ends',
  },
  {
    id: 'mixed-01',
    name: 'the adjoint of the first weight squared',
    answer: ({ w, adjoint: q, lambda, ties, outerLambda }: Tied) => {
      const result = [...outerLambda];
      for (const { i, j, k } of ties)
        result[k]! -= Math.exp(lambda[k]!) * (w[i]! - w[j]!) * q[i]! * q[i]!;
      return result;
    },
    verdict: 'property: is linear in the adjoint',
  },
];

interface Residuals {
  value(w: Vector): Vector;
  jacobian(w: Vector): Matrix;
}
/** marquardt-01 with individual rules as parameters. */
const attempt =
  ({
    metric = (g: number) => g,
    model = (v: Vector, Jd: Vector) => dot(v, v) - dot(add(v, 1, Jd), add(v, 1, Jd)),
    next = (delta: number, ratio: number) =>
      ratio > 3 / 4 ? delta * 3 : ratio < 1 / 4 ? delta / 2 : delta,
    takes = (ratio: number) => ratio > 0,
    sign = -1,
  } = {}) =>
  (r: Residuals, w: Vector, delta: number) => {
    const [v, J] = [r.value(w), r.jacobian(w)];
    const Jt = transposed(J);
    const g = multiply(Jt, v);
    const M = Jt.map((a, i) =>
      Jt.map((b, j) => dot(a, b) + (i === j ? metric(dot(a, a)) / delta : 0)),
    );
    const d = solveDense(M, g).map((x) => sign * x);
    const end = add(w, 1, d);
    const there = r.value(end);
    const ratio = (dot(v, v) - dot(there, there)) / model(v, multiply(J, d));
    return { ratio, delta: next(delta, ratio), w: takes(ratio) ? end : w };
  };

const marquardtTries: Try[] = [
  { id: 'marquardt-01', name: 'with a damping of D/δ', answer: attempt(), verdict: 'right' },
  {
    id: 'marquardt-01',
    name: 'the root of D',
    answer: attempt({ metric: Math.sqrt }),
    verdict: 'differs',
  },
  {
    id: 'marquardt-01',
    name: 'uphill',
    answer: attempt({ sign: 1 }),
    verdict: 'property: never raises f',
  },
  {
    id: 'marquardt-01',
    name: 'thresholds exchanged',
    answer: attempt({
      next: (delta, ratio) => (ratio > 1 / 4 ? delta * 3 : ratio < 3 / 4 ? delta / 2 : delta),
    }),
    verdict: 'differs',
  },
  {
    id: 'marquardt-01',
    name: 'taken from a quarter on',
    answer: attempt({ takes: (ratio) => ratio > 1 / 4 }),
    verdict: 'differs',
  },
  {
    id: 'marquardt-01',
    name: 'the promise by slope and curvature',
    answer: attempt({ model: (v, Jd) => -2 * dot(v, Jd) - dot(Jd, Jd) }),
    verdict: 'right',
  },
];

interface FixedPoint {
  inner: { jvp(v: Vector): Vector; vjp(q: Vector): Vector };
  mixed: { jvp(v: Vector): Vector; vjp(q: Vector): Vector };
  outerW: Vector;
  outerLambda: Vector;
}
/** ift-01 by an iteration with a fraction of each step. */
const shared =
  (share: number, steps: number, sign = 1) =>
  ({ inner, mixed, outerW, outerLambda }: FixedPoint) => {
    let q = outerW.map(() => 0);
    for (let k = 0; k < steps; k++) {
      const Jq = inner.vjp(q);
      q = q.map((x, i) => x + share * (outerW[i]! + Jq[i]! - x));
    }
    return add(outerLambda, sign, mixed.vjp(q));
  };

const fixedPointTries: Try[] = [
  { id: 'ift-01', name: 'with a share of .45 from 0', answer: shared(0.45, 85), verdict: 'right' },
  {
    id: 'ift-01',
    name: 'by GMRES on the operator I − Jᵀ, restarted',
    answer: ({ inner, mixed, outerW, outerLambda }: FixedPoint) => {
      const A = { apply: (v: Vector) => add(v, -1, inner.vjp(v)), dispose() {} };
      return add(
        outerLambda,
        1,
        mixed.vjp(gmres({ tolerance: 1e-10, restart: 40 }).solveSync(A, outerW).value),
      );
    },
    verdict: 'right',
  },
  {
    id: 'ift-01',
    name: 'the whole step, twenty times',
    answer: shared(1, 20),
    verdict: 'property: stays bounded',
  },
  {
    id: 'ift-01',
    name: 'a tenth of a step, thirty times',
    answer: shared(0.1, 30),
    verdict: 'differs',
  },
  {
    id: 'ift-01',
    name: 'subtracted',
    answer: shared(0.5, 60, -1),
    verdict: 'mistake: the sign of the implicit term',
  },
];

/** A forward pass with tangents, with the change of a tangent by η as parameters. */
const forward =
  ({ own = -1, late = false, direct = 1 } = {}) =>
  ({ start, m, eta, steps, gradient, hessian, mixed, outer }: Training) => {
    let w = start;
    const units = Array.from({ length: m }, (_, j) =>
      Float64Array.from({ length: m }, (__, i) => Number(i === j)),
    );
    let tangents: Vector[] = [...units, undefined].map(() => start.map(() => 0));
    for (let t = 0; t < steps; t++) {
      const g = gradient(w);
      const next = axpy(-eta, g, w);
      const at = late ? next : w;
      tangents = tangents.map((z, j) => {
        const e = units[j];
        const push = e ? mixed(at, e).map((x) => -eta * x) : g.map((x) => own * x);
        return add(axpy(-eta, hessian(at, z), z), 1, push);
      });
      w = next;
    }
    const { dw, dlambda } = outer(w);
    const along = tangents.map((z) => dot(z, dw));
    return { dlambda: dlambda.map((x, j) => direct * x + along[j]!), deta: along[m]! };
  };

const forwardTries: Try[] = [
  { id: 'unroll-01', name: 'one list of tangents', answer: forward(), verdict: 'right' },
  {
    id: 'unroll-01',
    name: 'taken at the end of the step',
    answer: forward({ late: true }),
    verdict: 'mistake: the derivatives are taken after the step',
  },
  {
    id: 'unroll-01',
    name: 'ten times the gradient for η',
    answer: forward({ own: -10 }),
    verdict: 'differs',
  },
  {
    id: 'unroll-01',
    name: 'the direct term subtracted',
    answer: forward({ direct: -1 }),
    verdict: 'differs',
  },
];

/** A backward pass along the states, with the gradient's pairing as parameters. */
const backward =
  (pair: (q: Vector, before: Vector, after: Vector, eta: number) => number, first = true) =>
  ({ start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training) => {
    const path = [start];
    for (let t = 0; t < steps; t++) path.push(axpy(-eta, gradient(path[t]!), path[t]!));
    let { dw: q, dlambda } = outer(path[steps]!);
    let deta = 0;
    for (let t = steps - 1; t >= 0; t--) {
      const w = path[t]!;
      deta += pair(q, w, path[t + 1]!, eta);
      dlambda = axpy(-eta, mixedTransposed(w, q), dlambda);
      if (t > 0 || first) q = axpy(-eta, hessian(w, q), q);
    }
    return { dlambda, deta, dstart: q };
  };
const moved = (q: Vector, before: Vector, after: Vector, eta: number) =>
  dot(q, add(after, -1, before)) / eta;

const backwardTries: Try[] = [
  {
    id: 'unroll-02',
    name: 'gradients read off the states',
    answer: backward(moved),
    verdict: 'right',
  },
  {
    id: 'unroll-02',
    name: 'the states’ difference, not divided by η',
    answer: backward((q, before, after) => dot(q, add(after, -1, before))),
    verdict: 'mistake: the derivative with respect to log η',
  },
  {
    id: 'unroll-02',
    name: 'the adjoint of the start stops one step early',
    answer: backward(moved, false),
    verdict: 'differs',
  },
  {
    id: 'unroll-02',
    name: 'the size of the movement',
    answer: backward((q, before, after, eta) => (size(q) * size(add(after, -1, before))) / eta),
    verdict: 'differs',
  },
];

interface Batches {
  outer(batch: number): { w: Vector; lambda: Vector };
  hessian(batch: number): CountedOperator;
  mixedVjp(batch: number, q: Vector): Vector;
}
/** stochastic-01 with the lengths, the weights of the mean and the batch of B as parameters. */
const averaged =
  ({
    length = (k: number) => 1 / Math.sqrt(k),
    weight = (k: number, K: number): number => (k > K / 2 ? 1 : 0),
    last = (K: number) => K + 1,
  } = {}) =>
  (batches: Batches, alpha: number, K: number) => {
    const { w: b, lambda } = batches.outer(0);
    let q = new Float64Array(b.length);
    let mean = new Float64Array(b.length);
    let total = 0;
    for (let k = 1; k <= K; k++) {
      q = Float64Array.from(add(q, alpha * length(k), add(b, -1, batches.hessian(k).apply(q))));
      const share = weight(k, K);
      total += share;
      // The running mean: it moves by the fraction that the new q is of all so far.
      if (share > 0) mean = Float64Array.from(add(mean, share / total, add(q, -1, mean)));
    }
    return add(lambda, -1, batches.mixedVjp(last(K), mean));
  };

const stochasticTries: Try[] = [
  { id: 'stochastic-01', name: 'by a running mean', answer: averaged(), verdict: 'right' },
  {
    id: 'stochastic-01',
    name: 'weights that grow with k',
    answer: averaged({ weight: (k) => k }),
    verdict: 'differs',
  },
  {
    id: 'stochastic-01',
    name: 'lengths by the root of k + 1',
    answer: averaged({ length: (k) => 1 / Math.sqrt(k + 1) }),
    verdict: 'mistake: the steps are counted from 0',
  },
  {
    id: 'stochastic-01',
    name: 'a fresh batch for B, two further on',
    answer: averaged({ last: (K) => K + 2 }),
    verdict: 'differs',
  },
  {
    id: 'stochastic-01',
    name: 'the mean of the first half',
    answer: averaged({ weight: (k, K) => (k <= K / 2 || K === 1 ? 1 : 0) }),
    verdict: 'differs',
  },
];

interface Label {
  y: number;
  eta: number;
  squared: number;
}
interface Penalty {
  delta: number;
  lambda: number;
}
/** glm-02 by the rule of false position with halving, for any equation. */
const bracketed =
  (right: (xi: number, given: Label & Penalty & { rho: number }) => number) =>
  (label: Label, penalty: Penalty) => {
    const given = { ...label, ...penalty, rho: 1 / (1 + penalty.delta * penalty.lambda) };
    const F = (xi: number) => right(xi, given) - xi;
    // δ(y − h) lies between δ(y − 1) and δy.
    let [low, high] = [penalty.delta * (label.y - 1), penalty.delta * label.y];
    for (let k = 0; k < 200 && high - low > 1e-15 * (Math.abs(low) + Math.abs(high)); k++) {
      const middle = low + (high - low) / 2;
      if (F(middle) > 0) low = middle;
      else high = middle;
    }
    return low + (high - low) / 2;
  };
const h = (z: number) => (z > 0 ? 1 / (1 + Math.exp(-z)) : 1 - 1 / (1 + Math.exp(z)));

const logisticTries: Try[] = [
  {
    id: 'glm-02',
    name: 'from the bracket of all labels',
    answer: bracketed(
      (xi, { y, eta, squared, delta, rho }) => delta * (y - h(rho * (eta + xi * squared))),
    ),
    verdict: 'right',
  },
  {
    id: 'glm-02',
    name: 'ρ forgotten inside',
    answer: bracketed((xi, { y, eta, squared, delta }) => delta * (y - h(eta + xi * squared))),
    verdict: 'mistake: the penalty is forgotten',
  },
  {
    id: 'glm-02',
    name: 'ρ twice',
    answer: bracketed(
      (xi, { y, eta, squared, delta, rho }) => delta * (y - h(rho * rho * (eta + xi * squared))),
    ),
    verdict: 'property: satisfies its equation',
  },
  {
    id: 'glm-02',
    name: 'the slope of h for h',
    answer: bracketed((xi, { y, eta, squared, delta, rho }) => {
      const z = rho * (eta + xi * squared);
      return delta * (y - h(z) * h(-z));
    }),
    verdict: 'property: lies in its bracket',
  },
  {
    id: 'glm-02',
    name: 'both numbers in a list',
    answer: (label: Label, penalty: Penalty) => [label.y - 0.5, penalty.delta],
    verdict: 'shape',
  },
];

export const tries: readonly Try[] = [
  ...jacobianTries,
  ...stepTries,
  ...rootTries,
  ...curseTries,
  ...tiedTries,
  ...marquardtTries,
  ...fixedPointTries,
  ...forwardTries,
  ...backwardTries,
  ...stochasticTries,
  ...logisticTries,
];
