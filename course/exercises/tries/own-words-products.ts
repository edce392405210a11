import { gmres, type LinearOperator, minres } from 'implicit-lab';
import type { CountedOperator } from '../counted';
import { multiply, product, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, size, type Try, type Vector } from './try';

// Answers on products with curvature and on solving with them, written from the tasks alone.

interface Pass {
  weights: Matrix[];
  input: number[];
  bumps: number[][];
  outputGradient: number[];
  outputHessian: Matrix;
}

/** The slope of the quadratic loss with the given derivatives at a_L, with respect to z₁ = `z1`. */
function slopeAt({ weights, input, bumps, outputGradient, outputHessian }: Pass, z1: number[]) {
  const from = (z: number[]) => {
    let a = input.map((x, i) => x + Math.tanh(z[i]!));
    const slopes: number[][] = [z.map((x) => 1 - Math.tanh(x) ** 2)];
    for (const W of weights.slice(1)) {
      const t = [...multiply(W, a)].map(Math.tanh);
      slopes.push(t.map((x) => 1 - x * x));
      a = a.map((x, i) => x + t[i]!);
    }
    return { a, slopes };
  };
  const { a: end } = from(bumps[0]!.map(Math.atanh));
  const { a, slopes } = from(z1);
  const bent = multiply(
    outputHessian,
    a.map((x, i) => x - end[i]!),
  );
  let g = outputGradient.map((x, i) => x + bent[i]!);
  for (let l = weights.length - 1; l >= 1; l--) {
    const back = multiply(
      transposed(weights[l]!),
      g.map((x, i) => x * slopes[l]![i]!),
    );
    g = g.map((x, i) => x + back[i]!);
  }
  return g.map((x, i) => x * slopes[0]![i]!);
}

/** backprop-01 by differences of the slope. */
const byDifferences =
  (stack: (left: number, h: number, right: number) => number) => (pass: Pass) => {
    const z = pass.bumps[0]!.map(Math.atanh);
    const columns = z.map((_, j) => {
      const at = (t: number) =>
        slopeAt(
          pass,
          z.map((x, i) => (i === j ? x + t : x)),
        );
      const [far, near] = [1e-3, 5e-4].map((t) => {
        const behind = at(-t);
        return at(t).map((x, i) => (x - behind[i]!) / (2 * t));
      });
      return near!.map((x, i) => (4 * x - far![i]!) / 3);
    });
    const Hz = transposed(columns);
    const HW = pass.input.flatMap((left) =>
      Hz.map((row) => pass.input.flatMap((right) => row.map((h) => stack(left, h, right)))),
    );
    return { Hz, HW };
  };

const backpropTries: Try[] = [
  {
    id: 'backprop-01',
    name: 'by differences of the slope, extrapolated',
    answer: byDifferences((left, h, right) => left * h * right),
    verdict: 'right',
  },
  {
    id: 'backprop-01',
    name: 'the input only once',
    answer: byDifferences((left, h) => left * h),
    verdict: 'property: gives symmetric matrices',
  },
  {
    id: 'backprop-01',
    name: 'the squares of the input',
    answer: byDifferences((left, h) => left * left * h),
    verdict: 'property: gives symmetric matrices',
  },
  {
    id: 'backprop-01',
    name: 'four indices for HW',
    answer: (pass: Pass) => {
      const { Hz } = byDifferences((left, h, right) => left * h * right)(pass);
      const HW = pass.input.map((x) =>
        pass.input.map((y) => Hz.map((row) => row.map((h) => x * h * y))),
      );
      return { Hz, HW };
    },
    verdict: 'shape',
  },
];

interface Linearised {
  jacobian: { apply(v: Vector): Vector; transpose(u: Vector): Vector };
  probabilities: Matrix;
}

const softmax = (z: number[]) => {
  const e = z.map((x) => Math.exp(x - Math.max(...z)));
  const all = e.reduce((sum, x) => sum + x, 0);
  return e.map((x) => x / all);
};

