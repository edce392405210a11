import * as tf from '@tensorflow/tfjs';
import { type LinearOperator, minres } from 'implicit-lab';
import { multiply, shiftedMatrix, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

// Answers on second derivatives and steps, written from the tasks alone.

type T1 = tf.Tensor1D;
type Map = (w: T1) => T1;

/** `d/dt F(w + tu)·y` at 0: a derivative of one number by one number. */
const along = (F: Map, w: T1, u: T1, y: tf.Tensor) =>
  tf.grad((t) => tf.sum(tf.mul(F(tf.add(w, tf.mul(t, u)) as T1), y)))(tf.scalar(0));

const jacobianTries: Try[] = [
  {
    id: 'hvp-01',
    name: 'by the derivative along the line, then by y',
    answer: (F: Map, w: T1, u: T1) =>
      tf.tidy(() => tf.grad((y) => along(F, w, u, y))(tf.zerosLike(F(w)))),
    verdict: 'right',
  },
  {
    id: 'hvp-01',
    name: 'along the line, output by output',
    answer: (F: Map, w: T1, u: T1) =>
      tf.tidy(() => {
        const m = F(w).size;
        return tf.stack(tf.unstack(tf.eye(m)).map((y) => along(F, w, u, y)));
      }),
    verdict: 'mistake: the Jacobian, row by row',
  },
  {
    id: 'hvp-01',
    name: 'along u of length 1',
    answer: (F: Map, w: T1, u: T1) =>
      tf.tidy(() =>
        tf.grad((y) => along(F, w, tf.div(u, tf.norm(u)) as T1, y))(tf.zerosLike(F(w))),
      ),
    verdict: 'differs',
  },
  {
    id: 'hvp-01',
    name: 'the change of F for the whole of u',
    answer: (F: Map, w: T1, u: T1) => tf.tidy(() => tf.sub(F(tf.add(w, u) as T1), F(w))),
    verdict: 'mistake: a difference with the step 1',
  },
];

type Field = (x: Vector) => Vector;

/** hvp-02 with the step and the asymmetry as parameters. */
const measured =
  ({
    step = (x: Vector, v: Vector) => (1e-5 * size(x)) / size(v),
    asymmetry = (P: Field, u: Vector, v: Vector, _difference: Vector) =>
      dot(u, P(v)) - dot(v, P(u)),
  } = {}) =>
  (gradient: Field, P: Field, x: Vector, u: Vector, v: Vector) => {
    const h = step(x, v);
    const behind = gradient(add(x, -h, v));
    const difference = gradient(add(x, h, v)).map((g, i) => (g - behind[i]!) / (2 * h));
    return { difference, asymmetry: asymmetry(P, u, v, difference) };
  };

const rulerTries: Try[] = [
  {
    id: 'hvp-02',
    name: 'a hundred thousandth of x for the step',
    answer: measured(),
    verdict: 'right',
  },
  {
    id: 'hvp-02',
    name: 'the step of one-sided differences',
    answer: measured({ step: (x, v) => (Math.sqrt(Number.EPSILON) * size(x)) / size(v) }),
    verdict: 'property: measures to eight digits',
  },
  {
    id: 'hvp-02',
    name: 'the difference in the asymmetry',
    answer: measured({ asymmetry: (P, u, v, difference) => dot(u, difference) - dot(v, P(u)) }),
    verdict: 'differs',
  },
  {
    id: 'hvp-02',
    name: 'an asymmetry without units',
    answer: measured({
      asymmetry: (P, u, v) => (dot(u, P(v)) - dot(v, P(u))) / (size(u) * size(v)),
    }),
    verdict: 'differs',
  },
  {
    id: 'hvp-02',
    name: 'the size of x, at least 1',
    answer: measured({ step: (x, v) => (6e-6 * Math.max(1, size(x))) / size(v) }),
    verdict: 'property: measures to eight digits',
  },
];

/** Gauss and Jordan, without exchanges. */
function eliminated(M: Matrix, b: ArrayLike<number>): number[] {
  const rows = M.map((row, i) => [...row, b[i]!]);
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    const pivot = rows[k]!.map((x) => x / rows[k]![k]!);
    rows.forEach((row, i) => {
      const factor = row[k]!;
      rows[i] = i === k ? pivot : row.map((x, j) => x - factor * pivot[j]!);
    });
  }
  return rows.map((row) => row[n]!);
}

