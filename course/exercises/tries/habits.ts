import * as tf from '@tensorflow/tfjs';
import type { LinearOperator } from 'implicit-lab';
import type { Training } from '../catalogue/training';
import { multiply, product, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

// Answers with habits of programming that a checker meets: what is kept between calls, arrays that are
// changed in place, single precision, the wrong axis, sizes written into the code, classes, generators.

type Operator = LinearOperator<Vector> & { transpose(u: Vector): Vector };
type Map1D = (w: tf.Tensor1D) => tf.Tensor1D;

const zeros = (n: number) => new Float64Array(n);
const unit = (n: number, j: number) => Float64Array.from({ length: n }, (_, i) => Number(i === j));
const each = (A: Matrix, f: (a: number, i: number, j: number) => number): Matrix =>
  A.map((row, i) => row.map((a, j) => f(a, i, j)));
const single = (x: ArrayLike<number>): Vector => Float64Array.from(x, Math.fround);

/** hvp-01, with the outputs' zeros of the first call for all later ones, or of each. */
function keepingZeros(keeps: boolean) {
  let kept: tf.Tensor | undefined;
  return (F: Map1D, w: tf.Tensor1D, u: tf.Tensor1D) =>
    tf.tidy(() => {
      if (kept === undefined || !keeps) kept = tf.keep(tf.zerosLike(F(w)));
      const pulled = (y: tf.Tensor) => tf.grad((x) => tf.sum(tf.mul(F(x as tf.Tensor1D), y)))(w);
      const result = tf.grad((y) => tf.sum(tf.mul(pulled(y), u)))(kept);
      if (!keeps) kept.dispose();
      return result;
    });
}

/** hvp-02 with one array for the points, moved there and back. */
const thereAndBack =
  (round = (x: number) => x) =>
  (
    gradient: (x: Vector) => Vector,
    apply: (v: Vector) => Vector,
    x: Vector,
    u: Vector,
    v: Vector,
  ) => {
    const step = (Number.EPSILON ** (1 / 3) * size(x)) / size(v);
    const move = (times: number) => {
      for (let i = 0; i < x.length; i++) x[i]! += times * step * v[i]!;
    };
    move(1);
    const ahead = gradient(x).slice();
    move(-2);
    const behind = gradient(x).slice();
    move(1);
    const [Pu, Pv] = [apply(u).slice(), apply(v).slice()];
    return {
      difference: ahead.map((a, i) => round((a - behind[i]!) / (2 * step))),
      asymmetry: dot(u, Pv) - dot(v, Pu),
    };
  };

/** euler-01 by Jacobi's iteration. */
const jacobi = (A: Matrix, y: Vector, h: number) => {
  let x = y.slice();
  for (let k = 0; k < 200; k++) {
    x = x.map((_, i) => {
      const rest = dot(A[i]!, x) - A[i]![i]! * x[i]!;
      return (y[i]! - h * rest) / (1 + h * A[i]![i]!);
    });
  }
  return x;
};

interface System {
  f(y: Vector): Vector;
  jacobian(y: Vector): Matrix;
}

/** euler-02 by Newton's method, a number of iterations, rounded on the way. */
const newton =
  (count: number, round = (x: Vector) => x) =>
  ({ f, jacobian }: System, before: Vector, y: Vector, h: number) => {
    let x = y;
    for (let k = 0; k < count; k++) {
      const slope = f(x);
      const r = y.map((v, i) => (4 * v - before[i]!) / 3 + (2 / 3) * h * slope[i]! - x[i]!);
      const M = each(jacobian(x), (a, i, j) => Number(i === j) - (2 / 3) * h * a);
      x = round(add(x, 1, solveDense(M, r)));
    }
    return x;
  };

/** step-01 without the rows of frozen parameters, symmetric: (R⁻¹ + H) s = g. */
const thawed = (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
  const moving = Array.from(rates.keys()).filter((i) => rates[i]! > 0);
  const M = moving.map((i) => moving.map((j) => H[i]![j]! + (i === j ? 1 / rates[i]! : 0)));
  const end = w.slice();
  const s =
    moving.length > 0
      ? solveDense(
          M,
          moving.map((i) => g[i]!),
        )
      : zeros(0);
  moving.forEach((place, k) => {
    end[place]! -= s[k]!;
  });
  return end;
};
/** step-01 with the mean of the rates for all that move. */
const atTheMean = (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
  const mean = rates.reduce((a, b) => a + b, 0) / rates.length;
  return thawed(
    H,
    g,
    w,
    rates.map((rate) => (rate > 0 ? mean : 0)),
  );
};

interface Smooth {
  gradient(y: Vector): Vector;
  L: number;
}

/** step-02 by a function that calls itself. */
const byItself =
  (step: (delta: number, L: number) => number) =>
  ({ gradient, L }: Smooth, w: Vector, delta: number, tolerance: number) => {
    const from = (y: Vector): Vector => {
      const r = add(add(y, -1, w), delta, gradient(y));
      return size(r) <= tolerance ? y : from(add(y, -step(delta, L), r));
    };
    return from(w);
  };

interface Example {
  y: number;
  eta: number;
  squared: number;
}
interface Penalised {
  delta: number;
  lambda: number;
}

/** glm-02 by the rule of false position. */
const falsePosition =
  (count: number, illinois: boolean) =>
  ({ y, eta, squared }: Example, { delta, lambda }: Penalised) => {
    const rho = 1 / (1 + delta * lambda);
    const gap = (xi: number) => xi - delta * (y - 1 / (1 + Math.exp(-rho * (eta + xi * squared))));
    let [a, b] = [0, -gap(0)];
    let [fa, fb] = [gap(a), gap(b)];
    for (let k = 0; k < count && fa !== fb; k++) {
      const c = (a * fb - b * fa) / (fb - fa);
      const fc = gap(c);
      if (fc === 0) return c;
      if (fc * fb < 0) [a, fa] = [b, fb];
      else if (illinois) fa /= 2;
      [b, fb] = [c, fc];
    }
    return b;
  };

interface Linearised {
  jacobian: Operator;
  probabilities: Matrix;
  labels: number[];
}

/** gnvp-01 with what goes back rounded. */
const roundedBack = ({ jacobian, probabilities }: Linearised, v: Vector) => {
  const [n, C] = [probabilities.length, probabilities[0]!.length];
  const u = jacobian.apply(v);
  const Su = probabilities.flatMap((p, i) => {
    const own = u.subarray(i * C, (i + 1) * C);
    const mean = dot(p, own);
    return p.map((value, c) => Math.fround((value * (own[c]! - mean)) / n));
  });
  return jacobian.transpose(Float64Array.from(Su));
};
/** gnvp-01 with p − y for a curvature. */
const byResiduals = ({ jacobian, probabilities, labels }: Linearised, v: Vector) => {
  const C = probabilities[0]!.length;
  const u = jacobian.apply(v);
  return jacobian.transpose(
    u.map((value, k) => {
      const [i, c] = [Math.floor(k / C), k % C];
      return ((probabilities[i]![c]! - Number(labels[i] === c)) * value) / labels.length;
    }),
  );
};

interface Limits {
  tolerance: number;
  maxIterations: number;
}

/** cg-01 as a class whose iterations are a generator. */
class Descent {
  x: Vector;
  r: Vector;
  constructor(
    readonly A: LinearOperator<Vector>,
    b: Vector,
  ) {
    this.x = zeros(b.length);
    this.r = b.slice();
  }
  *iterations() {
    let d = this.r;
    for (let rr = dot(this.r, this.r); ; ) {
      yield 'going' as const;
      const Ad = this.A.apply(d);
      const bend = dot(d, Ad);
      if (bend <= 0) {
        yield 'negative-curvature' as const;
        return;
      }
      this.x = add(this.x, rr / bend, d);
      this.r = add(this.r, -rr / bend, Ad);
      const next = dot(this.r, this.r);
      d = add(this.r, next / rr, d);
      rr = next;
    }
  }
}
const byGenerator = (
  A: LinearOperator<Vector>,
  b: Vector,
  { tolerance, maxIterations }: Limits,
) => {
  const run = new Descent(A, b);
  let left = maxIterations;
  for (const state of run.iterations()) {
    if (state !== 'going') return { value: run.x, status: state };
    if (size(run.r) <= tolerance * size(b)) return { value: run.x, status: 'converged' };
    if (left-- === 0) break;
  }
  return { value: run.x, status: 'max-iterations' };
};
/** cg-01 with b itself for the residual, so that the test looks at a norm that shrinks with it. */
const inTheRightHandSide =
  (before: boolean) =>
  (A: LinearOperator<Vector>, b: Vector, { tolerance, maxIterations }: Limits) => {
    const length = size(b);
    const r = b; // not a copy
    const x = zeros(b.length);
    const d = b.slice();
    let rr = dot(r, r);
    for (let k = 0; ; k++) {
      if (Math.sqrt(rr) <= tolerance * (before ? length : size(b)))
        return { value: x, status: 'converged' };
      if (k === maxIterations) return { value: x, status: 'max-iterations' };
      const Ad = A.apply(d);
      const bend = dot(d, Ad);
      if (bend <= 0) return { value: x, status: 'negative-curvature' };
      for (let i = 0; i < x.length; i++) {
        x[i]! += (rr / bend) * d[i]!;
        r[i]! -= (rr / bend) * Ad[i]!;
      }
      const next = dot(r, r);
      for (let i = 0; i < x.length; i++) d[i] = r[i]! + (next / rr) * d[i]!;
      rr = next;
    }
  };

interface Start {
  w: Vector;
  gradient: Vector;
  curvature: LinearOperator<Vector>;
  implicit: number[];
  explicit: number[];
  delta: number;
}

/** Conjugate gradients, a fixed number of iterations at most. */
function conjugate(apply: (v: Vector) => Vector, b: Vector, count: number): Vector {
  let [x, r, d]: [Vector, Vector, Vector] = [zeros(b.length), b, b];
  for (let k = 0; k < count && dot(r, r) > 1e-28 * dot(b, b); k++) {
    const Ad = apply(d);
    const alpha = dot(r, r) / dot(d, Ad);
    x = add(x, alpha, d);
    const next = add(r, -alpha, Ad);
    d = add(next, dot(next, next) / dot(r, r), d);
    r = next;
  }
  return x;
}
/** block-01 with its lists sorted in place, as words or as numbers; all parameters, or the two groups. */
const sortedInPlace =
  (whole: boolean) =>
  ({ w, gradient, curvature, implicit, explicit, delta }: Start) => {
    implicit.sort();
    explicit.sort();
    const put = (v: ArrayLike<number>, places: number[]) => {
      const padded = zeros(w.length);
      places.forEach((i, k) => {
        padded[i] = v[k]!;
      });
      return padded;
    };
    const take = (v: Vector, places: number[]) => Float64Array.from(places, (i) => v[i]!);
    const rest = put(take(gradient, explicit), explicit);
    const b = add(take(gradient, implicit), -delta, take(curvature.apply(rest), implicit));
    const s = conjugate(
      (v) => add(v, delta, take(curvature.apply(put(v, implicit)), implicit)),
      b,
      100,
    );
    const end = add(add(w, -delta, put(s, implicit)), -delta, rest);
    return whole ? end : take(end, [...implicit, ...explicit]);
  };

interface Adam {
  w: Vector;
  m: Vector;
  v: Vector;
  t: number;
}
interface Slope {
  gradient: Vector;
  curvature: LinearOperator<Vector>;
}
interface Rates {
  delta: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  decay: number;
}

/** adam-01 in the arrays of the state, with the decay in the system or after it. */
const inTheState =
  ({ after = false, t: offset = 0 } = {}) =>
  ({ w, m, v, t }: Adam, { gradient, curvature }: Slope, rates: Rates) => {
    const { delta, beta1, beta2, epsilon, decay } = rates;
    const k = 1 / (1 - beta1 ** (t + offset));
    for (let i = 0; i < w.length; i++) {
      m[i] = beta1 * m[i]! + (1 - beta1) * gradient[i]!;
      v[i] = beta2 * v[i]! + (1 - beta2) * gradient[i]! ** 2;
    }
    const D = v.map((value) => Math.sqrt(value / (1 - beta2 ** (t + offset))) + epsilon);
    const omega = after ? 0 : delta * decay;
    // In the variables √D u the system is symmetric, and its diagonal part is 1 + δω.
    const root = D.map(Math.sqrt);
    const b = m.map((x, i) => (-delta * k * x) / root[i]! - omega * root[i]! * w[i]!);
    const u = conjugate(
      (z) => {
        const Hz = curvature.apply(z.map((x, i) => x / root[i]!));
        return z.map((x, i) => (1 + omega) * x + (delta * k * (1 - beta1) * Hz[i]!) / root[i]!);
      },
      b,
      200,
    ).map((x, i) => x / root[i]!);
    for (let i = 0; i < w.length; i++) {
      const end = w[i]! + u[i]!;
      m[i] = (-D[i]! * (u[i]! + omega * end)) / (delta * k);
      w[i] = after ? end / (1 + delta * decay) : end;
    }
    return { w, m, v };
  };

interface Cells {
  W: Matrix;
  U: Matrix;
}
interface Sequence {
  inputs: number[][];
  target: number[];
}

/** rop-01 by central differences of the gradient; of all steps, or of the last one. */
const byDifferences =
  (most = Number.POSITIVE_INFINITY) =>
  ({ W, U }: Cells, { inputs, target }: Sequence, direction: Cells): Cells => {
    const gradient = (step: number) => {
      const A = each(W, (x, i, j) => x + step * direction.W[i]![j]!);
      const C = each(U, (x, i, j) => x + step * direction.U[i]![j]!);
      const h: number[][] = [W.map(() => 0)];
      for (const x of inputs) {
        const [Wh, Ux] = [multiply(A, h[h.length - 1]!), multiply(C, x)];
        h.push(Array.from(Wh, (value, i) => Math.tanh(value + Ux[i]!)));
      }
      let g = h[h.length - 1]!.map((value, i) => value - target[i]!);
      let [dW, dU] = [each(W, () => 0), each(U, () => 0)];
      for (let t = inputs.length; t >= 1 && t > inputs.length - most; t--) {
        const e = h[t]!.map((value, i) => (1 - value ** 2) * g[i]!);
        dW = each(dW, (x, i, j) => x + e[i]! * h[t - 1]![j]!);
        dU = each(dU, (x, i, j) => x + e[i]! * inputs[t - 1]![j]!);
        g = [...multiply(transposed(A), e)];
      }
      return { dW, dU };
    };
    const [a, b, c, d] = [gradient(1e-3), gradient(-1e-3), gradient(2e-3), gradient(-2e-3)];
    const slope = (of: 'dW' | 'dU') =>
      each(a[of], (x, i, j) => (8 * (x - b[of][i]![j]!) - c[of][i]![j]! + d[of][i]![j]!) / 12e-3);
    return { W: slope('dW'), U: slope('dU') };
  };

interface Frozen {
  features(): Matrix;
}
interface Head {
  W1: Matrix;
  b1: number[];
  W2: Matrix;
  b2: number[];
}

const softmaxRows = (Z: Matrix): Matrix =>
  Z.map((row) => {
    const powers = row.map((z) => Math.exp(z - Math.max(...row)));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / total);
  });

