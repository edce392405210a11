import { multiply, solveDense, transposed } from '../linear';
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

const h = (z: number) => 1 / (1 + Math.exp(-z));
/** `a I + b M`. */
const shifted = (a: number, b: number, M: Matrix): Matrix =>
  M.map((row, i) => row.map((x, j) => (i === j ? a : 0) + b * x));

/** Newton for a residual, in plain steps. */
const newton = (r: Field, J: (x: Vector) => Matrix, from: Vector, iterations: number) => {
  let x = from;
  for (let k = 0; k < iterations; k++) x = add(x, -1, solveDense(J(x), r(x)));
  return x;
};
/** The residual of BDF2 and its matrix, with the weights of the slope and of the two points as parameters. */
const bdf =
  (weight: number, [a, b]: [number, number], iterations: number, from: 'y' | 'line' = 'y') =>
  ({ f, jacobian }: System, before: Vector, y: Vector, step: number) =>
    newton(
      (x) => x.map((value, i) => value - a * y[i]! - b * before[i]! - weight * step * f(x)[i]!),
      (x) => shifted(1, -weight * step, jacobian(x)),
      from === 'y' ? y : add(add(y, 1, y), -1, before),
      iterations,
    );
/** The Jacobian by central differences. */
const differenced = (f: Field, y: Vector): Matrix =>
  transposed(
    Array.from(y, (_, j) => {
      const at = (e: number) => f(y.map((value, i) => value + (i === j ? e : 0)));
      const [plus, minus] = [at(1e-6), at(-1e-6)];
      return Array.from(plus, (value, i) => (value - minus[i]!) / 2e-6);
    }),
  );

/** ξ of glm-02 by bisection. */
const root =
  (model: (z: number) => number, twist = (rho: number) => rho, times = 300) =>
  ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
    const rho = twist(1 / (1 + delta * lambda));
    let [low, high] = [delta * (y - 1), delta * y];
    for (let k = 0; k < times; k++) {
      const xi = 0.5 * low + 0.5 * high;
      if (xi < delta * (y - model(rho * (eta + xi * squared)))) low = xi;
      else high = xi;
    }
    return 0.5 * low + 0.5 * high;
  };

/** The result of hvp-02, from a difference and an asymmetry. */
const ruler =
  (
    difference: (g: Field, x: Vector, v: Vector) => Vector,
    asymmetry: (P: Field, u: Vector, v: Vector) => number,
  ) =>
  (g: Field, P: Field, x: Vector, u: Vector, v: Vector) => ({
    difference: difference(g, x, v),
    asymmetry: asymmetry(P, u, v),
  });
const step = (x: Vector, v: Vector) => (6e-6 * size(x)) / size(v);
const central = (g: Field, x: Vector, v: Vector, e = step(x, v), by = 2 * e) =>
  add(g(add(x, e, v)), -1, g(add(x, -e, v))).map((value) => value / by);
const skew = (P: Field, u: Vector, v: Vector) => dot(u, P(v)) - dot(v, P(u));

interface Residuals {
  value(w: Vector): Vector;
  jacobian(w: Vector): Matrix;
}

/** The result of marquardt-01 for a given step. */
function attemptAlong(
  r: Residuals,
  w: Vector,
  delta: number,
  { value, J, d }: { value: Vector; J: Matrix; d: Vector },
) {
  const there = add(w, 1, d);
  const model = value.map((x, i) => x + dot(J[i]!, d));
  const ratio =
    (dot(value, value) - dot(r.value(there), r.value(there))) /
    (dot(value, value) - dot(model, model));
  const next = ratio > 0.75 ? 3 * delta : ratio < 0.25 ? delta / 2 : delta;
  return { w: ratio > 0 ? there : w, delta: next, ratio };
}

