import * as tf from '@tensorflow/tfjs';
import type { LinearOperator } from 'implicit-lab';
import { add, dot, type Try, type Vector } from './try';

/** Answers to the exercises that had been tried least, written from their tasks alone. */

type Operator = LinearOperator<Vector>;

/** A x = b for a symmetric positive definite A, by conjugate gradients until nothing changes. */
function solvedBy(A: (x: Vector) => Vector, b: Vector): Vector {
  let [x, r, d]: [Vector, Vector, Vector] = [b.map(() => 0), b, b];
  for (let k = 0; k < 2 * b.length && dot(r, r) > 1e-28 * dot(b, b); k++) {
    const Ad = A(d);
    const alpha = dot(r, r) / dot(d, Ad);
    const next = add(r, -alpha, Ad);
    x = add(x, alpha, d);
    d = add(next, dot(next, next) / dot(r, r), d);
    r = next;
  }
  return x;
}

interface AdamState {
  w: Vector;
  m: Vector;
  v: Vector;
  t: number;
}
interface Slope {
  gradient: Vector;
  curvature: Operator;
}
interface Rates {
  delta: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  decay: number;
}

/** Implicit Adam by the system for the position, with single rules as parameters. */
const adam =
  ({
    momentum = (beta1: number) => 1 - beta1,
    forV = (rates: Rates) => rates.beta2,
    scaled = false,
  } = {}) =>
  ({ w, m, v, t }: AdamState, { gradient: g, curvature }: Slope, rates: Rates) => {
    const { delta, beta1, beta2, epsilon, decay } = rates;
    const k = 1 / (1 - beta1 ** t);
    const average = m.map((value, i) => beta1 * value + (1 - beta1) * g[i]!);
    const squares = v.map((value, i) => beta2 * value + (1 - beta2) * g[i]! ** 2);
    const D = squares.map((value) => Math.sqrt(value / (1 - forV(rates) ** t)) + epsilon);
    // What the decay is multiplied by in the system: D, or nothing where it is scaled as the gradient is.
    const E = scaled ? D.map(() => 1) : D;
    const half = D.map((d, i) => Math.sqrt(d + delta * decay * E[i]!));
    const b = w.map((value, i) => -delta * (k * average[i]! + decay * E[i]! * value));
    const y = solvedBy(
      (x) => {
        const Hx = curvature.apply(x.map((value, i) => value / half[i]!));
        return x.map((value, i) => value + (delta * k * momentum(beta1) * Hx[i]!) / half[i]!);
      },
      b.map((value, i) => value / half[i]!),
    );
    const s = y.map((value, i) => value / half[i]!);
    const end = add(w, 1, s);
    return {
      w: end,
      m: end.map((value, i) => -(D[i]! * s[i]! + delta * decay * E[i]! * value) / (delta * k)),
      v: squares,
    };
  };

/** The same step by the system for the momentum. */
const adamByMomentum = (
  { w, m, v, t }: AdamState,
  { gradient: g, curvature }: Slope,
  { delta, beta1, beta2, epsilon, decay }: Rates,
) => {
  const squares = v.map((value, i) => beta2 * value + (1 - beta2) * g[i]! ** 2);
  const root = squares.map((x) => Math.sqrt(Math.sqrt(x / (1 - beta2 ** t)) + epsilon));
  const step = delta / (1 - beta1 ** t) / (1 + delta * decay);
  const shrunk = w.map((value) => value / (1 + delta * decay));
  const moved = curvature.apply(add(shrunk, -1, w));
  const b = m.map((x, i) => beta1 * x + (1 - beta1) * (g[i]! + moved[i]!));
  const y = solvedBy(
    (x) => {
      const Hx = curvature.apply(x.map((value, i) => value / root[i]!));
      return x.map((value, i) => value + (step * (1 - beta1) * Hx[i]!) / root[i]!);
    },
    b.map((value, i) => value / root[i]!),
  );
  return {
    w: shrunk.map((value, i) => value - (step * y[i]!) / root[i]!),
    m: y.map((value, i) => value * root[i]!),
    v: squares,
  };
};