/** head-01 in matrices. */
const head = (frozen: Frozen, now: Head, moved: Head) => {
  const X = frozen.features();
  const plus = (A: Matrix, b: number[]) => each(A, (a, _, j) => a + b[j]!);
  const sums = (A: Matrix) => transposed(A).map((column) => column.reduce((a, b) => a + b, 0));
  const A = each(plus(product(X, now.W1), now.b1), Math.tanh);
  const P = softmaxRows(plus(product(A, now.W2), now.b2));
  const hidden = plus(product(X, moved.W1), moved.b1);
  const RA = each(A, (a, i, j) => (1 - a * a) * hidden[i]![j]!);
  const [direct, passed] = [plus(product(A, moved.W2), moved.b2), product(RA, now.W2)];
  const U = each(direct, (value, i, c) => value + passed[i]![c]!);
  const E = each(U, (value, i, c) => (P[i]![c]! * (value - dot(P[i]!, U[i]!))) / X.length);
  const back = product(E, transposed(now.W2));
  const E1 = each(A, (a, i, j) => (1 - a * a) * back[i]![j]!);
  return {
    W1: product(transposed(X), E1),
    b1: sums(E1),
    W2: product(transposed(A), E),
    b2: sums(E),
  };
};
interface LowRank {
  jacobian: Operator;
  S: Matrix;
  delta: number;
}