const eulerTries: Try[] = [
  {
    id: 'euler-01',
    name: 'by Gauss and Jordan',
    answer: (A: Matrix, y: Vector, h: number) => eliminated(shiftedMatrix(1, A, h), y),
    verdict: 'right',
  },
  {
    id: 'euler-01',
    name: 'by the slope at the end',
    answer: (A: Matrix, y: Vector, h: number) => {
      const slope = solveDense(shiftedMatrix(1, A, h), multiply(A, y));
      return add(y, -h, slope);
    },
    verdict: 'right',
  },
  {
    id: 'euler-01',
    name: 'added to y',
    answer: (A: Matrix, y: Vector, h: number) => add(y, 1, solveDense(shiftedMatrix(1, A, h), y)),
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'euler-01',
    name: 'the product in place of the solve',
    answer: (A: Matrix, y: Vector, h: number) => multiply(shiftedMatrix(1, A, h), y),
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'euler-01',
    name: 'h squared',
    answer: (A: Matrix, y: Vector, h: number) => solveDense(shiftedMatrix(1, A, h * h), y),
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
];

interface System {
  f(y: Vector): Vector;
  jacobian(y: Vector): Matrix;
}

/** Newton's method for 3x − 4y + y₋ − 2hf(x) = 0, the equation times three. */
const tripled =
  ({ sign = 1, until = 1e-13, most = 60, frozen = false } = {}) =>
  ({ f, jacobian }: System, before: Vector, y: Vector, h: number) => {
    let x = y;
    const first = jacobian(y);
    for (let k = 0; k < most; k++) {
      const slope = f(x);
      const F = x.map((value, i) => 3 * value - 4 * y[i]! + sign * before[i]! - 2 * h * slope[i]!);
      const d = solveDense(shiftedMatrix(3, frozen ? first : jacobian(x), -2 * h), F);
      x = add(x, -1, d);
      if (size(d) < until) break;
    }
    return x;
  };

const secondOrderTries: Try[] = [
  { id: 'euler-02', name: 'the equation times three', answer: tripled(), verdict: 'right' },
  {
    id: 'euler-02',
    name: 'the matrix of the start, three thousand times',
    answer: tripled({ frozen: true, most: 3000 }),
    verdict: 'right',
  },
  {
    id: 'euler-02',
    name: 'the matrix of the start, sixty times',
    answer: tripled({ frozen: true }),
    verdict: 'property: solves its equation',
  },
  {
    id: 'euler-02',
    name: 'the point before with a plus',
    answer: tripled({ sign: -1 }),
    verdict: 'property: solves its equation',
  },
  {
    id: 'euler-02',
    name: 'until a move below a hundredth',
    answer: tripled({ until: 1e-2 }),
    verdict: 'property: solves its equation',
  },
];

const linearisedTries: Try[] = [
  {
    id: 'step-01',
    name: 'by the roots of the rates, symmetric',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const root = rates.map(Math.sqrt);
      const M = H.map((row, i) => row.map((h, j) => root[i]! * h * root[j]! + (i === j ? 1 : 0)));
      const t = solveDense(
        M,
        g.map((x, i) => root[i]! * x),
      );
      return w.map((x, i) => x - root[i]! * t[i]!);
    },
    verdict: 'right',
  },
  {
    id: 'step-01',
    name: 'with 1/δ on the diagonal',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) =>
      add(
        w,
        -1,
        solveDense(
          H.map((row, i) => row.map((h, j) => h + (i === j ? 1 / rates[i]! : 0))),
          g,
        ),
      ),
    verdict: 'right',
  },
  {
    id: 'step-01',
    name: 'the rates only outside',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const s = solveDense(shiftedMatrix(1, H), g);
      return w.map((x, i) => x - rates[i]! * s[i]!);
    },
    verdict: 'property: solves w⁺ = w − R (g + H (w⁺ − w))',
  },
  {
    id: 'step-01',
    name: 'Newton’s step, times the rates',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const s = solveDense(H, g);
      return w.map((x, i) => x - rates[i]! * s[i]!);
    },
    verdict: 'property: solves w⁺ = w − R (g + H (w⁺ − w))',
  },
  {
    id: 'step-01',
    name: 'uphill',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const M = H.map((row, i) => row.map((h, j) => rates[i]! * h + (i === j ? 1 : 0)));
      return add(
        w,
        1,
        solveDense(
          M,
          g.map((x, i) => rates[i]! * x),
        ),
      );
    },
    verdict: 'mistake: uphill',
  },
];

interface Smooth {
  gradient(y: Vector): Vector;
  L: number;
}