const adamTries: Try[] = [
  {
    id: 'adam-01',
    name: 'by the system for the momentum',
    answer: adamByMomentum,
    verdict: 'right',
  },
  {
    id: 'adam-01',
    name: 'the decay divided by D as the gradient is',
    answer: adam({ scaled: true }),
    verdict: 'mistake: the decay is divided by D',
  },
  {
    id: 'adam-01',
    name: 'the curvature for all of the momentum',
    answer: adam({ momentum: () => 1 }),
    verdict: 'mistake: the factor 1 − β₁ in the system',
  },
  {
    id: 'adam-01',
    name: 'v corrected by β₁',
    answer: adam({ forV: ({ beta1 }) => beta1 }),
    verdict: 'property: satisfies the equation of the step',
  },
];

interface Training {
  start: Vector;
  eta: number;
  steps: number;
  gradient(w: Vector): Vector;
  hessian(w: Vector, u: Vector): Vector;
  mixedTransposed(w: Vector, q: Vector): Vector;
  outer(w: Vector): { dw: Vector; dlambda: Vector };
}

const truncated =
  ({ sign = -1, more = 0 } = {}) =>
  (training: Training, K: number) => {
    const { start, eta, steps, gradient, hessian, mixedTransposed, outer } = training;
    /** From `w`, with the given number of steps left; what is left of E's derivative at `w`, and dE/dλ so far. */
    const back = (w: Vector, left: number): { q: Vector; dlambda: Vector } => {
      if (left === 0) {
        const { dw, dlambda } = outer(w);
        return { q: dw, dlambda };
      }
      const { q, dlambda } = back(add(w, -eta, gradient(w)), left - 1);
      return {
        q: add(q, -eta, hessian(w, q)),
        dlambda: add(dlambda, sign * eta, mixedTransposed(w, q)),
      };
    };
    const kept = Math.min(steps, K + more);
    let w = start;
    for (let t = kept; t < steps; t++) w = add(w, -eta, gradient(w));
    return back(w, kept).dlambda;
  };

/** Keeps the gradients of the last steps and walks back by adding them. */
const byGradients = (
  { start, eta, steps, gradient, hessian, mixedTransposed, outer }: Training,
  K: number,
) => {
  let w = start;
  const slopes: Vector[] = [];
  for (let t = 0; t < steps; t++) {
    const g = gradient(w);
    if (t >= steps - K) slopes.push(g);
    w = add(w, -eta, g);
  }
  const { dw, dlambda } = outer(w);
  let [q, result] = [dw, dlambda];
  while (slopes.length > 0) {
    w = add(w, eta, slopes.pop()!);
    result = add(result, -eta, mixedTransposed(w, q));
    q = add(q, -eta, hessian(w, q));
  }
  return result;
};

const unrollTries: Try[] = [
  { id: 'unroll-03', name: 'by recursion', answer: truncated(), verdict: 'right' },
  {
    id: 'unroll-03',
    name: 'gradients kept, states by adding them again',
    answer: byGradients,
    verdict: 'right',
  },
  {
    id: 'unroll-03',
    name: 'a plus before the mixed products',
    answer: truncated({ sign: 1 }),
    verdict: 'mistake: the sign of the mixed derivative',
  },
  {
    id: 'unroll-03',
    name: 'one step more',
    answer: truncated({ more: 1 }),
    verdict: 'mistake: one step too many',
  },
];

interface CurseStart {
  spectrum: Vector;
  dspectrum: Vector;
  d: Vector;
  r: Vector;
}
interface Schedule {
  rates: Vector;
  drates: Vector;
}

/** For each eigenvalue the 2 × 2 matrix of all steps so far, times (d, r). */
const byMatrices = ({ spectrum, dspectrum, d, r }: CurseStart, { rates, drates }: Schedule) => {
  const squares = new Float64Array(rates.length + 1);
  spectrum.forEach((s, i) => {
    let [a, b] = [1, 0];
    squares[0]! += d[i]! ** 2;
    rates.forEach((eta, t) => {
      const factor = 1 - eta * s;
      b = factor * b - (eta * dspectrum[i]! + drates[t]! * s) * a;
      a *= factor;
      squares[t + 1]! += (a * d[i]! + b * r[i]!) ** 2;
    });
  });
  return squares.map(Math.sqrt);
};

const schedule =
  ({ late = false, both = false } = {}) =>
  ({ spectrum, dspectrum, d, r }: CurseStart, { rates, drates }: Schedule) => {
    let [J, e] = [d, r];
    const norms = [Math.sqrt(dot(J, J))];
    for (let t = 0; t < rates.length; t++) {
      const next = e.map((x, i) => x * (1 - rates[t]! * spectrum[i]!));
      const error = late ? next : e;
      J = J.map((x, i) => {
        const byRate = drates[t]! * (both ? dspectrum : spectrum)[i]!;
        return (
          x * (1 - rates[t]! * spectrum[i]!) - (rates[t]! * dspectrum[i]! + byRate) * error[i]!
        );
      });
      e = next;
      norms.push(Math.sqrt(dot(J, J)));
    }
    return Float64Array.from(norms);
  };