export const tries: readonly Try[] = [
  {
    id: 'hvp-02',
    name: 'a step from the largest entries',
    answer: ruler(
      (g, x, v) =>
        central(g, x, v, (6e-6 * Math.max(...x.map(Math.abs))) / Math.max(...v.map(Math.abs))),
      skew,
    ),
    verdict: 'right',
  },
  {
    id: 'hvp-02',
    name: 'along v / ‖v‖, not multiplied back',
    answer: ruler(
      (g, x, v) =>
        central(
          g,
          x,
          v.map((value) => value / size(v)),
        ),
      skew,
    ),
    verdict: 'mistake: the direction is not scaled back',
  },
  {
    id: 'hvp-02',
    name: 'along v / ‖v‖, multiplied back',
    answer: ruler(
      (g, x, v) =>
        central(
          g,
          x,
          v.map((value) => value / size(v)),
        ).map((value) => value * size(v)),
      (P, u, v) => -skew(P, v, u),
    ),
    verdict: 'right',
  },
  {
    id: 'hvp-02',
    name: 'the step without ‖x‖',
    answer: ruler((g, x, v) => central(g, x, v, 6e-6 / size(v)), skew),
    verdict: 'property: measures to eight digits',
  },
  {
    id: 'hvp-02',
    name: 'the product itself for the difference',
    answer: (_: Field, P: Field, __: Vector, u: Vector, v: Vector) => ({
      difference: P(v),
      asymmetry: skew(P, u, v),
    }),
    verdict: 'property: measures to eight digits',
  },
  {
    id: 'euler-01',
    name: 'as a correction, in plain numbers',
    answer: (A: Matrix, y: Vector, t: number) => {
      const d = solveDense(shifted(1, t, A), multiply(A, y));
      return Array.from(y, (value, i) => value - t * d[i]!);
    },
    verdict: 'right',
  },
  {
    id: 'euler-01',
    name: 'the trapezoidal rule',
    answer: (A: Matrix, y: Vector, t: number) =>
      solveDense(shifted(1, t / 2, A), add(y, -t / 2, multiply(A, y))),
    verdict: 'mistake: the trapezoid rule',
  },
  {
    id: 'euler-01',
    name: 'h with the identity instead of A',
    answer: (A: Matrix, y: Vector, t: number) => solveDense(shifted(t, 1, A), y),
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'euler-01',
    name: 'a series of three terms for the inverse',
    answer: (A: Matrix, y: Vector, t: number) => {
      const first = multiply(A, y);
      return add(add(y, -t, first), t * t, multiply(A, first));
    },
    verdict: 'mistake: one sweep instead of a solve',
  },
  {
    id: 'euler-02',
    name: 'begun on the line through the last two points',
    answer: bdf(2 / 3, [4 / 3, -1 / 3], 60, 'line'),
    verdict: 'right',
  },
  {
    id: 'euler-02',
    name: 'the Jacobian by differences',
    answer: ({ f }: System, before: Vector, y: Vector, t: number) =>
      bdf(2 / 3, [4 / 3, -1 / 3], 60)({ f, jacobian: (x) => differenced(f, x) }, before, y, t),
    verdict: 'right',
  },
  {
    id: 'euler-02',
    name: 'the whole step for two thirds of it',
    answer: bdf(1, [4 / 3, -1 / 3], 60),
    verdict: 'mistake: the factor ⅔ is missing before h f',
  },
  {
    id: 'euler-02',
    name: 'the two points exchanged',
    answer: bdf(2 / 3, [-1 / 3, 4 / 3], 60),
    verdict: 'mistake: the two known points are exchanged',
  },
  {
    id: 'euler-02',
    name: 'backward Euler',
    answer: bdf(1, [1, 0], 60),
    verdict: 'mistake: backward Euler',
  },
  {
    id: 'euler-02',
    name: 'a single Newton iteration',
    answer: bdf(2 / 3, [4 / 3, -1 / 3], 1),
    verdict: 'mistake: one Newton iteration',
  },
  {
    id: 'step-01',
    name: 'for the new point at once',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const M = H.map((row, i) => row.map((x, j) => (i === j ? 1 : 0) + rates[i]! * x));
      const Hw = multiply(H, w);
      return solveDense(
        M,
        w.map((value, i) => value - rates[i]! * (g[i]! - Hw[i]!)),
      );
    },
    verdict: 'right',
  },
  {
    id: 'step-01',
    name: 'the rates by columns, and outside',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const M = H.map((row, i) => row.map((x, j) => (i === j ? 1 : 0) + rates[j]! * x));
      const s = solveDense(M, g);
      return w.map((value, i) => value - rates[i]! * s[i]!);
    },
    verdict: 'right',
  },
  {
    id: 'step-01',
    name: 'the rates by columns, and on the right as well',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const M = H.map((row, i) => row.map((x, j) => (i === j ? 1 : 0) + rates[j]! * x));
      return add(
        w,
        -1,
        solveDense(
          M,
          g.map((value, i) => rates[i]! * value),
        ),
      );
    },
    verdict: 'mistake: each column times its rate, instead of each row',
  },
  {
    id: 'step-01',
    name: 'the step instead of the point',
    answer: (H: Matrix, g: Vector, _: Vector, rates: Vector) => {
      const M = H.map((row, i) => row.map((x, j) => (i === j ? 1 : 0) + rates[i]! * x));
      return solveDense(
        M,
        g.map((value, i) => -rates[i]! * value),
      );
    },
    verdict: 'mistake: the step instead of where it leads',
  },
  {
    id: 'step-01',
    name: 'the rates twice',
    answer: (H: Matrix, g: Vector, w: Vector, rates: Vector) => {
      const M = H.map((row, i) => row.map((x, j) => (i === j ? 1 : 0) + rates[i]! * x));
      const s = solveDense(
        M,
        g.map((value, i) => rates[i]! * value),
      );
      return w.map((value, i) => value - rates[i]! * s[i]!);
    },
    verdict: 'mistake: the rates come in twice',
  },
  {
    id: 'glm-01',
    name: 'by the new xᵀw',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const z = (eta + delta * y * squared) / (1 + delta * lambda + delta * squared);
      return { keep: 1 / (1 + delta * lambda), push: (delta * (y - z)) / (1 + delta * lambda) };
    },
    verdict: 'right',
  },
  {
    id: 'glm-01',
    name: 'the residual of the start',
    answer: ({ y, eta }: Example, { delta, lambda }: Rates) => ({
      keep: 1 / (1 + delta * lambda),
      push: (delta * (y - eta)) / (1 + delta * lambda),
    }),
    verdict: 'property: takes the residual at the end of the step',
  },
  {
    id: 'glm-01',
    name: 'the numbers under each other’s names',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const z = (eta + delta * y * squared) / (1 + delta * lambda + delta * squared);
      return { push: 1 / (1 + delta * lambda), keep: (delta * (y - z)) / (1 + delta * lambda) };
    },
    verdict: 'property: takes the residual at the end of the step',
  },
  {
    id: 'glm-01',
    name: 'an explicit penalty',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const keep = 1 - delta * lambda;
      return { keep, push: (delta * (y - keep * eta)) / (1 + delta * squared) };
    },
    verdict: 'mistake: an explicit penalty',
  },
  { id: 'glm-02', name: 'in the bracket from δ(y − 1) to δy', answer: root(h), verdict: 'right' },
  {
    id: 'glm-02',
    name: 'eᶻ/(1 + eᶻ), which overflows',
    answer: root((z) => Math.exp(z) / (1 + Math.exp(z))),
    verdict: 'right',
  },
  {
    id: 'glm-02',
    name: 'by the hyperbolic tangent',
    answer: root((z) => (1 + Math.tanh(z / 2)) / 2),
    verdict: 'right',
  },
  {
    id: 'glm-02',
    name: 'ρ squared',
    answer: root(h, (rho) => rho * rho),
    verdict: 'property: satisfies its equation',
  },
  {
    id: 'glm-02',
    name: 'iterated as it stands',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      let xi = 0;
      for (let k = 0; k < 500; k++) {
        xi = delta * (y - h((eta + xi * squared) / (1 + delta * lambda)));
      }
      return xi;
    },
    verdict: 'property: satisfies its equation',
  },
  {
    id: 'marquardt-01',
    name: 'in parameters scaled by the root of D',
    answer: (r: Residuals, w: Vector, delta: number) => {
      const value = r.value(w);
      const J = r.jacobian(w);
      const roots = w.map((_, j) => Math.sqrt(J.reduce((sum, row) => sum + row[j]! ** 2, 0)));
      const S = J.map((row) => row.map((x, j) => x / roots[j]!));
      const M = roots.reduce<Matrix>((rows, _, i) => {
        const row = Array.from(roots, (__, j) => S.reduce((sum, s) => sum + s[i]! * s[j]!, 0));
        row[i]! += 1 / delta;
        rows.push(row);
        return rows;
      }, []);
      const g = roots.map((_, j) => S.reduce((sum, row, i) => sum + row[j]! * value[i]!, 0));
      const d = solveDense(M, g).map((x, j) => -x / roots[j]!);
      return attemptAlong(r, w, delta, { value, J, d });
    },
    verdict: 'right',
  },
  {
    id: 'marquardt-01',
    name: 'the identity, as a damping of 1/δ',
    answer: (r: Residuals, w: Vector, delta: number) => {
      const value = r.value(w);
      const J = r.jacobian(w);
      const entry = (i: number, j: number) => J.reduce((sum, row) => sum + row[i]! * row[j]!, 0);
      const M = Array.from(w, (_, i) =>
        Array.from(w, (__, j) => entry(i, j) + (i === j ? 1 / delta : 0)),
      );
      const g = w.map((_, j) => J.reduce((sum, row, i) => sum + row[j]! * value[i]!, 0));
      const d = solveDense(M, g).map((x) => -x);
      return attemptAlong(r, w, delta, { value, J, d });
    },
    verdict: 'mistake: the identity as the metric',
  },
];