const exactTries: Try[] = [
  {
    id: 'step-02',
    name: 'by Nesterov’s method',
    answer: ({ gradient, L }: Smooth, w: Vector, delta: number, tolerance: number) => {
      const root = Math.sqrt(1 + delta * L);
      const beta = (root - 1) / (root + 1);
      let [y, ahead] = [w, w];
      for (;;) {
        const g = gradient(ahead);
        const r = ahead.map((x, i) => x - w[i]! + delta * g[i]!);
        if (size(r) <= tolerance) return ahead;
        const next = add(ahead, -1 / (1 + delta * L), r);
        ahead = next.map((x, i) => x + beta * (x - y[i]!));
        y = next;
      }
    },
    verdict: 'right',
  },
  {
    id: 'step-02',
    name: 'with the rate 1/L on Φ',
    answer: ({ gradient, L }: Smooth, w: Vector, delta: number, tolerance: number) => {
      let y = w;
      for (let k = 0; k < 100_000; k++) {
        const g = gradient(y);
        const r = y.map((x, i) => (x - w[i]!) / delta + g[i]!);
        if (delta * size(r) <= tolerance) break;
        y = add(y, -1 / L, r);
      }
      return y;
    },
    verdict: 'not-finite',
  },
  {
    id: 'step-02',
    name: 'until the slope of Φ is below the tolerance',
    answer: ({ gradient, L }: Smooth, w: Vector, delta: number, tolerance: number) => {
      let y = w;
      for (;;) {
        const g = gradient(y);
        const slope = y.map((x, i) => (x - w[i]!) / delta + g[i]!);
        if (size(slope) <= tolerance) return y;
        y = add(y, -1 / (L + 1 / delta), slope);
      }
    },
    verdict: 'mistake: stopped by the movement, or by the gradient of Φ',
  },
  {
    id: 'step-02',
    name: 'the minimum of f',
    answer: ({ gradient, L }: Smooth, w: Vector, _delta: number, tolerance: number) => {
      let y = w;
      for (let k = 0; k < 1000 && size(gradient(y)) > tolerance; k++)
        y = add(y, -1 / L, gradient(y));
      return y;
    },
    verdict: 'differs',
  },
  {
    id: 'step-02',
    name: 'explicit steps of the same length in all',
    answer: ({ gradient, L }: Smooth, w: Vector, delta: number) => {
      const count = Math.ceil(delta * L);
      let y = w;
      for (let k = 0; k < count; k++) y = add(y, -delta / count, gradient(y));
      return y;
    },
    verdict: 'differs',
  },
];

interface Example {
  y: number;
  eta: number;
  squared: number;
}
interface Rates {
  delta: number;
  lambda: number;
}

const regressionTries: Try[] = [
  {
    id: 'glm-01',
    name: 'half of λ, as if the penalty kept its half',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const c = 1 + (delta * lambda) / 2;
      return { keep: 1 / c, push: (delta * (y - eta / c)) / (c + delta * squared) };
    },
    verdict: 'property: takes the residual at the end of the step',
  },
  {
    id: 'glm-01',
    name: 'a decay by the exponential',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const keep = Math.exp(-delta * lambda);
      return { keep, push: (delta * keep * (y - keep * eta)) / (1 + delta * keep * squared) };
    },
    verdict: 'property: takes the residual at the end of the step',
  },
  {
    id: 'glm-01',
    name: 'the shrinking in front of the whole residual',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const keep = 1 / (1 + delta * lambda);
      return { keep, push: (delta * keep * keep * (y - eta)) / (1 + delta * keep * squared) };
    },
    verdict: 'property: takes the residual at the end of the step',
  },
];

interface Label {
  y: number;
  eta: number;
  squared: number;
}

/** glm-02 by bisection, with bracket, count and model as parameters. */
const bisected =
  ({
    count = 200,
    bracket = (delta: number): [number, number] => [-delta, delta],
    h = (z: number) => 1 / (1 + Math.exp(-z)),
    until = 0,
  } = {}) =>
  ({ y, eta, squared }: Label, { delta, lambda }: Rates) => {
    const rho = 1 / (1 + delta * lambda);
    let [low, high] = bracket(delta);
    for (let k = 0; k < count && high - low > until; k++) {
      const xi = (low + high) / 2;
      if (xi - delta * (y - h(rho * (eta + xi * squared))) < 0) low = xi;
      else high = xi;
    }
    return (low + high) / 2;
  };

const logisticTries: Try[] = [
  { id: 'glm-02', name: 'between −δ and δ', answer: bisected(), verdict: 'right' },
  {
    id: 'glm-02',
    name: 'between −δ and δ, twenty times',
    answer: bisected({ count: 20 }),
    verdict: 'property: lies in its bracket',
  },
  {
    id: 'glm-02',
    name: 'until the bracket is 1e-8 wide',
    answer: bisected({ until: 1e-8 }),
    verdict: 'property: lies in its bracket',
  },
  {
    id: 'glm-02',
    name: 'between −1 and 1',
    answer: bisected({ bracket: () => [-1, 1] }),
    verdict: 'property: satisfies its equation',
  },
  {
    id: 'glm-02',
    name: 'the exponential with the other sign',
    answer: bisected({ h: (z) => 1 / (1 + Math.exp(z)) }),
    verdict: 'property: lies in its bracket',
  },
];