const scheduleTries: Try[] = [
  { id: 'curse-01', name: 'by a matrix for each eigenvalue', answer: byMatrices, verdict: 'right' },
  {
    id: 'curse-01',
    name: 'the residual after the step',
    answer: schedule({ late: true }),
    verdict: 'mistake: the residual after the step',
  },
  {
    id: 'curse-01',
    name: 's′ in both terms',
    answer: schedule({ both: true }),
    verdict: 'differs',
  },
];

const results = (spectrum: Vector, at: (s: number) => { P: number; dP: number }) => {
  const found = Array.from(spectrum, at);
  return {
    P: Float64Array.from(found, ({ P }) => P),
    dP: Float64Array.from(found, ({ dP }) => dP),
    Q: Float64Array.from(found, ({ P, dP }, i) => P - spectrum[i]! * dP),
  };
};

/** T_t and its slope t U_{t−1}, both by their recurrence, over T_t at s = 0. */
const byChebyshev = (mu: number, L: number, t: number, spectrum: Vector) => {
  const first = (x: number) => {
    let [T, next, U, nextU] = [1, x, 0, 1];
    for (let k = 0; k < t; k++) {
      [T, next] = [next, 2 * x * next - T];
      [U, nextU] = [nextU, 2 * x * nextU - U];
    }
    return { T, slope: t * U };
  };
  const { T: scale } = first((L + mu) / (L - mu));
  return results(spectrum, (s) => {
    const { T, slope } = first((L + mu - 2 * s) / (L - mu));
    return { P: T / scale, dP: (-2 * slope) / (L - mu) / scale };
  });
};

const byRecurrence =
  ({ turned = 1, before = 1, steps = 0 } = {}) =>
  (mu: number, L: number, t: number, spectrum: Vector) => {
    const sigma = (L + mu) / (L - mu);
    return results(spectrum, (s) => {
      const [factor, slope] = [1 - (2 * s) / (L + mu), (-2 * turned) / (L + mu)];
      const [P, dP] = [
        [1, factor],
        [0, slope],
      ];
      let omega = 2;
      for (let k = 2; k <= t + steps; k++) {
        omega = 1 / (1 - omega / (4 * sigma ** 2));
        P.push(omega * factor * P[k - 1]! + (1 - omega) * P[k - 2]!);
        dP.push(
          omega * (factor * dP[k - 1]! + slope * P[k - 1]!) + before * (1 - omega) * dP[k - 2]!,
        );
      }
      return { P: P[t + steps]!, dP: dP[t + steps]! };
    });
  };

const chebyshevTries: Try[] = [
  {
    id: 'curse-02',
    name: 'by both kinds of Chebyshev polynomials',
    answer: byChebyshev,
    verdict: 'right',
  },
  {
    id: 'curse-02',
    name: 'the slope of two steps before forgotten',
    answer: byRecurrence({ before: 0 }),
    verdict: 'property: dP is the derivative of P',
  },
  {
    id: 'curse-02',
    name: 'the sign of the slope turned',
    answer: byRecurrence({ turned: -1 }),
    verdict: 'property: dP is the derivative of P',
  },
  { id: 'curse-02', name: 'one step more', answer: byRecurrence({ steps: 1 }), verdict: 'differs' },
];

type Outputs = (w: tf.Tensor1D) => tf.Tensor1D;

const pulledBack = (F: Outputs, w: tf.Tensor1D) => (y: tf.Tensor) =>
  tf.grad((x) => tf.sum(tf.mul(F(tf.reshape(x, [w.size])), y)))(w);

