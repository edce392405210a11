import * as tf from '@tensorflow/tfjs';
import type { LinearOperator } from 'implicit-lab';
import type { Training } from '../catalogue/training';
import { multiply, product, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

type Operator = LinearOperator<Vector> & { transpose(u: Vector): Vector };

const scaled = (a: number, x: Vector) => x.map((value) => a * value);
const zeros = (n: number) => new Float64Array(n);
const unit = (n: number, j: number) => Float64Array.from({ length: n }, (_, i) => Number(i === j));
const each = (A: Matrix, f: (a: number, i: number, j: number) => number): Matrix =>
  A.map((row, i) => row.map((a, j) => f(a, i, j)));

/** Conjugate gradients for a positive definite system, a fixed number of iterations. */
function conjugate(apply: (v: Vector) => Vector, b: Vector, count: number): Vector {
  let [x, r, d]: [Vector, Vector, Vector] = [zeros(b.length), b, b];
  for (let k = 0; k < count && dot(r, r) > 1e-30 * dot(b, b); k++) {
    const Ad = apply(d);
    const alpha = dot(r, r) / dot(d, Ad);
    x = add(x, alpha, d);
    const next = add(r, -alpha, Ad);
    d = add(next, dot(next, next) / dot(r, r), d);
    r = next;
  }
  return x;
}

interface System {
  f(y: Vector): Vector;
  jacobian(y: Vector): Matrix;
}

/** euler-02 by Newton's method, with a Jacobian and a start of one's own. */
const newton =
  ({
    jacobian = (system: System, x: Vector) => system.jacobian(x),
    start = (_before: Vector, y: Vector) => y,
    frozen = false,
    known = (before: number, y: number) => (4 * y - before) / 3,
  } = {}) =>
  (system: System, before: Vector, y: Vector, h: number) => {
    let x = start(before, y);
    const fixed = jacobian(system, x);
    for (let k = 0; k < 60; k++) {
      const slope = system.f(x);
      const r = y.map((value, i) => known(before[i]!, value) + (2 / 3) * h * slope[i]! - x[i]!);
      const J = frozen ? fixed : jacobian(system, x);
      x = add(
        x,
        1,
        solveDense(
          each(J, (a, i, j) => Number(i === j) - (2 / 3) * h * a),
          r,
        ),
      );
    }
    return x;
  };
const differences = ({ f }: System, x: Vector): Matrix => {
  const columns = Array.from(x, (value, j) => {
    const step = 1e-6 * Math.max(Math.abs(value), 1e-4);
    const ahead = f(add(x, step, unit(x.length, j)));
    const behind = f(add(x, -step, unit(x.length, j)));
    return ahead.map((a, i) => (a - behind[i]!) / (2 * step));
  });
  return transposed(columns.map((column) => [...column]));
};

/** hvp-02 with a stencil of six points. */
const sixPoints = (
  gradient: (x: Vector) => Vector,
  apply: (v: Vector) => Vector,
  x: Vector,
  u: Vector,
  v: Vector,
) => {
  const step = (1e-2 * size(x)) / size(v);
  const apart = (k: number) => {
    const [ahead, behind] = [gradient(add(x, k * step, v)), gradient(add(x, -k * step, v))];
    return ahead.map((a, i) => a - behind[i]!);
  };
  const [one, two, three] = [apart(1), apart(2), apart(3)] as const;
  return {
    difference: one.map((a, i) => (45 * a - 9 * two[i]! + three[i]!) / (60 * step)),
    asymmetry: dot(apply(v), u) - dot(apply(u), v),
  };
};

interface Start {
  w: Vector;
  gradient: Vector;
  curvature: LinearOperator<Vector>;
  implicit: number[];
  explicit: number[];
  delta: number;
}

/** block-01 as one system of all parameters, not symmetric, by its two halves. */
const block =
  (coupled: (delta: number) => number) =>
  ({ w, gradient, curvature, implicit, explicit, delta }: Start) => {
    const mask = (places: number[]) => (v: Vector) => {
      const kept = zeros(w.length);
      for (const i of places) kept[i] = v[i]!;
      return kept;
    };
    const [B, R] = [mask(implicit), mask(explicit)];
    const r = R(gradient);
    const b = add(B(gradient), coupled(delta), B(curvature.apply(r)));
    const s = conjugate((v) => add(v, delta, B(curvature.apply(v))), b, 80);
    return add(add(w, -delta, s), -delta, r);
  };

interface Limits {
  tolerance: number;
  maxIterations: number;
}

/** cg-01 in the form with the residual of A x kept in one array, changed in place. */
const inPlace =
  ({ strict = false, relative = true } = {}) =>
  (A: LinearOperator<Vector>, b: Vector, { tolerance, maxIterations }: Limits) => {
    const [x, r, d] = [zeros(b.length), b.slice(), b.slice()];
    const limit = tolerance * (relative ? size(b) : 1);
    let rr = dot(r, r);
    for (let left = maxIterations; ; left--) {
      if (Math.sqrt(rr) <= limit) return { value: x, status: 'converged' };
      if (left === 0) return { value: x, status: 'max-iterations' };
      const Ad = A.apply(d);
      const bend = dot(d, Ad);
      if (strict ? bend < -1e-12 : !(bend > 0)) return { value: x, status: 'negative-curvature' };
      for (let i = 0; i < x.length; i++) {
        x[i]! += (rr / bend) * d[i]!;
        r[i]! -= (rr / bend) * Ad[i]!;
      }
      const next = dot(r, r);
      for (let i = 0; i < x.length; i++) d[i] = r[i]! + (next / rr) * d[i]!;
      rr = next;
    }
  };

interface Linearised {
  jacobian: Operator;
  probabilities: Matrix;
}

/** gnvp-01 by a root of S, RᵀR with R = diag(√p)(I − 1pᵀ). */
const byRoots =
  (second: boolean) =>
  ({ jacobian, probabilities }: Linearised, v: Vector) => {
    const u = jacobian.apply(v);
    const C = probabilities[0]!.length;
    const rows = probabilities.map((p, i) => {
      const own = [...u.subarray(i * C, (i + 1) * C)];
      const rooted = p.map((a, c) => Math.sqrt(a) * (own[c]! - dot(p, own)));
      const pulled = p.map((a, c) => Math.sqrt(a) * rooted[c]!);
      const total = pulled.reduce((sum, a) => sum + a, 0);
      return pulled.map((a, c) => (a - (second ? p[c]! * total : 0)) / probabilities.length);
    });
    return jacobian.transpose(Float64Array.from(rows.flat()));
  };

interface LowRank {
  jacobian: Operator;
  S: Matrix;
  delta: number;
}

/** woodbury-01 with J formed by rows, from m products with Jᵀ. */
const byRows =
  (order: (S: Matrix, gram: Matrix) => Matrix) =>
  ({ jacobian, S, delta }: LowRank, g: Vector) => {
    const rows = S.map((_, j) => [...jacobian.transpose(unit(S.length, j))]);
    const M = each(order(S, product(rows, transposed(rows))), (a, i, j) => {
      return Number(i === j) + delta * a;
    });
    const y = solveDense(M, multiply(S, multiply(rows, g)));
    return add(g, -delta, multiply(transposed(rows), y));
  };

interface Residuals {
  value(w: Vector): Vector;
  jacobian(w: Vector): Matrix;
}

/** marquardt-01 in units in which D is the identity. */
const inUnits =
  ({
    edge = (ratio: number) => ratio > 0.75,
    takes = (ratio: number) => ratio > 0,
    shrink = 0.5,
  } = {}) =>
  (r: Residuals, w: Vector, delta: number) => {
    const [value, J] = [r.value(w), r.jacobian(w)];
    const lengths = transposed(J).map(size);
    const Q = each(J, (a, _, j) => a / lengths[j]!);
    const G = product(transposed(Q), Q);
    const t = solveDense(
      each(G, (a, i, j) => a + Number(i === j) / delta),
      multiply(transposed(Q), value),
    );
    const end = w.map((x, j) => x - t[j]! / lengths[j]!);
    const left = add(value, -1, multiply(Q, t));
    const there = r.value(end);
    const ratio = (dot(value, value) - dot(there, there)) / (dot(value, value) - dot(left, left));
    const factor = edge(ratio) ? 3 : ratio < 0.25 ? shrink : 1;
    return { ratio, w: takes(ratio) ? end : w, delta: factor * delta };
  };

interface FixedPoint {
  inner: { jvp(v: Vector): Vector; vjp(q: Vector): Vector };
  mixed: { jvp(u: Vector): Vector; vjp(q: Vector): Vector };
  outerW: Vector;
  outerLambda: Vector;
}

/** ift-01 with shares of a step that alternate. */
const alternating =
  (shares: [number, number], count: number) =>
  ({ inner, mixed, outerW, outerLambda }: FixedPoint) => {
    let q: Vector = outerW;
    for (let k = 0; k < count; k++) {
      const r = add(add(outerW, 1, inner.vjp(q)), -1, q);
      q = add(q, shares[k % 2]!, r);
    }
    return add(outerLambda, 1, mixed.vjp(q));
  };

interface Interpolation {
  X: Operator;
  Z: Vector[];
  outer: Vector;
  damping: number;
}

/** ift-02 with X formed by n products with Xᵀ. */
const byGram =
  (shift: (n: number, tau: number) => number, least = 0) =>
  ({ X, Z, outer, damping }: Interpolation) => {
    const n = Z.length;
    const rows = Z.map((_, j) => [...X.transpose(unit(n, j))]);
    const K = product(rows, transposed(rows));
    const seen = multiply(rows, outer);
    const pull = (c: number) =>
      multiply(
        transposed(Z.map((row) => [...row])),
        solveDense(
          each(K, (a, i, j) => a + (i === j ? c : 0)),
          seen,
        ),
      );
    return { leastNorm: pull(least), damped: pull(shift(n, damping)) };
  };

/** neumann-01 with the coefficients from a formula in k. */
const series =
  (coefficient: (k: number) => number, outside = Math.sqrt) =>
  (A: LinearOperator<Vector>, b: Vector, alpha: number, terms: number) => {
    let power = b;
    let sum: Vector = zeros(b.length);
    for (let k = 0; k < terms; k++) {
      if (k > 0) power = add(power, -alpha, A.apply(power));
      sum = add(sum, coefficient(k), power);
    }
    return scaled(outside(alpha), sum);
  };
const wallis = (k: number) =>
  Array.from({ length: k }, (_, j) => 1 - 1 / (2 * (j + 1))).reduce((a, b) => a * b, 1);

interface Flat {
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

/** fixed-01 by recursion. */
const recursive =
  (bound: (r: number, system: Flat, plan: Plan) => number) =>
  (system: Flat, plan: Plan): { value: Vector; steps: number; bound: number } => {
    const { A, b } = system;
    const from = (value: Vector, steps: number): ReturnType<ReturnType<typeof recursive>> => {
      const r = add(b, -1, A.apply(value));
      const there = size(r) <= plan.tolerance * size(b) || steps === plan.most;
      if (there) return { value, steps, bound: bound(size(r), system, plan) };
      return from(add(value, plan.alpha, r), steps + 1);
    };
    return from(plan.start, 0);
  };

interface Tied {
  w: Vector;
  adjoint: Vector;
  lambda: Vector;
  ties: { i: number; j: number; k: number }[];
  outerLambda: Vector;
}

/** mixed-01 by differences of the gradient of all penalties, paired with q, along each λ. */
const byDifferences =
  (from: number) =>
  ({ w, adjoint: q, lambda, ties, outerLambda }: Tied) => {
    const paired = (at: Vector) => {
      const g = zeros(w.length);
      for (const { i, j, k } of ties) {
        g[i]! += Math.exp(at[k]!) * (w[i]! - w[j]!);
        g[j]! -= Math.exp(at[k]!) * (w[i]! - w[j]!);
      }
      return dot(g, q);
    };
    const h = 1e-5;
    return outerLambda.map((direct, k) => {
      const e = unit(lambda.length, k);
      return (
        direct - (paired(add(lambda, h, e)) - paired(add(lambda, from * h, e))) / (h - from * h)
      );
    });
  };

interface Batches {
  outer(batch: number): { w: Vector; lambda: Vector };
  hessian(batch: number): LinearOperator<Vector>;
  mixedVjp(batch: number, q: Vector): Vector;
}

/** stochastic-01 with Bᵀ applied to every q of the later half. */
const pulledEach =
  (last: (steps: number, k: number) => number) =>
  (batches: Batches, alpha: number, steps: number) => {
    const { w: b, lambda } = batches.outer(0);
    const share = 1 / Math.ceil(steps / 2);
    let [q, result]: [Vector, Vector] = [zeros(b.length), lambda];
    for (let k = 1; k <= steps; k++) {
      q = add(q, alpha * k ** -0.5, add(b, -1, batches.hessian(k).apply(q)));
      if (k > steps - Math.ceil(steps / 2)) {
        result = add(result, -share, batches.mixedVjp(last(steps, k), q));
      }
    }
    return result;
  };

interface Smooth {
  gradient(y: Vector): Vector;
  L: number;
}

/** step-02 by gradient descent, with a rate and an end of one's own. */
const descended =
  ({ share = 1, rate = (product: number) => 1 / (1 + product) } = {}) =>
  (f: Smooth, w: Vector, delta: number, tolerance: number) => {
    let y = w;
    for (let k = 0; k < 1e4; k++) {
      const r = add(add(y, -1, w), delta, f.gradient(y));
      if (size(r) <= share * tolerance) break;
      y = add(y, -rate(delta * f.L), r);
    }
    return y;
  };

/** curse-02 by the closed form, which is evaluated only inside the interval. */
const insideOnly = (mu: number, L: number, t: number, spectrum: Vector) => {
  const at = (s: number) => {
    const m = (2 * Math.min(L, Math.max(mu, s)) - L - mu) / (L - mu);
    const scale = Math.cosh(t * Math.acosh((L + mu) / (L - mu))) * (-1) ** t;
    const angle = Math.acos(m);
    const slope =
      Math.abs(m) === 1 ? t * t * m ** (t + 1) : (t * Math.sin(t * angle)) / Math.sin(angle);
    return { P: Math.cos(t * angle) / scale, dP: ((2 / (L - mu)) * slope) / scale };
  };
  const found = Array.from(spectrum, at);
  return {
    P: found.map(({ P }) => P),
    dP: found.map(({ dP }) => dP),
    Q: found.map(({ P, dP }, i) => P - spectrum[i]! * dP),
  };
};

/** unroll-02 with the gradients read off the states. */
const readOff =
  (length: (eta: number) => number) =>
  ({ start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training) => {
    const states = [start];
    while (states.length <= steps) {
      states.push(add(states.at(-1)!, -eta, gradient(states.at(-1)!)));
    }
    let { dw: q, dlambda } = outer(states[steps]!);
    let deta = 0;
    for (let t = steps - 1; t >= 0; t--) {
      const moved = add(states[t + 1]!, -1, states[t]!);
      deta += dot(moved, q) / length(eta);
      dlambda = add(dlambda, -eta, mixedTransposed(states[t]!, q));
      q = add(q, -eta, hessian(states[t]!, q));
    }
    return { dlambda, deta, dstart: q };
  };

/** unroll-03 with a ring of K states. */
const ring =
  (turn: number) =>
  (
    { start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training,
    K: number,
  ): Vector => {
    const places: Vector[] = new Array(K);
    let w = start;
    for (let t = 0; t < steps; t++) {
      places[t % K] = w;
      w = add(w, -eta, gradient(w));
    }
    let { dw: q, dlambda } = outer(w);
    for (let back = 1; back <= K; back++) {
      const state = places[(steps - back + turn + K) % K]!;
      dlambda = add(dlambda, -eta, mixedTransposed(state, q));
      q = add(q, -eta, hessian(state, q));
    }
    return dlambda;
  };

interface Rates {
  rates: Vector;
  drates: Vector;
}
interface Quadratic {
  spectrum: Vector;
  dspectrum: Vector;
  d: Vector;
  r: Vector;
}

/** curse-01 by the sum over steps of products over the others. */
const bySums =
  (skips: boolean) =>
  ({ spectrum, dspectrum, d, r }: Quadratic, { rates, drates }: Rates) =>
    Float64Array.from({ length: rates.length + 1 }, (_, t) => {
      const entries = Array.from(spectrum, (s, i) => {
        const factors = Array.from(rates.subarray(0, t), (eta) => 1 - eta * s);
        const without = (k: number) =>
          factors.reduce((p, f, j) => (skips && j === k ? p : p * f), 1);
        const bent = factors.reduce(
          (sum, _f, k) => sum - (rates[k]! * dspectrum[i]! + drates[k]! * s) * without(k),
          0,
        );
        return without(-1) * d[i]! + bent * r[i]!;
      });
      return size(entries);
    });

/** curse-03 in Chebyshev polynomials of m. */
const chebyshev =
  (perM: boolean) =>
  ({ s, weights }: { s: Vector; weights: Vector }, nu: number, t: number, points: Vector) => {
    const [mu, L] = [Math.min(...s), Math.max(...s)];
    const half = (L - mu) / 2;
    const basis = (at: number) => {
      const m = (at - (L + mu) / 2) / half;
      const T = [1, m];
      const dT = [0, 1];
      for (let k = 2; k <= t; k++) {
        T.push(2 * m * T[k - 1]! - T[k - 2]!);
        dT.push(2 * T[k - 1]! + 2 * m * dT[k - 1]! - dT[k - 2]!);
      }
      return { T, dT: dT.map((x) => (perM ? x : x / half)) };
    };
    const rows = Array.from(s, basis);
    const at = (i: number, j: number) =>
      rows.reduce(
        (sum, { T, dT }, k) => sum + weights[k]! * (T[i]! * T[j]! + nu * dT[i]! * dT[j]!),
        0,
      );
    const M = Array.from({ length: t + 1 }, (_, i) =>
      Array.from({ length: t + 1 }, (__, j) => at(i, j)),
    );
    const phi = basis(0).T;
    const c = solveDense(M, phi);
    return points.map((point) => dot(c, basis(point).T) / dot(c, phi));
  };

interface Known {
  wanted: 'solution' | 'iterate';
  stronglyConvex: boolean;
  stochastic: boolean;
  steps: number;
  hyperparameters: number;
  memory: number;
}

/** choose-01 by questions about memory, in the order of speed. */
const byQuestions =
  (checkpoints: (T: number) => number) =>
  ({ wanted, stronglyConvex, stochastic, steps: T, hyperparameters: m, memory }: Known) => {
    if (wanted === 'solution' && stronglyConvex && !stochastic) return 'implicit';
    const forward = m + 1 <= memory;
    if (m === 0 && forward) return 'forward';
    const reverse = T <= memory;
    if (m === 1 && forward && (!reverse || T > 2 || (T === 2 && !reverse))) return 'forward';
    if (reverse) return 'reverse';
    const kept = checkpoints(T) <= memory;
    if (kept && !(forward && (m < 2 || (m === 2 && m + 1 < checkpoints(T))))) return 'checkpoints';
    return forward ? 'forward' : 'truncate';
  };

export const tries: Try[] = [
  {
    id: 'euler-02',
    name: 'with a Jacobian by differences',
    answer: newton({ jacobian: differences }),
    verdict: 'right',
  },
  {
    id: 'euler-02',
    name: 'from where the line through both points leads',
    answer: newton({ start: (before, y) => y.map((value, i) => 2 * value - before[i]!) }),
    verdict: 'right',
  },
  {
    id: 'euler-02',
    name: 'the matrix of the first iteration for all',
    answer: newton({ frozen: true }),
    verdict: 'property: solves its equation',
  },
  {
    id: 'euler-02',
    name: 'the older point is added',
    answer: newton({ known: (before, y) => (4 * y + before) / 3 }),
    verdict: 'property: solves its equation',
  },
  { id: 'hvp-02', name: 'with six points', answer: sixPoints, verdict: 'right' },
  {
    id: 'block-01',
    name: 'masked, with an own solver',
    answer: block((delta) => -delta),
    verdict: 'right',
  },
  {
    id: 'block-01',
    name: 'the coupling by δ²',
    answer: block((delta) => -(delta ** 2)),
    verdict: 'differs',
  },
  { id: 'cg-01', name: 'arrays that are changed in place', answer: inPlace(), verdict: 'right' },
  {
    id: 'cg-01',
    name: 'curvature below −1e-12',
    answer: inPlace({ strict: true }),
    verdict: 'mistake: no curvature counts as positive',
  },
  {
    id: 'cg-01',
    name: 'the tolerance as a length',
    answer: inPlace({ relative: false }),
    verdict: 'mistake: an absolute tolerance',
  },
  { id: 'gnvp-01', name: 'by a root of S', answer: byRoots(true), verdict: 'right' },
  {
    id: 'gnvp-01',
    name: 'by a root that is transposed without its mean',
    answer: byRoots(false),
    verdict: 'right',
  },
  {
    id: 'woodbury-01',
    name: 'with the rows of J',
    answer: byRows((S, gram) => product(S, gram)),
    verdict: 'right',
  },
  {
    id: 'woodbury-01',
    name: 'with the rows of J, S between',
    answer: byRows((S, gram) => product(product(S, gram), S)),
    verdict: 'property: solves the system',
  },
  { id: 'marquardt-01', name: 'in units of D', answer: inUnits(), verdict: 'right' },
  {
    id: 'marquardt-01',
    name: 'a third for a half',
    answer: inUnits({ shrink: 1 / 3 }),
    verdict: 'differs',
  },
  {
    id: 'marquardt-01',
    name: 'longer from a quarter on',
    answer: inUnits({ edge: (ratio) => ratio > 0.25 }),
    verdict: 'differs',
  },
  {
    id: 'marquardt-01',
    name: 'limits that count as reached at equality',
    answer: inUnits({ edge: (ratio) => ratio >= 0.75, takes: (ratio) => ratio >= 0 }),
    verdict: 'right',
  },
  {
    id: 'marquardt-01',
    name: 'taken from a quarter on only',
    answer: inUnits({ takes: (ratio) => ratio > 0.25 }),
    verdict: 'differs',
  },
  {
    id: 'step-02',
    name: 'with a rate of 2/(2 + δL)',
    answer: descended({ rate: (product) => 2 / (2 + product) }),
    verdict: 'right',
  },
  {
    id: 'step-02',
    name: 'a fifth above the tolerance',
    answer: descended({ share: 1.2 }),
    verdict: 'property: is as near as the tolerance asks for',
  },
  {
    id: 'step-02',
    name: 'with a rate of 1/(δL)',
    answer: descended({ rate: (product) => 1 / product }),
    verdict: 'not-finite',
  },
  {
    id: 'curse-02',
    name: 'points outside of [μ, L] moved to its ends',
    answer: insideOnly,
    verdict: 'property: P(0) = 1',
  },
  {
    id: 'ift-01',
    name: 'with two shares in turn',
    answer: alternating([0.4, 0.6], 80),
    verdict: 'right',
  },
  {
    id: 'ift-01',
    name: 'with two shares, one of them a whole step',
    answer: alternating([1, 0.3], 40),
    verdict: 'right',
  },
  {
    id: 'ift-02',
    name: 'with the rows of X',
    answer: byGram((n, tau) => n * tau),
    verdict: 'right',
  },
  {
    id: 'ift-02',
    name: 'the damping divided by n',
    answer: byGram((n, tau) => tau / n),
    verdict: 'differs',
  },
  { id: 'neumann-01', name: "by Wallis' product", answer: series(wallis), verdict: 'right' },
  {
    id: 'ift-02',
    name: 'the least norm by a damping of 10⁻⁴',
    answer: byGram((n, tau) => n * tau, 1e-4),
    verdict: 'differs',
  },
  {
    id: 'neumann-01',
    name: '1/√(πk) for the coefficients',
    answer: series((k) => (k === 0 ? 1 : 1 / Math.sqrt(Math.PI * k))),
    verdict: 'differs',
  },
  {
    id: 'neumann-01',
    name: 'α itself outside',
    answer: series(wallis, (alpha) => alpha),
    verdict: 'mistake: α in front instead of its root',
  },
  {
    id: 'fixed-01',
    name: 'by recursion',
    answer: recursive((r, { mu }) => r / mu),
    verdict: 'right',
  },
  {
    id: 'fixed-01',
    name: 'the bound from the tolerance',
    answer: recursive((_, { b, mu }, { tolerance }) => (tolerance * size(b)) / mu),
    verdict: 'property: the bound holds',
  },
  {
    id: 'mixed-01',
    name: 'by central differences along λ',
    answer: byDifferences(-1),
    verdict: 'right',
  },
  {
    id: 'stochastic-01',
    name: 'Bᵀ applied to each q',
    answer: pulledEach((steps) => steps + 1),
    verdict: 'right',
  },
  {
    id: 'stochastic-01',
    name: 'Bᵀ applied to each q, on the batch after it',
    answer: pulledEach((_, k) => k + 1),
    verdict: 'differs',
  },
  {
    id: 'unroll-02',
    name: 'the gradients read off the states',
    answer: readOff((eta) => eta),
    verdict: 'right',
  },
  {
    id: 'unroll-02',
    name: 'the differences of states as gradients',
    answer: readOff(() => 1),
    verdict: 'mistake: the derivative with respect to log η',
  },
  { id: 'unroll-03', name: 'with a ring of states', answer: ring(0), verdict: 'right' },
  {
    id: 'unroll-03',
    name: 'with a ring of states, one place off',
    answer: ring(1),
    verdict: 'differs',
  },
  { id: 'curse-01', name: 'by sums of products', answer: bySums(true), verdict: 'right' },
  {
    id: 'curse-01',
    name: 'by sums of products that leave nothing out',
    answer: bySums(false),
    verdict: 'mistake: the residual after the step',
  },
  { id: 'curse-03', name: 'in Chebyshev polynomials', answer: chebyshev(false), verdict: 'right' },
  {
    id: 'curse-03',
    name: 'in Chebyshev polynomials, slopes by m',
    answer: chebyshev(true),
    verdict: 'mistake: the derivative with respect to m instead of s',
  },
  {
    id: 'choose-01',
    name: 'by questions about memory',
    answer: byQuestions((T) => 2 * Math.ceil(Math.sqrt(T))),
    verdict: 'right',
  },
  {
    id: 'choose-01',
    name: 'the root rounded to the nearest',
    answer: byQuestions((T) => 2 * Math.round(Math.sqrt(T))),
    verdict: 'property: takes the fastest way that fits',
  },
  {
    id: 'hvp-01',
    name: 'with a random y',
    answer: (F: (w: tf.Tensor1D) => tf.Tensor1D, w: tf.Tensor1D, u: tf.Tensor1D) =>
      tf.tidy(() => {
        const y = tf.randomNormal(F(w).shape);
        const paired = (z: tf.Tensor) =>
          tf.sum(tf.mul(u, tf.grad((x) => tf.sum(tf.mul(z, F(x as tf.Tensor1D))))(w)));
        return tf.grad(paired)(y);
      }),
    verdict: 'right',
  },
  {
    id: 'hvp-01',
    name: 'the derivative of the sum of outputs times u',
    answer: (F: (w: tf.Tensor1D) => tf.Tensor1D, w: tf.Tensor1D, u: tf.Tensor1D) =>
      tf.tidy(() => {
        const g = tf.grad((x) => tf.sum(F(x as tf.Tensor1D)))(w);
        return tf.mul(tf.onesLike(F(w)), tf.sum(tf.mul(g, u)));
      }),
    verdict: 'differs',
  },
];