interface State {
  w: Vector;
  m: Vector;
  v: Vector;
  t: number;
}
interface Slope {
  gradient: Vector;
  curvature: LinearOperator<Vector>;
}
interface Adam {
  delta: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  decay: number;
}

/** adam-01 by MINRES, with individual rules as parameters. */
const adam =
  ({
    slopeOf = (gradient: Vector, _w: Vector, _decay: number) => gradient,
    decayOf = (decay: number) => decay,
    handedOn = (v: Vector, _correction: number) => v,
  } = {}) =>
  ({ w, m, v, t }: State, { gradient, curvature }: Slope, given: Adam) => {
    const { delta, beta1, beta2, epsilon } = given;
    const g = slopeOf(gradient, w, given.decay);
    const decay = decayOf(given.decay);
    const k = 1 / (1 - beta1 ** t);
    const correction = 1 - beta2 ** t;
    const average = m.map((x, i) => beta1 * x + (1 - beta1) * g[i]!);
    const squares = v.map((x, i) => beta2 * x + (1 - beta2) * g[i]! ** 2);
    const D = squares.map((x) => Math.sqrt(x / correction) + epsilon);
    const A: LinearOperator<Vector> = {
      apply(s) {
        const Hs = curvature.apply(s);
        return s.map((x, i) => D[i]! * (1 + delta * decay) * x + delta * k * (1 - beta1) * Hs[i]!);
      },
      dispose() {},
    };
    const b = w.map((x, i) => -delta * (k * average[i]! + decay * D[i]! * x));
    const s = minres({ tolerance: 1e-13, maxIterations: 300 }).solveSync(A, b).value;
    const Hs = curvature.apply(s);
    return { w: add(w, 1, s), m: add(average, 1 - beta1, Hs), v: handedOn(squares, correction) };
  };

const adamTries: Try[] = [
  { id: 'adam-01', name: 'by MINRES', answer: adam(), verdict: 'right' },
  {
    id: 'adam-01',
    name: 'the decay as a penalty in the gradient',
    answer: adam({
      slopeOf: (g, w, decay) => add(g, decay, w),
      decayOf: () => 0,
    }),
    verdict: 'property: satisfies the equation of the step',
  },
  {
    id: 'adam-01',
    name: 'the corrected squares handed on',
    answer: adam({ handedOn: (v, correction) => v.map((x) => x / correction) }),
    verdict: 'property: satisfies the equation of the step',
  },
];

interface Residuals {
  value(w: Vector): Vector;
  jacobian(w: Vector): Matrix;
}

/** marquardt-01 with individual rules as parameters. */
const marquardt =
  ({
    promised = (value: Vector, J: Matrix, d: Vector, _delta: number) =>
      add(value, 1, multiply(J, d)),
    gain = (v: Vector) => dot(v, v) / 2,
    grow = 3,
    shrink = 1 / 2,
    accept = (ratio: number) => ratio > 0,
  } = {}) =>
  (r: Residuals, w: Vector, delta: number) => {
    const [value, J] = [r.value(w), r.jacobian(w)];
    const Jt = transposed(J);
    const G = Jt.map((row) => Jt.map((other) => dot(row, other)));
    const A = G.map((row, i) => row.map((x, j) => x + (i === j ? x / delta : 0)));
    const d = solveDense(A, multiply(Jt, value)).map((x) => -x);
    const end = add(w, 1, d);
    const ratio =
      (gain(value) - gain(r.value(end))) / (gain(value) - gain(promised(value, J, d, delta)));
    return {
      w: accept(ratio) ? end : w,
      delta: ratio > 0.75 ? delta * grow : ratio < 0.25 ? delta * shrink : delta,
      ratio,
    };
  };

const marquardtTries: Try[] = [
  { id: 'marquardt-01', name: 'divided by δ', answer: marquardt(), verdict: 'right' },
  {
    id: 'marquardt-01',
    name: 'lengths of the residual for their squares',
    answer: marquardt({ gain: size }),
    verdict: 'differs',
  },
  {
    id: 'marquardt-01',
    name: 'the promise of the whole step s',
    answer: marquardt({
      promised: (value, J, d, delta) => add(value, -1 / delta, multiply(J, d)),
    }),
    verdict: 'property: never raises f',
  },
  {
    id: 'marquardt-01',
    name: 'twice as large, a third as large',
    answer: marquardt({ grow: 2, shrink: 1 / 3 }),
    verdict: 'differs',
  },
  {
    id: 'marquardt-01',
    name: 'every step taken',
    answer: marquardt({ accept: () => true }),
    verdict: 'mistake: a step that gains nothing is taken',
  },
];

export const tries: Try[] = [
  ...jacobianTries,
  ...rulerTries,
  ...eulerTries,
  ...secondOrderTries,
  ...linearisedTries,
  ...exactTries,
  ...regressionTries,
  ...logisticTries,
  ...adamTries,
  ...marquardtTries,
];