/** woodbury-01 with the Gram matrix JJᵀ kept from one call to the next, by its size or not at all. */
function keptGram(keeps: boolean) {
  const kept = new Map<number, Matrix>();
  return ({ jacobian, S, delta }: LowRank, g: Vector) => {
    const m = S.length;
    const gram =
      (keeps && kept.get(m)) ||
      transposed(S.map((_, j) => [...jacobian.apply(jacobian.transpose(unit(m, j)))]));
    kept.set(m, gram);
    const M = each(product(S, gram), (a, i, j) => Number(i === j) + delta * a);
    return add(g, -delta, jacobian.transpose(solveDense(M, multiply(S, jacobian.apply(g)))));
  };
}

interface FixedPoint {
  inner: { jvp(v: Vector): Vector; vjp(q: Vector): Vector };
  mixed: { jvp(u: Vector): Vector; vjp(q: Vector): Vector };
  outerW: Vector;
  outerLambda: Vector;
}

/** ift-01 by the whole matrix, a product for each column. */
const byColumns = ({ inner, mixed, outerW, outerLambda }: FixedPoint) => {
  const p = outerW.length;
  const J = Array.from({ length: p }, (_, j) => [...inner.jvp(unit(p, j))]); // rows are columns of J
  const q = solveDense(
    each(J, (a, i, j) => Number(i === j) - a),
    outerW,
  );
  return add(outerLambda, 1, mixed.vjp(q));
};