/** gnvp-01 with the place of an entry, S and the mean as parameters. */
const gaussNewton =
  (
    S: (p: number[], u: number[]) => number[],
    {
      at = (i: number, c: number, _n: number, C: number) => i * C + c,
      over = (n: number, _C: number) => n,
    } = {},
  ) =>
  ({ jacobian, probabilities }: Linearised, v: Vector) => {
    const [n, C] = [probabilities.length, probabilities[0]!.length];
    const u = jacobian.apply(v);
    const Su = new Float64Array(n * C);
    probabilities.forEach((p, i) => {
      const own = p.map((_, c) => u[at(i, c, n, C)]!);
      S(p, own).forEach((x, c) => {
        Su[at(i, c, n, C)] = x / over(n, C);
      });
    });
    return jacobian.transpose(Su);
  };
const covariance = (p: number[], u: number[]) => p.map((x, c) => x * (u[c]! - dot(p, u)));

const gaussNewtonTries: Try[] = [
  {
    id: 'gnvp-01',
    name: 'by differences of the softmax',
    answer: gaussNewton((p, u) => {
      const at = (t: number) => softmax(p.map((x, c) => Math.log(x) + t * u[c]!));
      const behind = at(-1e-5);
      return at(1e-5).map((x, c) => (x - behind[c]!) / 2e-5);
    }),
    verdict: 'right',
  },
  {
    id: 'gnvp-01',
    name: 'class by class instead of example by example',
    answer: gaussNewton(covariance, { at: (i, c, n) => c * n + i }),
    verdict: 'mistake: the logits in the order of the classes',
  },
  {
    id: 'gnvp-01',
    name: 'u less its mean by p, not times p',
    answer: gaussNewton((p, u) => u.map((x) => x - dot(p, u))),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'p u less the mean',
    answer: gaussNewton((p, u) => u.map((x, c) => p[c]! * x - dot(p, u))),
    verdict: 'property: has no negative curvature',
  },
  {
    id: 'gnvp-01',
    name: 'the mean over examples and classes',
    answer: gaussNewton(covariance, { over: (n, C) => n * C }),
    verdict: 'mistake: the mean over all outputs',
  },
];

interface Limits {
  tolerance: number;
  maxIterations: number;
}

/** cg-01 with its rules as parameters. */
const conjugate =
  ({
    isDown = (curvature: number) => curvature > 0,
    small = (r: Vector, b: Vector, tolerance: number) => size(r) <= tolerance * size(b),
    most = (limit: number, _n: number) => limit,
    returned = (x: Vector, _best: Vector) => x,
    onlyAtEnd = false,
  } = {}) =>
  (A: LinearOperator<Vector>, b: Vector, { tolerance, maxIterations }: Limits) => {
    let x: Vector = b.map(() => 0);
    let [r, d] = [b, b];
    let best = x;
    let least = size(r);
    const end = (status: string) => ({ value: returned(x, best), status });
    for (let k = 0; ; k++) {
      if (small(r, b, tolerance) && (!onlyAtEnd || k > 0)) return end('converged');
      if (k >= most(maxIterations, b.length)) return end('max-iterations');
      const Ad = A.apply(d);
      const curvature = dot(d, Ad);
      if (!isDown(curvature)) return end('negative-curvature');
      const alpha = dot(r, r) / curvature;
      x = add(x, alpha, d);
      const next = add(r, -alpha, Ad);
      d = add(next, dot(next, next) / dot(r, r), d);
      r = next;
      if (size(r) < least) [least, best] = [size(r), x];
    }
  };

