import { cg } from 'implicit-lab';
import { multiply, solveDense } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

type Field = (x: Vector) => Vector;
interface System {
  f: Field;
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

const eye = (n: number): Matrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
const plus = (A: Matrix, a: number, B: Matrix): Matrix =>
  A.map((row, i) => row.map((x, j) => x + a * B[i]![j]!));
const h = (z: number) => 1 / (1 + Math.exp(-z));
const bdf = (y: Vector, before: Vector) => y.map((value, i) => (4 * value - before[i]!) / 3);

/** Newton for BDF2 with a matrix that is recomputed every `every` iterations. */
const chord =
  (every: number, iterations: number) =>
  ({ f, jacobian }: System, before: Vector, y: Vector, step: number) => {
    let x = y;
    let M = eye(y.length);
    for (let k = 0; k < iterations; k++) {
      if (k % every === 0) M = plus(eye(y.length), (-2 / 3) * step, jacobian(x));
      const r = add(add(bdf(y, before), (2 / 3) * step, f(x)), -1, x);
      x = add(x, 1, solveDense(M, r));
    }
    return x;
  };

/** Hv-type differences in hvp-02 with a given step. */
const measured =
  (
    epsilon: (x: Vector, v: Vector) => number,
    difference: (g: Field, x: Vector, v: Vector, e: number) => Vector,
  ) =>
  (g: Field, P: Field, x: Vector, u: Vector, v: Vector) => ({
    difference: difference(g, x, v, epsilon(x, v)),
    asymmetry: dot(u, P(v)) - dot(v, P(u)),
  });
const central = (g: Field, x: Vector, v: Vector, e: number) => {
  const [a, b] = [g(add(x, e, v)), g(add(x, -e, v))];
  return a.map((value, i) => (value - b[i]!) / (2 * e));
};
const third = Number.EPSILON ** (1 / 3);

export const tries: readonly Try[] = [
  // hvp-02
  {
    id: 'hvp-02',
    name: 'five points',
    answer: measured(
      (x, v) => (Number.EPSILON ** 0.2 * size(x)) / size(v) / 4,
      (g, x, v, e) => {
        const [near, far] = [central(g, x, v, e), central(g, x, v, 2 * e)];
        return near.map((value, i) => (4 * value - far[i]!) / 3);
      },
    ),
    verdict: 'right',
  },
  {
    id: 'hvp-02',
    name: 'a fixed step of 1e-6',
    answer: measured(() => 1e-6, central),
    verdict: 'property: measures to eight digits',
  },
  {
    id: 'hvp-02',
    name: 'a backward difference',
    answer: measured(
      (x, v) => (1e-8 * size(x)) / size(v),
      (g, x, v, e) => {
        const [a, b] = [g(x), g(add(x, -e, v))];
        return a.map((value, i) => (value - b[i]!) / e);
      },
    ),
    verdict: 'property: measures to eight digits',
  },
  {
    id: 'hvp-02',
    name: 'both mistakes at once: the factor 2 and the absolute value',
    answer: (g: Field, P: Field, x: Vector, u: Vector, v: Vector) => ({
      difference: central(g, x, v, (third * size(x)) / size(v)).map((value) => 2 * value),
      asymmetry: Math.abs(dot(u, P(v)) - dot(v, P(u))),
    }),
    verdict: 'property: measures to eight digits',
  },
  // euler-01
  {
    id: 'euler-01',
    name: 'by Gauss–Seidel sweeps until nothing moves',
    answer: (A: Matrix, y: Vector, step: number) => {
      const x = Array.from(y);
      for (let sweep = 0; sweep < 2000; sweep++) {
        for (const i of x.keys()) {
          const rest = A[i]!.reduce((sum, a, j) => (j === i ? sum : sum + step * a * x[j]!), 0);
          x[i] = (y[i]! - rest) / (1 + step * A[i]![i]!);
        }
      }
      return x;
    },
    verdict: 'right',
  },
  {
    id: 'euler-01',
    name: 'only the diagonal of A',
    answer: (A: Matrix, y: Vector, step: number) =>
      y.map((value, i) => value / (1 + step * A[i]![i]!)),
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'euler-01',
    name: 'two half steps',
    answer: (A: Matrix, y: Vector, step: number) => {
      const half = (x: ArrayLike<number>) => solveDense(plus(eye(A.length), step / 2, A), x);
      return half(half(y));
    },
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'euler-01',
    name: 'the exponential',
    answer: (A: Matrix, y: Vector, step: number) => {
      let [term, sum] = [y, y];
      for (let k = 1; k < 400; k++) {
        term = multiply(A, term).map((value) => (-step * value) / k);
        sum = add(sum, 1, term);
      }
      return sum;
    },
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  // euler-02
  {
    id: 'euler-02',
    name: "Newton's matrix from two iterations before",
    answer: chord(2, 80),
    verdict: 'right',
  },
  {
    id: 'euler-02',
    name: 'the coefficients of a step of third order',
    answer: ({ f, jacobian }: System, before: Vector, y: Vector, step: number) => {
      let x = y;
      for (let k = 0; k < 60; k++) {
        const r = add(
          add(
            y.map((value, i) => (18 * value - 9 * before[i]!) / 11),
            (6 / 11) * step,
            f(x),
          ),
          -1,
          x,
        );
        x = add(x, 1, solveDense(plus(eye(y.length), (-6 / 11) * step, jacobian(x)), r));
      }
      return x;
    },
    verdict: 'property: solves its equation',
  },
  {
    id: 'euler-02',
    name: 'three Newton iterations',
    answer: chord(1, 3),
    verdict: 'property: solves its equation',
  },
  {
    id: 'euler-02',
    name: 'fixed-point iterations, a thousand of them',
    answer: ({ f }: System, before: Vector, y: Vector, step: number) => {
      let x = y;
      for (let k = 0; k < 1000; k++) x = add(bdf(y, before), (2 / 3) * step, f(x));
      return x;
    },
    verdict: 'mistake: the iteration without a system',
  },
  // step-01
  {
    id: 'step-01',
    name: 'with the rates of 0 left out of the system',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const free = [...rates.keys()].filter((i) => rates[i]! > 0);
      const M = free.map((i) => free.map((j) => H[i]![j]! + (i === j ? 1 / rates[i]! : 0)));
      const s = solveDense(
        M,
        free.map((i) => g[i]!),
      );
      const end = w.slice();
      free.forEach((i, k) => {
        end[i]! -= s[k]!;
      });
      return end;
    },
    verdict: 'right',
  },
  {
    id: 'step-01',
    name: "by the library's cg on I + RH, which is not symmetric",
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const A = {
        apply: (v: Vector) => v.map((x, i) => x + rates[i]! * multiply(H, v)[i]!),
        dispose() {},
      };
      return add(
        w,
        -1,
        cg({ tolerance: 1e-12 }).solveSync(
          A,
          g.map((x, i) => rates[i]! * x),
        ).value,
      );
    },
    verdict: 'property: solves w⁺ = w − R (g + H (w⁺ − w))',
  },
  {
    id: 'step-01',
    name: 'the mean rate for all',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const rate = rates.reduce((sum, x) => sum + x, 0) / rates.length;
      return add(w, -rate, solveDense(plus(eye(w.length), rate, H), g));
    },
    verdict: 'property: leaves a parameter with the rate 0 where it is',
  },
  {
    id: 'step-01',
    name: 'the diagonal of H only',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) =>
      w.map((x, i) => x - (rates[i]! * g[i]!) / (1 + rates[i]! * H[i]![i]!)),
    verdict: 'property: solves w⁺ = w − R (g + H (w⁺ − w))',
  },
  // glm-01, glm-02
  {
    id: 'glm-01',
    name: 'from the eigenvalues along and across x',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const across = 1 / (1 + delta * lambda);
      const along = 1 / (1 + delta * lambda + delta * squared);
      const part = squared === 0 ? 0 : ((along - across) * eta) / squared;
      return { keep: across, push: part + along * delta * y };
    },
    verdict: 'right',
  },
  {
    id: 'glm-01',
    name: 'the penalty as an eigenvalue along x only',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => ({
      keep: 1,
      push: (delta * (y - eta)) / (1 + delta * squared + delta * lambda),
    }),
    verdict: 'differs',
  },
  {
    id: 'glm-01',
    name: 'a list instead of a record',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const rho = 1 / (1 + delta * lambda);
      return [rho, (rho * delta * (y - rho * eta)) / (1 + delta * rho * squared)];
    },
    verdict: 'shape',
  },
  {
    id: 'glm-02',
    name: 'by the secant with safeguards (Illinois)',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const rho = 1 / (1 + delta * lambda);
      const F = (xi: number) => xi - delta * (y - h(rho * (eta + xi * squared)));
      let [a, b] = [0, delta * (y - h(rho * eta))];
      let [fa, fb] = [F(a), F(b)];
      for (let k = 0; k < 500 && Math.abs(fb) > 0 && a !== b; k++) {
        const c = k % 3 === 2 ? (a + b) / 2 : b - (fb * (b - a)) / (fb - fa);
        const fc = F(c);
        if (fc * fb < 0) [a, fa] = [b, fb];
        else fa /= 2;
        [b, fb] = [c, fc];
      }
      return b;
    },
    verdict: 'right',
  },
  {
    id: 'glm-02',
    name: 'eight bisections',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const rho = 1 / (1 + delta * lambda);
      const right = (xi: number) => delta * (y - h(rho * (eta + xi * squared)));
      let [low, high] = right(0) > 0 ? [0, right(0)] : [right(0), 0];
      for (let k = 0; k < 8; k++) {
        const middle = (low + high) / 2;
        if (middle < right(middle)) low = middle;
        else high = middle;
      }
      return (low + high) / 2;
    },
    verdict: 'property: satisfies its equation',
  },
  {
    id: 'glm-02',
    name: 'Newton without the bracket, twenty iterations',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const rho = 1 / (1 + delta * lambda);
      let xi = 0;
      for (let k = 0; k < 20; k++) {
        const p = h(rho * (eta + xi * squared));
        xi -= (xi - delta * (y - p)) / (1 + delta * rho * squared * p * (1 - p));
      }
      return xi;
    },
    verdict: 'mistake: Newton without the bracket',
  },
];
