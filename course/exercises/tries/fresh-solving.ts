import { cg, gmres } from 'implicit-lab';
import type { CountedOperator } from '../counted';
import { multiply, product, solveDense, transposed } from '../linear';
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
interface Pass {
  weights: Matrix[];
  input: number[];
  bumps: number[][];
  outputGradient: number[];
  outputHessian: Matrix;
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
interface Pair {
  jvp(v: Vector): Vector;
  vjp(q: Vector): Vector;
}
interface FixedPoint {
  inner: Pair;
  mixed: Pair;
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

const unit = (n: number, j: number) =>
  Float64Array.from({ length: n }, (_, i) => (i === j ? 1 : 0));
const formed = (apply: (v: Vector) => Vector, n: number): Matrix =>
  transposed(Array.from({ length: n }, (_, j) => [...apply(unit(n, j))]));

/** CG with one rule changed. */
const conjugate =
  ({ late = false, capFirst = false, absolute = false, keepsStep = false } = {}) =>
  (A: CountedOperator, b: Vector, { tolerance, maxIterations }: Limits) => {
    const x = new Float64Array(b.length);
    let [r, d]: [Vector, Vector] = [b.slice(), b.slice()];
    const goal = absolute ? tolerance : tolerance * size(b);
    for (let k = 0; ; k += 1) {
      const capped = late ? k > maxIterations : k >= maxIterations;
      if (capFirst && capped) return { value: x.slice(), status: 'max-iterations' };
      if (size(r) <= goal) return { value: x.slice(), status: 'converged' };
      if (capped) return { value: x.slice(), status: 'max-iterations' };
      const [Ad, rr] = [A.apply(d), dot(r, r)];
      const bend = dot(d, Ad);
      const before = x.slice();
      for (let i = 0; i < x.length; i++) {
        x[i]! += (rr / bend) * d[i]!;
        r[i]! -= (rr / bend) * Ad[i]!;
      }
      if (bend <= 0) return { value: keepsStep ? x : before, status: 'negative-curvature' };
      const beta = dot(r, r) / rr;
      d = add(r, beta, d);
      r = r.slice();
    }
  };

const gaussNewton =
  (S: (u: number[], p: number[], label: number, n: number) => number[]) =>
  ({ jacobian, probabilities, labels }: Linearised, v: Vector) => {
    const [n, C] = [probabilities.length, probabilities[0]!.length];
    const u = [...jacobian.apply(v)];
    const rows = probabilities.map((p, i) => S(u.slice(i * C, (i + 1) * C), p, labels[i]!, n));
    return jacobian.transpose(Float64Array.from(rows.flat()));
  };

/** The Hessian by tangents of the gradient: for each direction of z₁ forwards and back. */
const byTangents =
  ({ bends = true, shortcut = 1, slopeOf = 0, rowsFirst = false } = {}) =>
  ({ weights, input, bumps, outputGradient, outputHessian }: Pass) => {
    const L = weights.length;
    const n = input.length;
    const slope = (l: number) => bumps[l]!.map((t) => 1 - t * t);
    /** ∂ℓ/∂a after each layer. */
    const g: number[][] = [];
    g[L - 1] = outputGradient;
    for (let l = L - 1; l >= 1; l--) {
      const pulled = multiply(
        transposed(weights[l]!),
        slope(l).map((s, i) => s * g[l]![i]!),
      );
      g[l - 1] = g[l]!.map((value, i) => shortcut * value + pulled[i]!);
    }
    const column = (j: number) => {
      // ȧ after each layer, from ż₁ = e_j.
      const dz: number[][] = [[...unit(n, j)]];
      let da = slope(0).map((s, i) => s * dz[0]![i]!);
      for (let l = 1; l < L; l++) {
        dz[l] = [...multiply(weights[l]!, da)];
        da = slope(l).map((s, i) => s * dz[l]![i]! + shortcut * da[i]!);
      }
      let dg = [...multiply(outputHessian, da)];
      const bend = (l: number) =>
        bumps[l]!.map((t, i) => (bends ? -2 * t * (1 - t * t) * dz[l]![i]! * g[l]![i]! : 0));
      for (let l = L - 1; l >= 1; l--) {
        const own = slope(Math.max(0, l - slopeOf)).map((s, i) => s * dg[i]! + bend(l)[i]!);
        const pulled = multiply(transposed(weights[l]!), own);
        dg = dg.map((value, i) => shortcut * value + pulled[i]!);
      }
      return slope(0).map((s, i) => s * dg[i]! + bend(0)[i]!);
    };
    const Hz = transposed(Array.from({ length: n }, (_, j) => column(j)));
    const kron = (A: Matrix, B: Matrix): Matrix =>
      A.flatMap((a) => B.map((b) => a.flatMap((x) => b.map((y) => x * y))));
    const inputs = input.map((a) => input.map((b) => a * b));
    return { Hz, HW: rowsFirst ? kron(Hz, inputs) : kron(inputs, Hz) };
  };

/** block-01 with the right-hand side open, on vectors of full length. */
const block =
  (right: (given: Block, at: (places: number[]) => Vector) => Vector) => (given: Block) => {
    const { w, gradient, curvature, implicit, explicit, delta } = given;
    const only = (v: Vector, places: number[]) =>
      v.map((value, i) => (places.includes(i) ? value : 0));
    const system = {
      apply: (v: Vector) => add(v, delta, only(curvature.apply(only(v, implicit)), implicit)),
      dispose() {},
    };
    const b = only(
      right(given, (places) => only(gradient, places)),
      implicit,
    );
    const s = cg({ tolerance: 1e-12 }).solveSync(system, b).value;
    return add(add(w, -delta, only(s, implicit)), -delta, only(gradient, explicit));
  };

const woodbury =
  ({ scale = (delta: number) => delta, sign = -1, shareOnly = false } = {}) =>
  ({ jacobian, S, delta }: LowRank, g: Vector) => {
    const m = S.length;
    const K = formed((u) => jacobian.apply(jacobian.transpose(u)), m);
    const SK = product(S, K);
    const M = SK.map((row, i) => row.map((x, j) => (i === j ? 1 : 0) + scale(delta) * x));
    const y = solveDense(M, multiply(S, jacobian.apply(g)));
    const share = jacobian.transpose(y);
    return shareOnly ? share.map((x) => delta * x) : add(g, sign * delta, share);
  };

const hyper =
  (solve: (at: FixedPoint) => Vector, sign = 1, direct = 1) =>
  (at: FixedPoint) =>
    add(
      at.outerLambda.map((x) => direct * x),
      sign,
      at.mixed.vjp(solve(at)),
    );
const iterated = (count: number, from: (at: FixedPoint) => Vector) => (at: FixedPoint) => {
  let q = from(at);
  for (let k = 0; k < count; k++) q = add(add(q, -0.4, q), 0.4, add(at.outerW, 1, at.inner.vjp(q)));
  return q;
};
/** The iteration of the lesson, for a map that contracts. */
const plainly = (count: number) => (at: FixedPoint) => {
  let q = at.outerW;
  for (let k = 0; k < count; k++) q = add(at.outerW, 1, at.inner.vjp(q));
  return q;
};

/** ift-02 by the Gram matrix as numbers. */
const grams =
  (shift: (n: number, damping: number) => number, sign = 1, tiny = 0) =>
  ({ X, Z, outer, damping }: Interpolation) => {
    const n = Z.length;
    const K = formed((u) => X.apply(X.transpose(u)), n);
    const at = (extra: number) =>
      solveDense(
        K.map((row, i) => row.map((x, j) => x + (i === j ? extra : 0))),
        X.apply(outer),
      );
    const pull = (u: Vector) =>
      Z[0]!.map((_, j) => sign * Z.reduce((sum, row, i) => sum + row[j]! * u[i]!, 0));
    return { leastNorm: pull(at(tiny)), damped: pull(at(shift(n, damping))) };
  };

/** fixed-01 with the goal, the count and the bound as parameters. */
const descend =
  ({
    goal = (b: Vector, _first: Vector) => size(b),
    counted = (steps: number) => steps,
    bound = (r: Vector, mu: number, _b: Vector) => size(r) / mu,
  } = {}) =>
  ({ A, b, mu }: System, { start, alpha, tolerance, most }: Plan) => {
    const v = [...start];
    const left = () => {
      const Av = A.apply(Float64Array.from(v));
      return b.map((value, i) => value - Av[i]!);
    };
    let r = left();
    const limit = tolerance * goal(b, r);
    let steps = 0;
    for (; steps < most; steps++) {
      if (size(r) <= limit) break;
      r.forEach((value, i) => {
        v[i]! += alpha * value;
      });
      r = left();
    }
    return { value: v, steps: counted(steps), bound: bound(r, mu, b) };
  };

export const tries: readonly Try[] = [
  { id: 'cg-01', name: 'in place', answer: conjugate(), verdict: 'right' },
  {
    id: 'cg-01',
    name: 'one iteration too many',
    answer: conjugate({ late: true }),
    verdict: 'differs',
  },
  {
    id: 'cg-01',
    name: 'the limit asked before the residual',
    answer: conjugate({ capFirst: true }),
    verdict: 'mistake: the last residual goes unseen',
  },
  {
    id: 'cg-01',
    name: 'the residual itself compared',
    answer: conjugate({ absolute: true }),
    verdict: 'mistake: an absolute tolerance',
  },
  {
    id: 'cg-01',
    name: 'with the step along negative curvature',
    answer: conjugate({ keepsStep: true }),
    verdict: 'mistake: one step too far',
  },
  {
    id: 'gnvp-01',
    name: 'by pairs of classes',
    answer: gaussNewton((u, p, _, n) =>
      p.map((a, c) => p.reduce((sum, b, d) => sum + (a * b * (u[c]! - u[d]!)) / n, 0)),
    ),
    verdict: 'right',
  },
  {
    id: 'gnvp-01',
    name: 'the empirical Fisher matrix',
    answer: gaussNewton((u, p, label, n) => {
      const error = p.map((a, c) => a - (c === label ? 1 : 0));
      return error.map((e) => (e * dot(error, u)) / n);
    }),
    verdict: 'mistake: the empirical Fisher matrix',
  },
  {
    id: 'gnvp-01',
    name: 'the variance of the label’s class',
    answer: gaussNewton((u, p, label, n) =>
      u.map((x, c) => (c === label ? (p[c]! * (1 - p[c]!) * x) / n : 0)),
    ),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'the sum over the batch',
    answer: gaussNewton((u, p) => p.map((a, c) => a * (u[c]! - dot(p, u)))),
    verdict: 'mistake: the mean over the examples',
  },
  {
    id: 'backprop-01',
    name: 'column by column, by tangents',
    answer: byTangents(),
    verdict: 'right',
  },
  {
    id: 'backprop-01',
    name: 'without the bends',
    answer: byTangents({ bends: false }),
    verdict: 'mistake: the terms with σ″',
  },
  {
    id: 'backprop-01',
    name: 'without the shortcuts',
    answer: byTangents({ shortcut: 0 }),
    verdict: 'mistake: the shortcut is forgotten',
  },
  {
    id: 'backprop-01',
    name: 'the slope of the layer below',
    answer: byTangents({ slopeOf: 1 }),
    verdict: 'property: gives symmetric matrices',
  },
  {
    id: 'backprop-01',
    name: 'the rows of W₁ stacked',
    answer: byTangents({ rowsFirst: true }),
    verdict: 'mistake: the order of the Kronecker product',
  },
  {
    id: 'block-01',
    name: 'masked, the coupling by the move of the rest',
    answer: block(({ gradient, curvature, explicit, delta }, at) =>
      add(gradient, 1, curvature.apply(at(explicit).map((x) => -delta * x))),
    ),
    verdict: 'right',
  },
  {
    id: 'block-01',
    name: 'the step of the lesson',
    answer: block(({ gradient }) => gradient),
    verdict: 'mistake: the block does not see the rest move',
  },
  {
    id: 'block-01',
    name: 'the coupling with the block itself',
    answer: block(({ gradient, curvature, implicit, delta }, at) =>
      add(gradient, -delta, curvature.apply(at(implicit))),
    ),
    verdict: 'differs',
  },
  {
    id: 'block-01',
    name: 'the coupling twice',
    answer: block(({ gradient, curvature, explicit, delta }, at) =>
      add(gradient, -2 * delta, curvature.apply(at(explicit))),
    ),
    verdict: 'differs',
  },
  {
    id: 'block-01',
    name: 'the coupling with the whole gradient',
    answer: block(({ gradient, curvature, delta }) =>
      add(gradient, -delta, curvature.apply(gradient)),
    ),
    verdict: 'differs',
  },
  { id: 'woodbury-01', name: 'through the Gram matrix', answer: woodbury(), verdict: 'right' },
  {
    id: 'woodbury-01',
    name: 'the sign',
    answer: woodbury({ sign: 1 }),
    verdict: 'mistake: the sign of the correction',
  },
  {
    id: 'woodbury-01',
    name: 'δ missing in the small system',
    answer: woodbury({ scale: () => 1 }),
    verdict: 'mistake: δ is missing in the small system',
  },
  {
    id: 'woodbury-01',
    name: 'only what is taken off',
    answer: woodbury({ shareOnly: true }),
    verdict: 'property: solves the system',
  },
  {
    id: 'woodbury-01',
    name: 'the large matrix formed',
    answer: ({ jacobian, S, delta }: LowRank, g: Vector) => {
      const G = formed((v) => jacobian.transpose(multiply(S, jacobian.apply(v))), g.length);
      return solveDense(
        G.map((row, i) => row.map((x, j) => (i === j ? 1 : 0) + delta * x)),
        g,
      );
    },
    verdict: 'mistake: the large matrix is formed',
  },
  {
    id: 'ift-01',
    name: 'from 0, sixty iterations',
    answer: hyper(iterated(60, ({ outerW }) => outerW.map(() => 0))),
    verdict: 'right',
  },
  {
    id: 'ift-01',
    name: 'the iteration of the lesson',
    answer: hyper(plainly(60)),
    verdict: 'property: stays bounded',
  },
  {
    id: 'ift-01',
    name: 'the iteration of the lesson, twice only',
    answer: hyper(plainly(2)),
    verdict: 'differs',
  },
  {
    id: 'ift-01',
    name: 'by GMRES on the transpose',
    answer: hyper(
      ({ inner, outerW }) =>
        gmres({ tolerance: 1e-12 }).solveSync(
          { apply: (q: Vector) => add(q, -1, inner.vjp(q)), dispose() {} },
          outerW,
        ).value,
    ),
    verdict: 'right',
  },
  {
    id: 'ift-01',
    name: 'minus',
    answer: hyper(
      iterated(60, ({ outerW }) => outerW),
      -1,
    ),
    verdict: 'mistake: the sign of the implicit term',
  },
  {
    id: 'ift-01',
    name: 'without the direct term',
    answer: hyper(
      iterated(60, ({ outerW }) => outerW),
      1,
      0,
    ),
    verdict: 'mistake: the direct term is missing',
  },
  {
    id: 'ift-01',
    name: 'free of the Jacobian',
    answer: hyper(({ outerW }) => outerW),
    verdict: 'mistake: nothing is solved',
  },
  {
    id: 'ift-01',
    name: 'only the last power of the Jacobian',
    answer: hyper((at) => {
      let q = at.outerW;
      for (let k = 0; k < 60; k++) q = at.inner.vjp(q);
      return q;
    }),
    verdict: 'property: stays bounded',
  },
  {
    id: 'ift-02',
    name: 'by the Gram matrix',
    answer: grams((n, tau) => n * tau),
    verdict: 'right',
  },
  {
    id: 'ift-02',
    name: 'the damping not times n',
    answer: grams((_, tau) => tau),
    verdict: 'mistake: the damping without n',
  },
  {
    id: 'ift-02',
    name: 'the damping over n',
    answer: grams((n, tau) => tau / n),
    verdict: 'differs',
  },
  {
    id: 'ift-02',
    name: 'minus',
    answer: grams((n, tau) => n * tau, -1),
    verdict: 'mistake: the sign',
  },
  {
    id: 'ift-02',
    name: 'a thousandth for the least norm',
    answer: grams((n, tau) => n * tau, 1, 1e-3),
    verdict: 'property: the damped tends to the least-norm one',
  },
  { id: 'fixed-01', name: 'on a plain array', answer: descend(), verdict: 'right' },
  {
    id: 'fixed-01',
    name: 'relative to the first residual',
    answer: descend({ goal: (_, first) => size(first) }),
    verdict: 'mistake: relative to the first residual',
  },
  {
    id: 'fixed-01',
    name: 'products counted for steps',
    answer: descend({ counted: (steps) => steps + 1 }),
    verdict: 'differs',
  },
  {
    id: 'fixed-01',
    name: 'the bound times μ',
    answer: descend({ bound: (r, mu) => size(r) * mu }),
    verdict: 'mistake: the bound multiplied by μ',
  },
  {
    id: 'fixed-01',
    name: 'a relative bound',
    answer: descend({ bound: (r, mu, b) => size(r) / mu / size(b) }),
    verdict: 'property: the bound holds',
  },
];
