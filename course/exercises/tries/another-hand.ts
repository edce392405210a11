import * as tf from '@tensorflow/tfjs';
import { dense, type LinearOperator, minres } from 'implicit-lab';
import type { Training } from '../catalogue/training';
import { multiply, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

interface System {
  f(y: Vector): Vector;
  jacobian(y: Vector): Matrix;
}
interface Example {
  y: number;
  eta: number;
  squared: number;
}
interface Rates {
  delta: number;
  lambda: number;
}
interface Residuals {
  value(w: Vector): Vector;
  jacobian(w: Vector): Matrix;
}
interface Descent {
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
interface LowRank {
  jacobian: LinearOperator<Vector> & { transpose(u: Vector): Vector };
  S: Matrix;
  delta: number;
}
interface Linearised {
  jacobian: LinearOperator<Vector> & { transpose(u: Vector): Vector };
  probabilities: Matrix;
}
interface Tied {
  w: Vector;
  adjoint: Vector;
  lambda: Vector;
  ties: { i: number; j: number; k: number }[];
  outerLambda: Vector;
}
interface Known {
  wanted: 'solution' | 'iterate';
  stronglyConvex: boolean;
  stochastic: boolean;
  steps: number;
  hyperparameters: number;
  memory: number;
}
interface Smooth {
  gradient(y: Vector): Vector;
  L: number;
}
type Map = (w: tf.Tensor1D) => tf.Tensor1D;
type Field = (x: Vector) => Vector;

const shifted = (A: Matrix, h: number): Matrix =>
  A.map((row, i) => row.map((a, j) => h * a + (i === j ? 1 : 0)));

/** euler-01 by orthogonal columns: I + hA = QR. */
function byColumns(A: Matrix, y: Vector, h: number): Vector {
  const columns = transposed(shifted(A, h)).map((column) => Float64Array.from(column));
  const Q: Vector[] = [];
  const R = columns.map(() => new Float64Array(columns.length));
  columns.forEach((column, j) => {
    let q: Vector = column;
    // Twice is enough.
    for (const i of [...Q.keys(), ...Q.keys()]) {
      const share = dot(Q[i]!, q);
      R[i]![j]! += share;
      q = add(q, -share, Q[i]!);
    }
    R[j]![j] = size(q);
    Q.push(q.map((x) => x / size(q)));
  });
  const x = new Float64Array(y.length);
  for (let i = y.length - 1; i >= 0; i--) x[i] = (dot(Q[i]!, y) - dot(R[i]!, x)) / R[i]![i]!;
  return x;
}

/** euler-02 with steps that are halved until the residual falls. */
const guarded =
  (share = 2 / 3, known = (y: number, before: number) => (4 * y - before) / 3) =>
  ({ f, jacobian }: System, before: Vector, y: Vector, h: number): Vector => {
    const residual = (x: Vector) => {
      const slope = f(x);
      return x.map((value, i) => known(y[i]!, before[i]!) + share * h * slope[i]! - value);
    };
    let x = y;
    for (let k = 0; k < 60; k++) {
      const r = residual(x);
      const d = solveDense(shifted(jacobian(x), -share * h), r);
      let t = 1;
      while (t > 1e-4 && size(residual(add(x, t, d))) > size(r)) t /= 2;
      x = add(x, t, d);
    }
    return x;
  };

/** One step of it, the slope put off to the line through the last two points. */
const extrapolated = ({ f }: System, before: Vector, y: Vector, h: number): Vector => {
  const slope = f(y.map((value, i) => 2 * value - before[i]!));
  return y.map((value, i) => (4 * value - before[i]!) / 3 + (2 / 3) * h * slope[i]!);
};

/** glm-02 by Ridders' method. */
const ridders =
  (count: number, h = (z: number) => 1 / (1 + Math.exp(-z))) =>
  ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
    const f = (xi: number) => xi - delta * (y - h((eta + xi * squared) / (1 + delta * lambda)));
    let [a, b] = [delta * (y - 1), delta * y];
    for (let k = 0; k < count; k++) {
      const [fa, fb, c] = [f(a), f(b), (a + b) / 2];
      const fc = f(c);
      if (fa === 0 || fb === 0 || fc === 0) return fa === 0 ? a : fb === 0 ? b : c;
      const d = c + ((c - a) * Math.sign(fa - fb) * fc) / Math.sqrt(fc ** 2 - fa * fb);
      const ends = [a, c, d, b].sort((p, q) => p - q);
      const at = ends.findIndex((end, i) => i < 3 && f(end) <= 0 && f(ends[i + 1]!) >= 0);
      [a, b] = [ends[Math.max(0, at)]!, ends[Math.max(0, at) + 1]!];
    }
    return (a + b) / 2;
  };

/** marquardt-01 with a system of n unknowns in place of p. */
const pushedThrough =
  ({ gain = 1, penalised = false, less = 0.25 } = {}) =>
  (r: Residuals, w: Vector, delta: number) => {
    const [value, J] = [r.value(w), r.jacobian(w)];
    const D = transposed(J).map((column) => dot(column, column));
    const K = J.map((a, i) =>
      J.map((b, j) => a.reduce((sum, x, l) => sum + (x * b[l]!) / D[l]!, i === j ? 1 / delta : 0)),
    );
    const u = solveDense(K, value);
    const d = Float64Array.from(
      D,
      (metric, l) => -J.reduce((s, row, i) => s + row[l]! * u[i]!, 0) / metric,
    );
    const half = (v: ArrayLike<number>) => dot(v, v) / 2;
    const length = d.reduce((sum, x, l) => sum + D[l]! * x * x, 0) / (2 * delta);
    const promise = half(value) - half(add(value, 1, multiply(J, d))) - (penalised ? length : 0);
    const end = add(w, 1, d);
    const ratio = (gain * (half(value) - half(r.value(end)))) / promise;
    const next = ratio > 0.75 ? 3 * delta : ratio < less ? delta / 2 : delta;
    return { w: ratio > 0 ? end : w, delta: next, ratio };
  };

/** neumann-01 from the last term to the first. */
const horner =
  (coefficient = (k: number) => (2 * k - 1) / (2 * k)) =>
  (A: LinearOperator<Vector>, b: Vector, alpha: number, terms: number): Vector => {
    const c = [1];
    for (let k = 1; k < terms; k++) c.push(c[k - 1]! * coefficient(k));
    let v: Vector = b.map((x) => c[terms - 1]! * x);
    for (let k = terms - 2; k >= 0; k--) v = add(add(v, -alpha, A.apply(v)), c[k]!, b);
    return v.map((x) => Math.sqrt(alpha) * x);
  };

/** fixed-01 with the residual carried along: one product a step, of the residual. */
const carried =
  ({ bound = (r: number, mu: number) => r / mu, late = false, fewer = 0 } = {}) =>
  ({ A, b, mu }: Descent, { start, alpha, tolerance, most }: Plan) => {
    let value = start;
    let r = add(b, -1, A.apply(start));
    let before = r;
    let steps = 0;
    for (; steps < most - fewer && size(r) > tolerance * size(b); steps++) {
      [value, before] = [add(value, alpha, r), r];
      r = add(r, -alpha, A.apply(r));
    }
    return { value, steps, bound: bound(size(late ? before : r), mu) };
  };

/** curse-01 by a step in the complex plane: λ is moved by ih. */
const complex =
  ({ backwards = false } = {}) =>
  ({ spectrum, dspectrum, d, r }: Start, { rates, drates }: Schedule): Vector => {
    const h = 1e-30;
    const order = [...rates.keys()].map((t) => (backwards ? rates.length - 1 - t : t));
    const P = Array.from(spectrum, () => [1, 0]);
    const errors = [size(d)];
    for (const t of order) {
      spectrum.forEach((s, i) => {
        const [a, b] = P[i]!;
        const [x, y] = [1 - rates[t]! * s, -h * (rates[t]! * dspectrum[i]! + drates[t]! * s)];
        P[i] = [a! * x - b! * y, a! * y + b! * x];
      });
      errors.push(size(P.map(([a, b], i) => a! * d[i]! + (b! / h) * r[i]!)));
    }
    return Float64Array.from(errors);
  };

/** woodbury-01 as one system of the unknowns s and y, by MINRES on the part for y, where S is a root squared. */
const bordered =
  ({ sign = -1, gains = 1 } = {}) =>
  ({ jacobian, S, delta }: LowRank, g: Vector): Vector => {
    const m = S.length;
    const unit = (j: number) => Float64Array.from({ length: m }, (_, i) => Number(i === j));
    const K = transposed(S.map((_, j) => [...jacobian.apply(jacobian.transpose(unit(j)))]));
    // (I + δ K S) z = J g, and s = g − δ Jᵀ S z.
    const M = K.map((row, i) =>
      transposed(S).map((column, j) => delta * dot(row, column) + (i === j ? 1 : 0)),
    );
    const z = solveDense(M, jacobian.apply(g));
    return add(g, sign * gains * delta, jacobian.transpose(multiply(S, z)));
  };

/** gnvp-01 with S as the covariance of the classes: the mean of squared distances to the mean. */
const covariance =
  (over: (n: number, C: number) => number = (n) => n) =>
  ({ jacobian, probabilities }: Linearised, v: Vector): Vector => {
    const u = jacobian.apply(v);
    const [n, C] = [probabilities.length, probabilities[0]!.length];
    const pulled = probabilities.flatMap((p, i) =>
      p.map((own, c) => {
        const away = p.map((q, k) => q * (u[i * C + c]! - u[i * C + k]!));
        return (own * away.reduce((sum, x) => sum + x, 0)) / over(n, C);
      }),
    );
    return jacobian.transpose(Float64Array.from(pulled));
  };

/** mixed-01 by the edge matrix of the ties. */
const byEdges =
  (scale = (lambda: number) => Math.exp(lambda)) =>
  ({ w, adjoint, lambda, ties, outerLambda }: Tied): Vector => {
    const edges = ties.map(({ i, j }) => w.map((_, at) => Number(at === i) - Number(at === j)));
    const along = (x: Vector) => edges.map((edge) => dot(edge, x));
    const [Dw, Dq] = [along(w), along(adjoint)];
    return outerLambda.map((direct, k) =>
      ties.reduce(
        (sum, tie, e) => (tie.k === k ? sum - scale(lambda[k]!) * Dw[e]! * Dq[e]! : sum),
        direct,
      ),
    );
  };

/** choose-01 by one number for each way. */
const byScore =
  ({ checkpoints = (T: number) => 2 * Math.ceil(Math.sqrt(T)), iterate = true } = {}) =>
  ({ wanted, stronglyConvex, stochastic, steps: T, hyperparameters: m, memory }: Known): string => {
    const isImplicit = (!iterate || wanted === 'solution') && stronglyConvex && !stochastic;
    if (isImplicit) return 'implicit';
    const score: [string, number, number][] = [
      ['forward', 1 + m, 1 + m],
      ['reverse', 2, T],
      ['checkpoints', 3, checkpoints(T)],
    ];
    let best = ['truncate', Infinity, Infinity] as [string, number, number];
    for (const way of score) {
      if (way[2] > memory) continue;
      if (way[1] < best[1] || (way[1] === best[1] && way[2] < best[2])) best = way;
    }
    return best[0];
  };

/** unroll-02 with gradients kept on the way forwards, so that the walk back takes none. */
const kept =
  ({ sign = -1, early = false } = {}) =>
  ({ start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training) => {
    const trail = [{ w: start, g: gradient(start) }];
    for (let t = 1; t < steps; t++) {
      const { w, g } = trail.at(-1)!;
      const next = add(w, -eta, g) as typeof start;
      trail.push({ w: next, g: gradient(next) });
    }
    const last = trail.at(-1)!;
    const end = outer(add(last.w, -eta, last.g) as typeof start);
    let [q, dlambda, deta] = [end.dw, end.dlambda, 0];
    for (const { w, g } of trail.reverse()) {
      if (early) q = add(q, -eta, hessian(w, q)) as typeof q;
      dlambda = add(dlambda, -eta, mixedTransposed(w, q)) as typeof dlambda;
      deta += sign * dot(g, q);
      if (!early) q = add(q, -eta, hessian(w, q)) as typeof q;
    }
    return { dlambda, dstart: q, deta };
  };

/** step-02 by steps of Nesterov's for a strongly convex function, with its guarantee asked. */
const heavy =
  (share: number) =>
  (f: Smooth, w: Vector, delta: number, tolerance: number): Vector => {
    const kappa = 1 + delta * f.L;
    const beta = (Math.sqrt(kappa) - 1) / (Math.sqrt(kappa) + 1);
    let [y, z] = [w, w];
    for (;;) {
      const slope = add(z, -1, w).map((x, i) => x + delta * f.gradient(z)[i]!);
      if (size(slope) <= share * tolerance) return z;
      const next = add(z, -1 / kappa, slope);
      [y, z] = [next, add(next, beta, add(next, -1, y))];
    }
  };

const hvp =
  (turned: boolean) =>
  (F: Map, w: tf.Tensor1D, u: tf.Tensor1D): tf.Tensor1D =>
    tf.tidy(() => {
      const pull = (y: tf.Tensor) => tf.grad((x) => F(x as tf.Tensor1D))(w, y);
      if (turned) return pull(F(w)) as tf.Tensor1D;
      return tf.grad((y) => tf.dot(pull(y) as tf.Tensor1D, u))(tf.onesLike(F(w))) as tf.Tensor1D;
    });

/** hvp-02 by two central differences and Richardson's rule. */
const extrapolatedRuler =
  ({ weight = 4 / 3 } = {}) =>
  (gradient: Field, product: Field, x: Vector, u: Vector, v: Vector) => {
    const central = (step: number) => {
      const t = (step * size(x)) / size(v);
      const [up, down] = [gradient(add(x, t, v)), gradient(add(x, -t, v))];
      return up.map((value, i) => (value - down[i]!) / (2 * t));
    };
    const [fine, coarse] = [central(1e-3), central(2e-3)];
    return {
      difference: fine.map((value, i) => weight * value + (1 - weight) * coarse[i]!),
      asymmetry: dot(u, product(v)) - dot(v, product(u)),
    };
  };

/** block-01's and others' kin: step-01 by a symmetric system in the place of I + RH, with MINRES. */
const symmetric =
  (solver = minres({ tolerance: 1e-12, maxIterations: 500 })) =>
  (H: Matrix, g: Vector, w: Vector, rates: Vector): Vector => {
    const root = rates.map(Math.sqrt);
    const system = {
      apply: (v: Vector) => {
        const Hv = multiply(
          H,
          v.map((x, i) => root[i]! * x),
        );
        return v.map((x, i) => x + root[i]! * Hv[i]!);
      },
      dispose() {},
    };
    const s = solver.solveSync(
      system,
      g.map((x, i) => root[i]! * x),
    ).value;
    return w.map((x, i) => x - root[i]! * s[i]!);
  };

export const tries: Try[] = [
  { id: 'euler-01', name: 'by orthogonal columns', answer: byColumns, verdict: 'right' },
  {
    id: 'euler-01',
    name: 'in single precision',
    answer: (A: Matrix, y: Vector, h: number) =>
      Float64Array.from(Float32Array.from(byColumns(A, y, h))),
    verdict: 'right',
  },
  { id: 'euler-02', name: 'with steps that are halved', answer: guarded(), verdict: 'right' },
  {
    id: 'euler-02',
    name: 'the slope of the line before',
    answer: extrapolated,
    verdict: 'property: solves its equation',
  },
  {
    id: 'euler-02',
    name: 'two thirds of everything',
    answer: guarded(2 / 3, (y, before) => (2 * (2 * y - before)) / 3),
    verdict: 'property: solves its equation',
  },
  {
    id: 'glm-01',
    name: 'over 1 + δλ + δ‖x‖²',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const keep = 1 / (1 + delta * lambda);
      return { keep, push: (delta * (y - keep * eta)) / (1 + delta * (lambda + squared)) };
    },
    verdict: 'right',
  },
  {
    id: 'glm-01',
    name: 'the penalty weighed by ‖x‖² in what is kept',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => ({
      keep: 1 - (delta * lambda) / (1 + delta * (lambda + squared)),
      push: (delta * (y - eta / (1 + delta * lambda))) / (1 + delta * (lambda + squared)),
    }),
    verdict: 'property: takes the residual at the end of the step',
  },
  { id: 'glm-02', name: "by Ridders' method", answer: ridders(200), verdict: 'right' },
  {
    id: 'glm-02',
    name: "by two of Ridders' steps",
    answer: ridders(2),
    verdict: 'property: satisfies its equation',
  },
  { id: 'marquardt-01', name: 'with n unknowns', answer: pushedThrough(), verdict: 'right' },
  {
    id: 'marquardt-01',
    name: 'half of the gain',
    answer: pushedThrough({ gain: 0.5 }),
    verdict: 'differs',
  },
  {
    id: 'marquardt-01',
    name: 'shorter only where f rises',
    answer: pushedThrough({ less: 0 }),
    verdict: 'differs',
  },
  { id: 'neumann-01', name: 'from the last term to the first', answer: horner(), verdict: 'right' },
  {
    id: 'neumann-01',
    name: 'the coefficients of the square root, from the last to the first',
    answer: horner((k) => (2 * k - 3) / (2 * k)),
    verdict: 'differs',
  },
  { id: 'fixed-01', name: 'the residual carried along', answer: carried(), verdict: 'right' },
  {
    id: 'fixed-01',
    name: 'the bound of the step before',
    answer: carried({ late: true }),
    verdict: 'differs',
  },
  {
    id: 'fixed-01',
    name: 'one step fewer at most',
    answer: carried({ fewer: 1 }),
    verdict: 'differs',
  },
  { id: 'curse-01', name: 'by a step in the complex plane', answer: complex(), verdict: 'right' },
  {
    id: 'curse-01',
    name: 'the schedule backwards',
    answer: complex({ backwards: true }),
    verdict: 'differs',
  },
  { id: 'woodbury-01', name: 'with S on the right', answer: bordered(), verdict: 'right' },
  {
    id: 'woodbury-01',
    name: 'added, not taken off',
    answer: bordered({ sign: 1 }),
    verdict: 'mistake: the sign of the correction',
  },
  {
    id: 'woodbury-01',
    name: 'δ twice behind the system',
    answer: bordered({ gains: 2 }),
    verdict: 'property: solves the system',
  },
  { id: 'gnvp-01', name: 'by distances of classes', answer: covariance(), verdict: 'right' },
  {
    id: 'gnvp-01',
    name: 'over the classes, not the examples',
    answer: covariance((_, C) => C),
    verdict: 'differs',
  },
  { id: 'mixed-01', name: 'by the edges of the ties', answer: byEdges(), verdict: 'right' },
  {
    id: 'mixed-01',
    name: 'penalties as if by their root',
    answer: byEdges((lambda) => Math.exp(lambda / 2)),
    verdict: 'differs',
  },
  { id: 'choose-01', name: 'by comparing pairs', answer: byScore(), verdict: 'right' },
  {
    id: 'choose-01',
    name: 'a state of checkpoints more',
    answer: byScore({ checkpoints: (T) => 2 * Math.ceil(Math.sqrt(T)) + 1 }),
    verdict: 'differs',
  },
  {
    id: 'choose-01',
    name: 'what is wanted not asked',
    answer: byScore({ iterate: false }),
    verdict: 'mistake: implicit, whatever is wanted',
  },
  { id: 'unroll-02', name: 'gradients kept', answer: kept(), verdict: 'right' },
  {
    id: 'unroll-02',
    name: 'η with a plus',
    answer: kept({ sign: 1 }),
    verdict: 'mistake: the sign of the derivative with respect to η',
  },
  {
    id: 'unroll-02',
    name: 'the adjoint moved first',
    answer: kept({ early: true }),
    verdict: 'mistake: the adjoint is moved too early',
  },
  { id: 'step-02', name: 'by momentum, where it looks ahead', answer: heavy(1), verdict: 'right' },
  {
    id: 'step-02',
    name: 'ten times the tolerance',
    answer: heavy(10),
    verdict: 'property: is as near as the tolerance asks for',
  },
  { id: 'hvp-01', name: 'with dy for the pairing', answer: hvp(false), verdict: 'right' },
  { id: 'hvp-01', name: 'the gradient of half of ‖F‖²', answer: hvp(true), verdict: 'shape' },
  { id: 'hvp-02', name: 'extrapolated', answer: extrapolatedRuler(), verdict: 'right' },
  {
    id: 'hvp-02',
    name: 'extrapolated with the weights of first order',
    answer: extrapolatedRuler({ weight: 2 }),
    verdict: 'property: measures to eight digits',
  },
  { id: 'step-01', name: 'by MINRES, symmetric', answer: symmetric(), verdict: 'right' },
  {
    id: 'step-01',
    name: 'symmetric, dense',
    answer: symmetric(dense({ tolerance: 1e-10 })),
    verdict: 'right',
  },
];