/** neumann-01, with the coefficient that the last call ended with, or with 1. */
function keptCoefficient(keeps: boolean) {
  let coefficient = 1;
  return (A: LinearOperator<Vector>, b: Vector, alpha: number, terms: number) => {
    if (!keeps) coefficient = 1;
    let [power, sum] = [b, b];
    for (let k = 1; k < terms; k++) {
      power = add(power, -alpha, A.apply(power));
      coefficient *= (2 * k - 1) / (2 * k);
      sum = add(sum, coefficient, power);
    }
    return sum.map((x) => Math.sqrt(alpha) * x);
  };
}

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

/** fixed-01 in the array of the start, by itself. */
const inTheStart = ({ A, b, mu }: Flat, { start, alpha, tolerance, most }: Plan) => {
  const go = (steps: number): { value: Vector; steps: number; bound: number } => {
    const r = add(b, -1, A.apply(start));
    if (size(r) <= tolerance * size(b) || steps === most)
      return { value: start, steps, bound: size(r) / mu };
    r.forEach((x, i) => {
      start[i]! += alpha * x;
    });
    return go(steps + 1);
  };
  return go(0);
};

interface Tied {
  w: Vector;
  adjoint: Vector;
  lambda: Vector;
  ties: { i: number; j: number; k: number }[];
  outerLambda: Vector;
}