const conjugateTries: Try[] = [
  { id: 'cg-01', name: 'by lengths in place of squares', answer: conjugate(), verdict: 'right' },
  {
    id: 'cg-01',
    name: 'a hair of negative curvature let pass',
    answer: conjugate({ isDown: (curvature) => curvature > -1e-12 }),
    verdict: 'not-finite',
  },
  {
    id: 'cg-01',
    name: 'curvature counted from a millionth',
    answer: conjugate({ isDown: (curvature) => curvature > 1e-6 }),
    verdict: 'differs',
  },
  {
    id: 'cg-01',
    name: 'the largest entry of the residual',
    answer: conjugate({
      small: (r, b, tolerance) =>
        Math.max(...r.map(Math.abs)) <= tolerance * Math.max(...b.map(Math.abs)),
    }),
    verdict: 'mistake: the largest entries of the residual and of b',
  },
  {
    id: 'cg-01',
    name: 'no more iterations than unknowns less one',
    answer: conjugate({ most: (limit, n) => Math.min(limit, n - 1) }),
    verdict: 'property: solves the system',
  },
  {
    id: 'cg-01',
    name: 'the first residual not asked',
    answer: conjugate({ onlyAtEnd: true }),
    verdict: 'differs',
  },
];

interface Start {
  w: Vector;
  gradient: Vector;
  curvature: LinearOperator<Vector>;
  implicit: number[];
  explicit: number[];
  delta: number;
}

/** block-01 with solver, coupling and places as parameters. */
const block =
  ({
    solve = (A: LinearOperator<Vector>, b: Vector) =>
      minres({ tolerance: 1e-12 }).solveSync(A, b).value,
    coupled = (delta: number) => delta,
    places = (implicit: number[]) => implicit,
  } = {}) =>
  ({ w, gradient, curvature, implicit, explicit, delta }: Start) => {
    const rest = w.map((_, i) => (explicit.includes(i) ? gradient[i]! : 0));
    const seen = curvature.apply(rest);
    const read = places(implicit);
    const A: LinearOperator<Vector> = {
      apply(v) {
        const whole = new Float64Array(w.length);
        read.forEach((i, k) => {
          whole[i] = v[k]!;
        });
        const product = curvature.apply(whole);
        return v.map((x, k) => x + delta * product[read[k]!]!);
      },
      dispose() {},
    };
    const s = solve(
      A,
      Float64Array.from(read, (i) => gradient[i]! - coupled(delta) * seen[i]!),
    );
    const end = add(w, -delta, rest);
    implicit.forEach((i, k) => {
      end[i] = w[i]! - delta * s[k]!;
    });
    return end;
  };

const blockTries: Try[] = [
  { id: 'block-01', name: 'by MINRES', answer: block(), verdict: 'right' },
  {
    id: 'block-01',
    name: 'δ squared in the coupling',
    answer: block({ coupled: (delta) => delta ** 2 }),
    verdict: 'differs',
  },
  {
    id: 'block-01',
    name: 'the places sorted where they are read',
    answer: block({ places: (implicit) => [...implicit].sort((a, b) => a - b) }),
    verdict: 'differs',
  },
  {
    id: 'block-01',
    name: 'a rough solve',
    answer: block({ solve: (A, b) => minres({ tolerance: 1e-2 }).solveSync(A, b).value }),
    verdict: 'differs',
  },
];

interface Weights {
  W: Matrix;
  U: Matrix;
}
interface Sequence {
  inputs: number[][];
  target: number[];
}
const outer = (a: ArrayLike<number>, b: ArrayLike<number>): Matrix =>
  Array.from(a, (x) => Array.from(b, (y) => x * y));
const plus = (A: Matrix, B: Matrix): Matrix => A.map((row, i) => row.map((x, j) => x + B[i]![j]!));
const zeros = (M: Matrix): Matrix => M.map((row) => row.map(() => 0));
const zip = (a: ArrayLike<number>, b: ArrayLike<number>, f: (x: number, y: number) => number) =>
  Array.from(a, (x, i) => f(x, b[i]!));