const jacobianTries: Try[] = [
  {
    id: 'hvp-01',
    name: 'at y = 1, paired by a matrix product',
    answer: (F: Outputs, w: tf.Tensor1D, u: tf.Tensor1D) =>
      tf.tidy(() => {
        const pulled = pulledBack(F, w);
        const row = tf.reshape(u, [1, -1]);
        const paired = (y: tf.Tensor) => tf.sum(tf.matMul(row, tf.reshape(pulled(y), [-1, 1])));
        return tf.grad(paired)(tf.onesLike(F(w)));
      }),
    verdict: 'right',
  },
  {
    id: 'hvp-01',
    name: 'by the gradient of a variable',
    answer: (F: Outputs, w: tf.Tensor1D, u: tf.Tensor1D) => {
      const y = tf.tidy(() => tf.variable(tf.zerosLike(F(w))));
      const paired = (): tf.Scalar => tf.sum(tf.mul(pulledBack(F, w)(y), u));
      const { value, grads } = tf.variableGrads(paired, [y]);
      tf.dispose([value, y]);
      return grads[y.name];
    },
    verdict: 'right',
  },
  {
    id: 'hvp-01',
    name: 'half of the change from −u to u',
    answer: (F: Outputs, w: tf.Tensor1D, u: tf.Tensor1D) =>
      tf.tidy(() => tf.div(tf.sub(F(tf.add(w, u)), F(tf.sub(w, u))), 2)),
    verdict: 'differs',
  },
  {
    id: 'hvp-01',
    name: 'the gradient of the sum of outputs, times u',
    answer: (F: Outputs, w: tf.Tensor1D, u: tf.Tensor1D) =>
      tf.tidy(() => tf.mul(tf.grad((x) => tf.sum(F(tf.reshape(x, [w.size]))))(w), u)),
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

/** For each penalty the matrix of its ties, between w and q. */
const byLaplacians = ({ w, adjoint, lambda, ties, outerLambda }: Tied) =>
  outerLambda.map((direct, penalty) => {
    const L = Array.from(w, () => new Float64Array(w.length));
    for (const { i, j, k } of ties) {
      if (k !== penalty) continue;
      L[i]![i]! += 1;
      L[j]![j]! += 1;
      L[i]![j]! -= 1;
      L[j]![i]! -= 1;
    }
    return (
      direct -
      Math.exp(lambda[penalty]!) *
        dot(
          adjoint,
          L.map((row) => dot(row, w)),
        )
    );
  });

const tiedBy =
  (strength: (lambda: Vector, k: number, tie: number) => number) =>
  ({ w, adjoint: q, lambda, ties, outerLambda }: Tied) => {
    const result = outerLambda.slice();
    ties.forEach(({ i, j, k }, tie) => {
      result[k]! -= strength(lambda, k, tie) * (w[i]! - w[j]!) * (q[i]! - q[j]!);
    });
    return result;
  };

const tiedTries: Try[] = [
  {
    id: 'mixed-01',
    name: 'by the matrix of each penalty’s ties',
    answer: byLaplacians,
    verdict: 'right',
  },
  {
    id: 'mixed-01',
    name: 'the penalty for its logarithm',
    answer: tiedBy((lambda, k) => lambda[k]!),
    verdict: 'mistake: the penalty is the logarithm',
  },
  {
    id: 'mixed-01',
    name: 'the penalty by the number of the tie',
    answer: tiedBy((lambda, _, tie) => Math.exp(lambda[tie % lambda.length]!)),
    verdict: 'differs',
  },
];

const inverseRoot =
  ({ scale = Math.sqrt, inner = (alpha: number) => alpha } = {}) =>
  (A: Operator, b: Vector, alpha: number, terms: number) => {
    const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
    let [power, sum]: [Vector, Vector] = [b, b.map(() => 0)];
    for (let k = 0; k < terms; k++) {
      if (k > 0) power = add(power, -inner(alpha), A.apply(power));
      sum = add(sum, factorial(2 * k) / factorial(k) ** 2 / 4 ** k, power);
    }
    return sum.map((value) => scale(alpha) * value);
  };

const rootTries: Try[] = [
  {
    id: 'neumann-01',
    name: 'by central binomial coefficients',
    answer: inverseRoot(),
    verdict: 'right',
  },
  {
    id: 'neumann-01',
    name: 'α in place of its root',
    answer: inverseRoot({ scale: (alpha) => alpha }),
    verdict: 'mistake: α in front instead of its root',
  },
  {
    id: 'neumann-01',
    name: 'powers of I − A',
    answer: inverseRoot({ inner: () => 1 }),
    verdict: 'mistake: α is missing inside the powers',
  },
];

export const tries: Try[] = [
  ...adamTries,
  ...unrollTries,
  ...scheduleTries,
  ...chebyshevTries,
  ...jacobianTries,
  ...tiedTries,
  ...rootTries,
];