/** mixed-01 in the array of the direct term, with what is rounded. */
const inTheDirectTerm =
  (round: (x: number) => number, penalty = (tie: Tied['ties'][number], _: number) => tie.k) =>
  ({ w, adjoint, lambda, ties, outerLambda }: Tied) => {
    ties.forEach((tie, at) => {
      const { i, j } = tie;
      const k = penalty(tie, at) % lambda.length;
      outerLambda[k]! -= round(
        Math.exp(lambda[k]!) * (w[i]! - w[j]!) * (adjoint[i]! - adjoint[j]!),
      );
    });
    return outerLambda;
  };

interface Batches {
  outer(batch: number): { w: Vector; lambda: Vector };
  hessian(batch: number): LinearOperator<Vector>;
  mixedVjp(batch: number, q: Vector): Vector;
}

/** stochastic-01 by a generator, with batches that are counted from call to call or not. */
function drawn(keeps: boolean) {
  let next = 0;
  return (batches: Batches, alpha: number, steps: number) => {
    if (!keeps) next = 0;
    const { w: b, lambda } = batches.outer(next++);
    function* iterates() {
      let q: Vector = zeros(b.length);
      for (let k = 1; ; k++) {
        q = add(q, alpha / Math.sqrt(k), add(b, -1, batches.hessian(next++).apply(q)));
        yield q;
      }
    }
    const late: Vector[] = [];
    let k = 0;
    for (const q of iterates()) {
      if (++k > steps / 2) late.push(q);
      if (k === steps) break;
    }
    const mean = late[0]!.map((_, i) => late.reduce((sum, q) => sum + q[i]!, 0) / late.length);
    return add(lambda, -1, batches.mixedVjp(next++, mean));
  };
}

/** unroll-01 with tangents that are changed in place: an array for each, or one for all. */
const tangents =
  (shared: boolean, first = true) =>
  ({ start, m, eta, steps, gradient, hessian, mixed, outer }: Training) => {
    const Z: Vector[] = shared
      ? new Array<Vector>(m + 1).fill(zeros(start.length))
      : Array.from({ length: m + 1 }, () => zeros(start.length));
    let w = start;
    for (let t = 0; t < steps; t++) {
      const slope = gradient(w);
      if (!first) w = add(w, -eta, slope);
      Z.forEach((z, j) => {
        const Hz = hessian(w, z);
        const own = j < m ? mixed(w, unit(m, j)) : slope;
        for (let i = 0; i < z.length; i++) z[i]! -= eta * Hz[i]! + (j < m ? eta : 1) * own[i]!;
      });
      if (first) w = add(w, -eta, slope);
    }
    const { dw, dlambda } = outer(w);
    return { dlambda: dlambda.map((x, j) => x + dot(Z[j]!, dw)), deta: dot(Z[m]!, dw) };
  };