/** rop-01 by passes of values and tangents, with its rules as parameters. */
const rOperator =
  ({ everyLoss = false, summed = true, turned = false, bent = true, slopeBefore = false } = {}) =>
  ({ W, U }: Weights, { inputs, target }: Sequence, v: Weights) => {
    const h = [W.map(() => 0)];
    const Rh = [W.map(() => 0)];
    inputs.forEach((x, t) => {
      const z = zip(multiply(W, h[t]!), multiply(U, x), (a, b) => a + b);
      const own = zip(multiply(v.W, h[t]!), multiply(v.U, x), (a, b) => a + b);
      const Rz = zip(own, multiply(W, Rh[t]!), (a, b) => a + b);
      h.push(z.map(Math.tanh));
      Rh.push(Rz.map((r, i) => r * (1 - Math.tanh(z[i]!) ** 2)));
    });
    const T = inputs.length;
    const error = (t: number) => zip(h[t]!, target, (a, y) => a - y);
    let g = error(T);
    let Rg = Rh[T]!;
    let result: Weights = { W: zeros(W), U: zeros(U) };
    for (let t = T; t >= 1; t--) {
      const slope = h[slopeBefore ? t - 1 : t]!.map((x) => 1 - x * x);
      const delta = zip(slope, g, (s, x) => s * x);
      const bend = h[t]!.map((x, i) => (bent ? -2 * x * Rh[t]![i]! * g[i]! : 0));
      const Rdelta = zip(
        zip(slope, Rg, (s, x) => s * x),
        bend,
        (a, b) => a + b,
      );
      const own = {
        W: plus(outer(Rdelta, h[t - 1]!), outer(delta, Rh[t - 1]!)),
        U: outer(Rdelta, inputs[t - 1]!),
      };
      result = summed ? { W: plus(result.W, own.W), U: plus(result.U, own.U) } : own;
      g = [...multiply(transposed(W), delta)];
      Rg = zip(multiply(transposed(v.W), delta), multiply(transposed(W), Rdelta), (a, b) => a + b);
      if (everyLoss && t > 1) {
        g = zip(g, error(t - 1), (a, b) => a + b);
        Rg = zip(Rg, Rh[t - 1]!, (a, b) => a + b);
      }
    }
    return turned ? { W: transposed(result.W), U: result.U } : result;
  };

const recurrentTries: Try[] = [
  {
    id: 'rop-01',
    name: 'with lists of states and tangents',
    answer: rOperator(),
    verdict: 'right',
  },
  {
    id: 'rop-01',
    name: 'a loss at every step',
    answer: rOperator({ everyLoss: true }),
    verdict: 'differs',
  },
  {
    id: 'rop-01',
    name: 'the last assignment instead of the sum',
    answer: rOperator({ summed: false }),
    verdict: 'differs',
  },
  {
    id: 'rop-01',
    name: 'the product for W transposed',
    answer: rOperator({ turned: true }),
    verdict: 'differs',
  },
  {
    id: 'rop-01',
    name: 'the slope of the state before',
    answer: rOperator({ slopeBefore: true }),
    verdict: 'differs',
  },
];

interface Head {
  W1: Matrix;
  b1: number[];
  W2: Matrix;
  b2: number[];
}
interface Frozen {
  features(): Matrix;
}
const withRow = (A: Matrix, row: number[]) => A.map((a) => zip(a, row, (x, y) => x + y));
const sums = (A: Matrix) => transposed(A).map((column) => column.reduce((sum, x) => sum + x, 0));

/** head-01 with its rules as parameters. */
const head =
  ({
    outside = false,
    probabilities = (Z: Matrix) => Z.map(softmax),
    over = (n: number, _C: number) => n,
    again = false,
  } = {}) =>
  (frozen: Frozen, { W1, b1, W2, b2 }: Head, v: Head) => {
    const X = frozen.features();
    const A = outside
      ? withRow(
          product(X, W1).map((row) => row.map(Math.tanh)),
          b1,
        )
      : withRow(product(X, W1), b1).map((row) => row.map(Math.tanh));
    const slope = A.map((row) => row.map((a) => 1 - a * a));
    const P = probabilities(withRow(product(A, W2), b2));
    const RA = withRow(product(X, v.W1), v.b1).map((row, i) =>
      zip(row, slope[i]!, (x, s) => x * s),
    );
    const RZ = withRow(plus(product(RA, W2), product(A, v.W2)), v.b2);
    const E = RZ.map((u, i) => covariance(P[i]!, u).map((x) => x / over(X.length, b2.length)));
    const back = product(E, transposed(W2)).map((row, i) => zip(row, slope[i]!, (x, s) => x * s));
    const Xt = transposed(again ? frozen.features() : X);
    return { W1: product(Xt, back), b1: sums(back), W2: product(transposed(A), E), b2: sums(E) };
  };

