import { cg, dense, gmres, minres } from 'implicit-lab';
import type { CountedOperator } from '../counted';
import { multiply, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

interface Limits {
  tolerance: number;
  maxIterations: number;
}
interface Linearised {
  jacobian: CountedOperator;
  probabilities: Matrix;
  labels: number[];
}
interface Block {
  w: Vector;
  gradient: Vector;
  curvature: CountedOperator;
  implicit: number[];
  explicit: number[];
  delta: number;
}
interface LowRank {
  jacobian: CountedOperator;
  S: Matrix;
  delta: number;
}
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
interface Interpolation {
  X: CountedOperator;
  Z: Vector[];
  outer: Vector;
  damping: number;
}
interface System {
  A: CountedOperator;
  b: Vector;
  mu: number;
}
interface Plan {
  start: Vector;
  alpha: number;
  tolerance: number;
  most: number;
}

/** CG with a choice of unusual rules. */
const conjugate =
  ({ polak = false, trueResidual = false, strict = false, early = false } = {}) =>
  (A: CountedOperator, b: Vector, { tolerance, maxIterations }: Limits) => {
    let [x, r, d]: [Vector, Vector, Vector] = [b.map(() => 0), b, b];
    const goal = tolerance * size(b);
    for (let k = 0; ; k++) {
      if (strict ? size(r) < goal : size(r) <= goal) return { value: x, status: 'converged' };
      if (k >= maxIterations) return { value: x, status: 'max-iterations' };
      const Ad = A.apply(d);
      if (dot(d, Ad) <= 0) return { value: x, status: early ? 'converged' : 'negative-curvature' };
      const alpha = dot(r, d) / dot(d, Ad);
      x = add(x, alpha, d);
      const next = trueResidual ? add(b, -1, A.apply(x)) : add(r, -alpha, Ad);
      const beta = polak ? dot(next, add(next, -1, r)) / dot(r, r) : dot(next, next) / dot(r, r);
      [r, d] = [next, add(next, beta, d)];
    }
  };

const gaussNewton =
  (S: (u: number[], p: number[], i: number, n: number) => number[]) =>
  ({ jacobian, probabilities }: Linearised, v: Vector) => {
    const C = probabilities[0]!.length;
    const u = [...jacobian.apply(v)];
    const n = probabilities.length;
    return jacobian.transpose(
      Float64Array.from(probabilities.flatMap((p, i) => S(u.slice(i * C, i * C + C), p, i, n))),
    );
  };

const partial =
  (change: (b: Block, s: Vector) => Vector, factor = 1) =>
  (given: Block) => {
    const { w, gradient, curvature, implicit, delta } = given;
    const system = {
      apply(v: Vector) {
        const padded = new Float64Array(w.length);
        implicit.forEach((i, k) => {
          padded[i] = v[k]!;
        });
        const Hv = curvature.apply(padded);
        return v.map((value, k) => value + factor * delta * Hv[implicit[k]!]!);
      },
      dispose() {},
    };
    const moving = w.map((_, i) => (given.explicit.includes(i) ? gradient[i]! : 0));
    const coupling = curvature.apply(moving);
    const b = Float64Array.from(implicit, (i) => gradient[i]! - delta * coupling[i]!);
    return change(given, cg({ tolerance: 1e-12 }).solveSync(system, b).value);
  };

const woodbury =
  (inverse: boolean, shift: number) =>
  ({ jacobian, S, delta }: LowRank, g: Vector) => {
    const m = S.length;
    const unit = (j: number) => Float64Array.from({ length: m }, (_, i) => (i === j ? 1 : 0));
    const K = S.map((_, j) => [...jacobian.apply(jacobian.transpose(unit(j)))]);
    if (!inverse) {
      // (I + δ K S) y = J g and s = g − δ Jᵀ S y.
      const M = K.map((row, i) =>
        S.map(
          (_, j) => (i === j ? 1 : 0) + delta * row.reduce((sum, k, l) => sum + k * S[l]![j]!, 0),
        ),
      );
      const y = solveDense(M, jacobian.apply(g));
      return add(g, -delta, jacobian.transpose(multiply(S, y)));
    }
    const shifted = S.map((row, i) => row.map((s, j) => (i === j ? s + shift : s)));
    const columns = S.map((_, j) => [...solveDense(shifted, unit(j))]);
    const M = K.map((row, i) => row.map((k, j) => columns[j]![i]! / delta + k));
    return add(g, -1, jacobian.transpose(solveDense(M, jacobian.apply(g))));
  };

const fixed = (iterate: (at: FixedPoint) => Vector) => (at: FixedPoint) =>
  add(at.outerLambda, 1, at.mixed.vjp(iterate(at)));
const repeated = (at: FixedPoint, count: number) => {
  let q = at.outerW;
  for (let k = 0; k < count; k++) q = add(q, 0.5, add(add(at.outerW, 1, at.inner.vjp(q)), -1, q));
  return q;
};

const pull = (Z: Vector[], u: Vector) => multiply(transposed(Z.map((row) => [...row])), u);

const descend =
  (
    small: (r: Vector, b: Vector, tolerance: number) => boolean,
    bound: (r: Vector, mu: number) => number,
  ) =>
  ({ A, b, mu }: System, { start, alpha, tolerance, most }: Plan) => {
    let value = start;
    let r = add(b, -1, A.apply(value));
    let steps = 0;
    while (!small(r, b, tolerance) && steps < most) {
      value = add(value, alpha, r);
      r = add(b, -1, A.apply(value));
      steps += 1;
    }
    return { value, steps, bound: bound(r, mu) };
  };
const isSmall = (r: Vector, b: Vector, tolerance: number) => size(r) <= tolerance * size(b);

export const tries: readonly Try[] = [
  {
    id: 'cg-01',
    name: 'β by Polak and Ribière',
    answer: conjugate({ polak: true }),
    verdict: 'right',
  },
  {
    id: 'cg-01',
    name: 'b − Ax anew in each iteration',
    answer: conjugate({ trueResidual: true }),
    verdict: 'mistake: two products per iteration',
  },
  {
    id: 'cg-01',
    name: '< for ≤ in the test of the residual',
    answer: conjugate({ strict: true }),
    verdict: 'differs',
  },
  {
    id: 'cg-01',
    name: 'negative curvature called converged',
    answer: conjugate({ early: true }),
    verdict: 'differs',
  },
  {
    id: 'cg-01',
    name: "the library's cg",
    answer: (A: CountedOperator, b: Vector, limits: Limits) => {
      const { value, status } = cg({ ...limits, best: 'energy' }).solveSync(A, b);
      return { value, status };
    },
    verdict: 'threw',
  },
  {
    id: 'cg-01',
    name: 'by elimination',
    answer: (A: CountedOperator, b: Vector) => ({
      value: dense().solveSync(A, b).value,
      status: 'converged',
    }),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'S as a matrix for each example',
    answer: gaussNewton((u, p, _, n) =>
      p.map((a, c) => p.reduce((sum, b, d) => sum + ((c === d ? a : 0) - a * b) * u[d]!, 0) / n),
    ),
    verdict: 'right',
  },
  {
    id: 'gnvp-01',
    name: 'the square root of S only once',
    answer: gaussNewton((u, p, _, n) => p.map((a, c) => (Math.sqrt(a) * (u[c]! - dot(p, u))) / n)),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'the plain mean for the mean by p',
    answer: gaussNewton((u, p, _, n) =>
      p.map(
        (a, c) =>
          (a *
            (u[c]! -
              dot(
                u,
                u.map(() => 1),
              ) /
                u.length)) /
          n,
      ),
    ),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'pp^T alone',
    answer: gaussNewton((u, p, _, n) => p.map((a) => (a * dot(p, u)) / n)),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'half of the product',
    answer: gaussNewton((u, p, _, n) => p.map((a, c) => (a * (u[c]! - dot(p, u))) / (2 * n))),
    verdict: 'differs',
  },
  {
    id: 'block-01',
    name: 'for the new point, the explicit part first',
    answer: partial(({ w, gradient, implicit, explicit, delta }, s) =>
      w.map((value, i) => {
        if (explicit.includes(i)) return value - delta * gradient[i]!;
        const k = implicit.indexOf(i);
        return k < 0 ? value : value - delta * s[k]!;
      }),
    ),
    verdict: 'right',
  },
  {
    id: 'block-01',
    name: 'the solution put to the first entries',
    answer: partial(({ w, gradient, implicit, explicit, delta }, s) => {
      const end = w.slice();
      implicit.forEach((_, k) => {
        end[k]! -= delta * s[k]!;
      });
      for (const i of explicit) end[i]! -= delta * gradient[i]!;
      return end;
    }),
    verdict: 'property: leaves frozen parameters alone',
  },
  {
    id: 'block-01',
    name: 'half of δ in the system',
    answer: partial(({ w, gradient, implicit, explicit, delta }, s) => {
      const end = w.slice();
      implicit.forEach((i, k) => {
        end[i]! -= delta * s[k]!;
      });
      for (const i of explicit) end[i]! -= delta * gradient[i]!;
      return end;
    }, 0.5),
    verdict: 'differs',
  },
  { id: 'woodbury-01', name: 'with S behind', answer: woodbury(false, 0), verdict: 'right' },
  {
    id: 'woodbury-01',
    name: 'S + 1e-8 I inverted',
    answer: woodbury(true, 1e-8),
    verdict: 'mistake: a regularised inverse of S',
  },
  {
    id: 'woodbury-01',
    name: 'S + 1e-6 I inverted',
    answer: woodbury(true, 1e-6),
    verdict: 'property: solves the system',
  },
  {
    id: 'woodbury-01',
    name: 'S inverted as it is',
    answer: woodbury(true, 0),
    verdict: 'not-finite',
  },
  {
    id: 'woodbury-01',
    name: 'g itself',
    answer: (_: LowRank, g: Vector) => g,
    verdict: 'property: solves the system',
  },
  {
    id: 'woodbury-01',
    name: 'by MINRES on the large system',
    answer: ({ jacobian, S, delta }: LowRank, g: Vector) =>
      minres({ tolerance: 1e-13 }).solveSync(
        {
          apply: (v: Vector) => add(v, delta, jacobian.transpose(multiply(S, jacobian.apply(v)))),
          dispose() {},
        },
        g,
      ).value,
    verdict: 'right',
  },
  {
    id: 'ift-01',
    name: 'fifty iterations with half steps',
    answer: fixed((at) => repeated(at, 50)),
    verdict: 'right',
  },
  {
    id: 'ift-01',
    name: 'eight iterations',
    answer: fixed((at) => repeated(at, 8)),
    verdict: 'differs',
  },
  {
    id: 'ift-01',
    name: 'by gradient descent on the residual',
    answer: fixed((at) => {
      let q = at.outerW;
      for (let k = 0; k < 40; k++) {
        const r = add(add(at.outerW, -1, q), 1, at.inner.vjp(q));
        const s = add(r, -1, at.inner.jvp(r));
        q = add(q, 0.2, s);
      }
      return q;
    }),
    verdict: 'differs',
  },
  {
    id: 'ift-01',
    name: 'by GMRES without the transpose',
    answer: fixed(
      (at) =>
        gmres({ tolerance: 1e-11 }).solveSync(
          { apply: (v: Vector) => add(v, -1, at.inner.jvp(v)), dispose() {} },
          at.outerW,
        ).value,
    ),
    verdict: 'mistake: the system is not transposed',
  },
  {
    id: 'ift-01',
    name: 'two hundred iterations',
    answer: fixed((at) => repeated(at, 200)),
    verdict: 'property: uses products only',
  },
  {
    id: 'ift-01',
    name: 'a product with K for each hyperparameter at the end',
    answer: (at: FixedPoint) => {
      const q = repeated(at, 50);
      const m = at.outerLambda.length;
      return at.outerLambda.map(
        (direct, j) =>
          direct +
          dot(at.mixed.jvp(Float64Array.from({ length: m }, (_, i) => (i === j ? 1 : 0))), q),
      );
    },
    verdict: 'mistake: a derivative for each hyperparameter',
  },
  {
    id: 'ift-02',
    name: 'conjugate gradients on n × n',
    answer: ({ X, Z, outer, damping }: Interpolation) => {
      const solved = (shift: number) =>
        pull(
          Z,
          cg({ tolerance: 1e-13 }).solveSync(
            { apply: (u: Vector) => add(X.apply(X.transpose(u)), shift, u), dispose() {} },
            X.apply(outer),
          ).value,
        );
      return { leastNorm: solved(0), damped: solved(Z.length * damping) };
    },
    verdict: 'right',
  },
  {
    id: 'ift-02',
    name: 'a tiny damping for the least norm',
    answer: ({ X, Z, outer, damping }: Interpolation) => {
      const solved = (shift: number) =>
        pull(
          Z,
          dense({ tolerance: 1e-9 }).solveSync(
            { apply: (u: Vector) => add(X.apply(X.transpose(u)), shift, u), dispose() {} },
            X.apply(outer),
          ).value,
        );
      return { leastNorm: solved(1e-3), damped: solved(Z.length * damping) };
    },
    verdict: 'property: the damped tends to the least-norm one',
  },
  {
    id: 'ift-02',
    name: 'zeros',
    answer: ({ Z }: Interpolation) => ({
      leastNorm: Z[0]!.map(() => 0),
      damped: Z[0]!.map(() => 0),
    }),
    verdict: 'differs',
  },
  {
    id: 'ift-02',
    name: 'the two results exchanged',
    answer: ({ X, Z, outer, damping }: Interpolation) => {
      const solved = (shift: number) =>
        pull(
          Z,
          dense({ tolerance: 1e-9 }).solveSync(
            { apply: (u: Vector) => add(X.apply(X.transpose(u)), shift, u), dispose() {} },
            X.apply(outer),
          ).value,
        );
      return { leastNorm: solved(Z.length * damping), damped: solved(0) };
    },
    verdict: 'property: the damped tends to the least-norm one',
  },
  {
    id: 'fixed-01',
    name: 'compared by squares',
    answer: descend(
      (r, b, t) => dot(r, r) <= t * t * dot(b, b),
      (r, mu) => size(r) / mu,
    ),
    verdict: 'right',
  },
  {
    id: 'fixed-01',
    name: 'squares compared with the tolerance itself',
    answer: descend(
      (r, b, t) => dot(r, r) <= t * dot(b, b),
      (r, mu) => size(r) / mu,
    ),
    verdict: 'differs',
  },
  {
    id: 'fixed-01',
    name: 'the root of μ',
    answer: descend(isSmall, (r, mu) => size(r) / Math.sqrt(mu)),
    verdict: 'property: the bound holds',
  },
  {
    id: 'fixed-01',
    name: 'a bound that is ten times too large',
    answer: descend(isSmall, (r, mu) => (10 * size(r)) / mu),
    verdict: 'differs',
  },
  {
    id: 'fixed-01',
    name: 'the sum norm',
    answer: descend(
      (r, b, t) =>
        r.reduce((s, x) => s + Math.abs(x), 0) <= t * b.reduce((s, x) => s + Math.abs(x), 0),
      (r, mu) => size(r) / mu,
    ),
    verdict: 'differs',
  },
];