/** unroll-02 where the states are one array that moves, copied or not. */
const moving =
  (copies: boolean) =>
  ({ start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training) => {
    const w = start.slice();
    const states: Vector[] = [];
    for (let t = 0; t < steps; t++) {
      states.push(copies ? w.slice() : w);
      const slope = gradient(w);
      for (let i = 0; i < w.length; i++) w[i]! -= eta * slope[i]!;
    }
    const { dw, dlambda } = outer(w);
    return states.reduceRight(
      ({ dlambda, dstart: q, deta }, state) => ({
        dlambda: add(dlambda, -eta, mixedTransposed(state, q)),
        deta: deta - dot(gradient(state), q),
        dstart: add(q, -eta, hessian(state, q)),
      }),
      { dlambda, dstart: dw, deta: 0 },
    );
  };
/** unroll-03 by the whole of reverse mode, or by a run that begins K steps before the end. */
const lastSteps =
  (whole: boolean) =>
  ({ start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training, K: number) => {
    let w = start;
    const kept: Vector[] = [];
    for (let t = 0; t < steps; t++) {
      kept.push(w);
      if (!whole && kept.length > K) kept.shift();
      w = add(w, -eta, gradient(w));
    }
    const end = outer(w);
    let [dlambda, q] = [end.dlambda, end.dw];
    while (kept.length > 0) {
      const state = kept.pop()!;
      dlambda = add(dlambda, -eta, mixedTransposed(state, q));
      q = add(q, -eta, hessian(state, q));
    }
    return dlambda;
  };

interface Errors {
  spectrum: Vector;
  dspectrum: Vector;
  d: Vector;
  r: Vector;
}
interface Schedule {
  rates: Vector;
  drates: Vector;
}

/** curse-01 with its numbers rounded, and the norms by a generator. */
const rounded =
  (round: (x: number) => number) =>
  ({ spectrum, dspectrum, d, r }: Errors, { rates, drates }: Schedule) => {
    function* norms() {
      let [J, e] = [d, r];
      yield size(J);
      for (const [t, eta] of rates.entries()) {
        J = J.map((x, i) => {
          const slope = eta * dspectrum[i]! + drates[t]! * spectrum[i]!;
          return round((1 - eta * spectrum[i]!) * x - slope * e[i]!);
        });
        e = e.map((x, i) => round((1 - eta * spectrum[i]!) * x));
        yield size(J);
      }
    }
    return [...norms()];
  };

/** curse-02 by a function of t that calls itself twice. */
const twice = (mu: number, L: number, t: number, spectrum: Vector) => {
  const sigma = (L + mu) / (L - mu);
  const omega = (k: number): number =>
    k === 2 ? 1 / (1 - 1 / (2 * sigma ** 2)) : 1 / (1 - omega(k - 1) / (4 * sigma ** 2));
  const at = (s: number, k: number): [number, number] => {
    const x = 1 - (2 * s) / (L + mu);
    if (k === 0) return [1, 0];
    if (k === 1) return [x, -2 / (L + mu)];
    const [[P, dP], [before, dBefore]] = [at(s, k - 1), at(s, k - 2)];
    const o = omega(k);
    return [o * x * P + (1 - o) * before, o * (x * dP - (2 / (L + mu)) * P) + (1 - o) * dBefore];
  };
  const found = Array.from(spectrum, (s) => at(s, t));
  return {
    P: found.map(([P]) => P),
    dP: found.map(([, dP]) => dP),
    Q: found.map(([P, dP], i) => P - spectrum[i]! * dP),
  };
};

interface Spectrum {
  s: Vector;
  weights: Vector;
}

/** curse-03 by the roots of degree t, P = 1 + Σ cₖ sᵏ, scaled by the largest eigenvalue; or on a grid of the interval. */
const inPowers =
  (onAGrid: boolean) =>
  ({ s, weights }: Spectrum, nu: number, t: number, points: Vector) => {
    const top = Math.max(...s);
    const low = Math.min(...s);
    const places = onAGrid
      ? s.map((_, i) => low + ((top - low) * i) / Math.max(1, s.length - 1))
      : s;
    const M = Array.from({ length: t }, (_, i) =>
      Array.from({ length: t }, (_, j) =>
        places.reduce((sum, at, k) => {
          const x = at / top;
          const values = x ** (i + j + 2);
          const slopes = ((i + 1) * (j + 1) * x ** (i + j)) / top ** 2;
          return sum + weights[k]! * (values + nu * slopes);
        }, 0),
      ),
    );
    const b = Array.from({ length: t }, (_, i) =>
      places.reduce((sum, at, k) => sum - weights[k]! * (at / top) ** (i + 1), 0),
    );
    const c = solveDense(M, b);
    return points.map((at) => c.reduce((sum, x, k) => sum + x * (at / top) ** (k + 1), 1));
  };

interface Known {
  wanted: 'solution' | 'iterate';
  stronglyConvex: boolean;
  stochastic: boolean;
  steps: number;
  hyperparameters: number;
  memory: number;
}

/** choose-01 by early returns, with a root of one's own. */
const early =
  (root: (T: number) => number) =>
  ({ wanted, stronglyConvex, stochastic, steps, hyperparameters: m, memory }: Known) => {
    if (wanted === 'solution' && stronglyConvex && !stochastic) return 'implicit';
    const fits = { forward: 1 + m <= memory, reverse: steps <= memory };
    if (m === 0 && fits.forward) return 'forward';
    if (m === 1 && fits.forward && (!fits.reverse || steps >= 2)) return 'forward';
    if (fits.reverse) return 'reverse';
    const checkpoints = 2 * root(steps) <= memory;
    if (m < 2 && fits.forward) return 'forward';
    if (m === 2 && fits.forward && (!checkpoints || 3 <= 2 * root(steps))) return 'forward';
    if (checkpoints) return 'checkpoints';
    return fits.forward ? 'forward' : 'truncate';
  };

interface Residuals {
  value(w: Vector): Vector;
  jacobian(w: Vector): Matrix;
}

/** marquardt-01 that moves w itself, and puts it back or not. */
const inTheWeights =
  ({ back = true, again = false } = {}) =>
  (r: Residuals, w: Vector, delta: number) => {
    const half = (v: ArrayLike<number>) => dot(v, v) / 2;
    const value = r.value(w);
    const before = w.slice();
    const Jt = transposed(r.jacobian(w));
    const A = Jt.map((a, i) => Jt.map((b, j) => (delta + Number(i === j)) * dot(a, b)));
    const d = solveDense(A, multiply(Jt, value)).map((x) => -delta * x);
    const Jd = multiply(again ? r.jacobian(w) : transposed(Jt), d);
    d.forEach((x, i) => {
      w[i]! += x;
    });
    const ratio = (half(value) - half(r.value(w))) / (half(value) - half(add(value, 1, Jd)));
    if (ratio <= 0 && back) w.set(before);
    const factor = ratio > 0.75 ? 3 : ratio < 0.25 ? 0.5 : 1;
    return { w, delta: factor * delta, ratio };
  };

export const tries: Try[] = [
  {
    id: 'hvp-01',
    name: 'with zeros made in each call',
    answer: keepingZeros(false),
    verdict: 'right',
  },
  {
    id: 'hvp-01',
    name: 'with the zeros of the first call',
    answer: keepingZeros(true),
    verdict: 'threw',
    remarks: 1,
  },
  {
    id: 'hvp-02',
    name: 'x moved in place, there and back',
    answer: thereAndBack(),
    verdict: 'right',
    remarks: 1,
  },
  {
    id: 'hvp-02',
    name: 'the quotient in single precision',
    answer: thereAndBack(Math.fround),
    verdict: 'property: measures to eight digits',
    remarks: 1,
  },
  {
    id: 'euler-01',
    name: 'the system written into A',
    answer: (A: Matrix, y: Vector, h: number) => {
      A.forEach((row, i) => {
        row.forEach((a, j) => {
          row[j] = h * a;
        });
        row[i]! += 1;
      });
      return solveDense(A, y);
    },
    verdict: 'right',
    remarks: 1,
  },
  { id: 'euler-01', name: 'by Jacobi’s iteration', answer: jacobi, verdict: 'right' },
  {
    id: 'euler-01',
    name: 'a generator for a function',
    answer: function* (A: Matrix, y: Vector, h: number) {
      yield* solveDense(
        each(A, (a, i, j) => h * a + Number(i === j)),
        y,
      );
    },
    verdict: 'shape',
  },
  {
    id: 'euler-02',
    name: 'rounded to single precision',
    answer: newton(60, single),
    verdict: 'right',
  },
  {
    id: 'euler-02',
    name: 'three Newton iterations',
    answer: newton(3),
    verdict: 'property: solves its equation',
  },
  { id: 'step-01', name: 'what is frozen left out, symmetric', answer: thawed, verdict: 'right' },
  {
    id: 'step-01',
    name: 'the mean of the rates for all that move',
    answer: atTheMean,
    verdict: 'property: solves w⁺ = w − R (g + H (w⁺ − w))',
  },
  {
    id: 'step-02',
    name: 'by a function that calls itself',
    answer: byItself((delta, L) => 1 / (1 + delta * L)),
    verdict: 'right',
  },
  {
    id: 'step-02',
    name: 'steps of 1/L for the objective times δ',
    answer: byItself((_, L) => 1 / L),
    verdict: 'threw',
  },
  {
    id: 'step-02',
    name: 'steps of twice the safe length',
    answer: byItself((delta, L) => 2 / (1 + delta * L)),
    verdict: 'threw',
  },
  {
    id: 'glm-01',
    name: 'by Cramer’s rule',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Penalised) => {
      // (1 + δλ) keep = 1 and δη keep + (1 + δλ + δ‖x‖²) push = δy
      const determinant = (1 + delta * lambda) * (1 + delta * lambda + delta * squared);
      return {
        keep: (1 + delta * lambda + delta * squared) / determinant,
        push: ((1 + delta * lambda) * delta * y - delta * eta) / determinant,
      };
    },
    verdict: 'right',
  },
  {
    id: 'glm-01',
    name: 'as texts of seven digits',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Penalised) => {
      const keep = 1 / (1 + delta * lambda);
      const push = (keep * delta * (y - keep * eta)) / (1 + delta * keep * squared);
      return { keep: keep.toPrecision(7), push: push.toPrecision(7) };
    },
    verdict: 'shape',
  },
  {
    id: 'glm-02',
    name: 'by false position, one end halved',
    answer: falsePosition(300, true),
    verdict: 'right',
  },
  {
    id: 'glm-02',
    name: 'by false position, twenty times',
    answer: falsePosition(20, false),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'S J v in single precision',
    answer: roundedBack,
    verdict: 'right',
  },
  {
    id: 'gnvp-01',
    name: 'p − y for the curvature',
    answer: byResiduals,
    verdict: 'mistake: the slope of the loss for its curvature',
  },
  { id: 'cg-01', name: 'a class with a generator', answer: byGenerator, verdict: 'right' },
  {
    id: 'cg-01',
    name: 'b for the residual, its norm kept',
    answer: inTheRightHandSide(true),
    verdict: 'right',
    remarks: 1,
  },
  {
    id: 'cg-01',
    name: 'b for the residual, its norm taken anew',
    answer: inTheRightHandSide(false),
    verdict: 'differs',
    remarks: 1,
  },
  {
    id: 'block-01',
    name: 'lists sorted in place, as words',
    answer: sortedInPlace(true),
    verdict: 'right',
    remarks: 1,
  },
  {
    id: 'block-01',
    name: 'only the two groups',
    answer: sortedInPlace(false),
    verdict: 'shape',
    remarks: 1,
  },
  {
    id: 'adam-01',
    name: 'in the arrays of the state',
    answer: inTheState(),
    verdict: 'right',
    remarks: 1,
  },
  {
    id: 'adam-01',
    name: 'the decay after the step',
    answer: inTheState({ after: true }),
    verdict: 'mistake: the decay after the step',
    remarks: 1,
  },
  {
    id: 'adam-01',
    name: 't counted from 0',
    answer: inTheState({ t: -1 }),
    verdict: 'not-finite',
    remarks: 1,
  },
  {
    id: 'rop-01',
    name: 'by differences of fourth order',
    answer: byDifferences(),
    verdict: 'right',
  },
  {
    id: 'rop-01',
    name: 'the gradient of the last step only',
    answer: byDifferences(1),
    verdict: 'mistake: only the last step',
  },
  { id: 'head-01', name: 'by rows', answer: head, verdict: 'right' },
  {
    id: 'woodbury-01',
    name: 'the Gram matrix made in each call',
    answer: keptGram(false),
    verdict: 'right',
  },
  {
    id: 'woodbury-01',
    name: 'the Gram matrix kept by its size',
    answer: keptGram(true),
    verdict: 'property: solves the system',
  },
  {
    id: 'ift-01',
    name: 'the whole matrix',
    answer: byColumns,
    verdict: 'mistake: the matrix is formed',
  },
  {
    id: 'neumann-01',
    name: 'a coefficient outside, set at the start',
    answer: keptCoefficient(false),
    verdict: 'right',
  },
  {
    id: 'neumann-01',
    name: 'a coefficient outside, never set again',
    answer: keptCoefficient(true),
    verdict: 'differs',
    title: 'the result depends on the calls before',
  },
  {
    id: 'fixed-01',
    name: 'in the array of the start, by itself',
    answer: inTheStart,
    verdict: 'right',
    remarks: 1,
  },
  {
    id: 'mixed-01',
    name: 'in the array of the direct term',
    answer: inTheDirectTerm((x) => x),
    verdict: 'right',
    remarks: 1,
  },
  {
    id: 'mixed-01',
    name: 'in single precision',
    answer: inTheDirectTerm(Math.fround),
    verdict: 'right',
    remarks: 1,
  },
  {
    id: 'mixed-01',
    name: 'the weight’s number for the penalty’s',
    answer: inTheDirectTerm(
      (x) => x,
      ({ i }) => i,
    ),
    verdict: 'differs',
    remarks: 1,
  },
  {
    id: 'mixed-01',
    name: 'the answer to the first trial, always',
    answer: (() => {
      let kept: Vector | undefined;
      return (tied: Tied) => {
        kept ??= inTheDirectTerm((x) => x)(tied).slice();
        return kept;
      };
    })(),
    verdict: 'shape',
    remarks: 1,
  },
  { id: 'stochastic-01', name: 'iterates by a generator', answer: drawn(false), verdict: 'right' },
  {
    id: 'stochastic-01',
    name: 'batches counted on from call to call',
    answer: drawn(true),
    verdict: 'differs',
    title: 'the result depends on the calls before',
  },
  { id: 'unroll-01', name: 'tangents changed in place', answer: tangents(false), verdict: 'right' },
  {
    id: 'unroll-01',
    name: 'one array for all tangents',
    answer: tangents(true),
    verdict: 'mistake: one array for all columns',
  },
  {
    id: 'unroll-01',
    name: 'w moved first',
    answer: tangents(false, false),
    verdict: 'mistake: the derivatives are taken after the step',
  },
  { id: 'unroll-02', name: 'one array that moves, copied', answer: moving(true), verdict: 'right' },
  {
    id: 'unroll-02',
    name: 'one array that moves, not copied',
    answer: moving(false),
    verdict: 'mistake: the derivatives are all taken at w_T',
  },
  { id: 'unroll-03', name: 'a queue of K states', answer: lastSteps(false), verdict: 'right' },
  {
    id: 'unroll-03',
    name: 'the answer to unroll-02',
    answer: lastSteps(true),
    verdict: 'mistake: nothing is left out',
  },
  { id: 'curse-01', name: 'norms by a generator', answer: rounded((x) => x), verdict: 'right' },
  { id: 'curse-01', name: 'in single precision', answer: rounded(Math.fround), verdict: 'right' },
  {
    id: 'curse-02',
    name: 'by a function that calls itself twice',
    answer: twice,
    verdict: 'right',
  },
  {
    id: 'curse-03',
    name: 'in powers without the constant',
    answer: inPowers(false),
    verdict: 'right',
  },
  {
    id: 'curse-03',
    name: 'on an even grid between μ and L',
    answer: inPowers(true),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'choose-01',
    name: 'by early returns',
    answer: early((T) => Math.ceil(Math.sqrt(T))),
    verdict: 'right',
  },
  {
    id: 'choose-01',
    name: 'the root rounded down, and 1',
    answer: early((T) => Math.floor(Math.sqrt(T)) + 1),
    verdict: 'mistake: a whole root is raised as well',
  },
  {
    id: 'marquardt-01',
    name: 'w moved in place, and put back',
    answer: inTheWeights(),
    verdict: 'right',
    remarks: 1,
  },
  {
    id: 'marquardt-01',
    name: 'w moved in place, never put back',
    answer: inTheWeights({ back: false }),
    verdict: 'mistake: a step that gains nothing is taken',
    remarks: 1,
  },
  {
    id: 'marquardt-01',
    name: 'the Jacobian formed twice',
    answer: inTheWeights({ again: true }),
    verdict: 'property: forms the Jacobian once',
    remarks: 1,
  },
];