const headTries: Try[] = [
  { id: 'head-01', name: 'in matrices, from memory', answer: head(), verdict: 'right' },
  {
    id: 'head-01',
    name: 'the bias behind tanh',
    answer: head({ outside: true }),
    verdict: 'differs',
  },
  {
    id: 'head-01',
    name: 'the softmax over the batch',
    answer: head({ probabilities: (Z) => transposed(transposed(Z).map(softmax)) }),
    verdict: 'mistake: a softmax over the batch',
  },
  {
    id: 'head-01',
    name: 'the mean over the logits',
    answer: head({ over: (n, C) => n * C }),
    verdict: 'mistake: the mean over all outputs',
  },
  {
    id: 'head-01',
    name: 'the features once more on the way back',
    answer: head({ again: true }),
    verdict: 'mistake: the frozen network is run again',
  },
];

interface LowRank {
  jacobian: CountedOperator;
  S: Matrix;
  delta: number;
}

/** JJᵀ, column by column. */
const gram = (jacobian: CountedOperator, m: number): Matrix => {
  const columns = Array.from({ length: m }, (_, j) => {
    const unit = new Float64Array(m);
    unit[j] = 1;
    return [...jacobian.apply(jacobian.transpose(unit))];
  });
  return transposed(columns);
};
const shifted = (M: Matrix, delta: number) =>
  M.map((row, i) => row.map((x, j) => delta * x + (i === j ? 1 : 0)));

const woodburyTries: Try[] = [
  {
    id: 'woodbury-01',
    name: 'by GMRES on the small system, never formed',
    answer: ({ jacobian, S, delta }: LowRank, g: Vector) => {
      const A: LinearOperator<Vector> = {
        apply: (u) => add(u, delta, multiply(S, jacobian.apply(jacobian.transpose(u)))),
        dispose() {},
      };
      const y = gmres({ tolerance: 1e-12 }).solveSync(A, multiply(S, jacobian.apply(g))).value;
      return add(g, -delta, jacobian.transpose(y));
    },
    verdict: 'right',
  },
  {
    id: 'woodbury-01',
    name: 'S forgotten',
    answer: ({ jacobian, S, delta }: LowRank, g: Vector) => {
      const y = solveDense(shifted(gram(jacobian, S.length), delta), jacobian.apply(g));
      return add(g, -delta, jacobian.transpose(y));
    },
    verdict: 'property: solves the system',
  },
  {
    id: 'woodbury-01',
    name: 'S in the matrix only',
    answer: ({ jacobian, S, delta }: LowRank, g: Vector) => {
      const M = shifted(product(S, gram(jacobian, S.length)), delta);
      return add(g, -delta, jacobian.transpose(solveDense(M, jacobian.apply(g))));
    },
    verdict: 'mistake: S is missing on the right-hand side',
  },
  {
    id: 'woodbury-01',
    name: 'S on the other side in the matrix only',
    answer: ({ jacobian, S, delta }: LowRank, g: Vector) => {
      const M = shifted(product(gram(jacobian, S.length), S), delta);
      const y = solveDense(M, multiply(S, jacobian.apply(g)));
      return add(g, -delta, jacobian.transpose(y));
    },
    verdict: 'mistake: the order of S and the Gram matrix',
  },
];

export const tries: Try[] = [
  ...backpropTries,
  ...gaussNewtonTries,
  ...conjugateTries,
  ...blockTries,
  ...recurrentTries,
  ...headTries,
  ...woodburyTries,
];
