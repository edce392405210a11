import type { LinearOperator } from 'implicit-lab';
import { type Matrix, multiply, solveDense, transposed } from '../linear';
import { add, dot, size, type Try, type Vector } from './try';

/**
 * Answers in unusual styles (objects that remember, recursion, numbers as text), by unusual ways
 * (equivalent systems, identities), and wrong ones that are right on simple cases.
 */

type Operator = LinearOperator<Vector>;

const identity = (n: number): Matrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));

/** `a I + b M`. */
const shifted = (a: number, M: Matrix, b: number): Matrix =>
  M.map((row, i) => row.map((value, j) => b * value + (i === j ? a : 0)));

const eulerTries: Try[] = [
  {
    id: 'euler-01',
    name: 'by an object that remembers its matrix',
    answer: (A: Matrix, y: Vector, h: number) => {
      class Stepper {
        readonly M = shifted(1, A, h);
        from = (state: Vector) => solveDense(this.M, state);
      }
      return new Stepper().from(y);
    },
    verdict: 'right',
  },
  {
    id: 'euler-01',
    name: 'by determinants',
    answer: (A: Matrix, y: Vector, h: number) => {
      const determinant = (M: Matrix): number =>
        M.length === 0
          ? 1
          : M[0]!.reduce(
              (sum, a, j) =>
                sum +
                (-1) ** j * a * determinant(M.slice(1).map((row) => row.filter((_, k) => k !== j))),
              0,
            );
      const M = shifted(1, A, h);
      const whole = determinant(M);
      return y.map(
        (_, j) => determinant(M.map((row, i) => row.map((a, k) => (k === j ? y[i]! : a)))) / whole,
      );
    },
    verdict: 'right',
  },
  {
    id: 'euler-01',
    name: 'each component by itself, right for a diagonal',
    answer: (A: Matrix, y: Vector, h: number) => y.map((value, i) => value / (1 + h * A[i]![i]!)),
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'euler-01',
    name: 'two half steps',
    answer: (A: Matrix, y: Vector, h: number) => {
      const M = shifted(1, A, h / 2);
      return solveDense(M, solveDense(M, y));
    },
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
];

interface Limits {
  tolerance: number;
  maxIterations: number;
}

/** Conjugate gradients with individual rules as parameters. */
const conjugate =
  ({
    beta = (r: Vector, before: Vector) => dot(r, r) / dot(before, before),
    small = (r: Vector, b: Vector, tolerance: number) => size(r) <= tolerance * size(b),
    round = (x: Vector) => x,
  } = {}) =>
  (A: Operator, b: Vector, { tolerance, maxIterations }: Limits) => {
    let [x, r, d]: Vector[] = [b.map(() => 0), b, b];
    for (let k = 0; ; k++) {
      if (small(r!, b, tolerance)) return { value: round(x!), status: 'converged' };
      if (k === maxIterations) return { value: round(x!), status: 'max-iterations' };
      const Ad = A.apply(d!);
      const bend = dot(d!, Ad);
      if (bend <= 0) return { value: round(x!), status: 'negative-curvature' };
      const before = r!;
      const alpha = dot(before, before) / bend;
      x = add(x!, alpha, d!);
      r = add(before, -alpha, Ad);
      d = add(r, beta(r, before), d!);
    }
  };

const conjugateTries: Try[] = [
  {
    id: 'cg-01',
    name: 'β by Polak and Ribière',
    answer: conjugate({
      beta: (r, before) => dot(r, add(r, -1, before)) / dot(before, before),
    }),
    verdict: 'right',
  },
  {
    id: 'cg-01',
    name: 'numbers written with twelve digits',
    answer: conjugate({ round: (x) => x.map((value) => Number(value.toPrecision(12))) }),
    verdict: 'right',
  },
  {
    id: 'cg-01',
    name: 'the largest entry of the residual and the length of b',
    answer: conjugate({
      small: (r, b, tolerance) => Math.max(...r.map(Math.abs)) <= tolerance * size(b),
    }),
    verdict: 'mistake: the largest entry of the residual',
  },
  {
    id: 'cg-01',
    name: 'the root of the mean square against the length of b',
    answer: conjugate({
      small: (r, b, tolerance) => size(r) / Math.sqrt(r.length) <= tolerance * size(b),
    }),
    verdict: 'differs',
  },
  {
    id: 'cg-01',
    name: 'β by Dai and Yuan with the wrong sign',
    answer: conjugate({
      beta: (r, before) => dot(r, r) / dot(before, add(r, -1, before)),
    }),
    verdict: 'not-finite',
  },
  {
    id: 'cg-01',
    name: 'the whole matrix first, then conjugate gradients on it',
    answer: (A: Operator, b: Vector, limits: Limits) => {
      const rows = identity(b.length).map((unit) => [...A.apply(Float64Array.from(unit))]);
      const kept = { apply: (v: Vector) => multiply(rows, v), dispose() {} };
      return conjugate()(kept, b, limits);
    },
    verdict: 'property: takes one product per iteration',
  },
];

interface System {
  A: Operator;
  b: Vector;
  mu: number;
}
interface Plan {
  start: Vector;
  alpha: number;
  tolerance: number;
  most: number;
}

/** Gradient descent on a system with individual rules as parameters. */
const descend =
  ({
    bound = (r: Vector, { mu }: System, _alpha: number) => size(r) / mu,
    push = (r: Vector, _before: Vector | undefined, _k: number) => r,
  } = {}) =>
  (system: System, { start, alpha, tolerance, most }: Plan) => {
    const { A, b } = system;
    const residual = (v: Vector) => add(b, -1, A.apply(v));
    const walk = (
      value: Vector,
      r: Vector,
      before: Vector | undefined,
      steps: number,
    ): { value: Vector; steps: number; bound: number } => {
      if (steps === most || size(r) <= tolerance * size(b)) {
        return { value, steps, bound: bound(r, system, alpha) };
      }
      const pushed = push(r, before, steps);
      const next = add(value, alpha, pushed);
      return walk(next, residual(next), pushed, steps + 1);
    };
    return walk(start, residual(start), undefined, 0);
  };

const fixedTries: Try[] = [
  {
    id: 'fixed-01',
    name: 'a step calls the next',
    answer: descend(),
    verdict: 'right',
  },
  {
    id: 'fixed-01',
    name: 'the bound by the contraction 1 − αμ',
    answer: descend({ bound: (r, { mu }, alpha) => (alpha * size(r)) / (1 - (1 - alpha * mu)) }),
    verdict: 'right',
  },
  {
    id: 'fixed-01',
    name: 'the bound by the contraction, without the length of the step',
    answer: descend({ bound: (r, { mu }, alpha) => size(r) / (alpha * mu) }),
    verdict: 'differs',
  },
  {
    id: 'fixed-01',
    name: 'with momentum',
    answer: descend({ push: (r, before) => (before ? add(r, 0.5, before) : r) }),
    verdict: 'differs',
  },
];

type Field = (x: Vector) => Vector;

/** The weights of central differences of higher orders. */
const difference =
  (weights: number[], share: number) => (gradient: Field, x: Vector, v: Vector) => {
    const epsilon = (share * size(x)) / size(v);
    return weights.reduce(
      (sum: Vector, weight, i) => {
        const [ahead, behind] = [1, -1].map((sign) =>
          gradient(add(x, sign * (i + 1) * epsilon, v)),
        );
        return add(sum, weight / epsilon, add(ahead!, -1, behind!));
      },
      x.map(() => 0),
    );
  };

const rulerTries: Try[] = [
  {
    id: 'hvp-02',
    name: 'seven points, the asymmetry by sum and difference of u and v',
    answer: (gradient: Field, product: Field, x: Vector, u: Vector, v: Vector) => {
      const [sum, less] = [add(u, 1, v), add(u, -1, v)];
      return {
        difference: difference([3 / 4, -3 / 20, 1 / 60], 1e-3)(gradient, x, v),
        asymmetry: (dot(less, product(sum)) - dot(sum, product(less))) / 2,
      };
    },
    verdict: 'right',
  },
  {
    id: 'hvp-02',
    name: 'the products exchanged before they are paired',
    answer: (gradient: Field, product: Field, x: Vector, u: Vector, v: Vector) => {
      const [Pu, Pv] = [u, v].map(product);
      return {
        difference: difference([0.5], Math.cbrt(Number.EPSILON))(gradient, x, v),
        asymmetry: dot(v, Pu!) - dot(u, Pv!),
      };
    },
    verdict: 'mistake: the sign of the asymmetry',
  },
  {
    id: 'hvp-02',
    name: 'the product for the difference where they agree to a percent',
    answer: (gradient: Field, product: Field, x: Vector, u: Vector, v: Vector) => {
      const measured = difference([0.5], Math.cbrt(Number.EPSILON))(gradient, x, v);
      const claimed = product(v);
      const agrees = size(add(measured, -1, claimed)) < 0.01 * size(measured);
      return {
        difference: agrees ? claimed : measured,
        asymmetry: dot(u, product(v)) - dot(v, product(u)),
      };
    },
    verdict: 'right',
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
    name: 'by the system in two coordinates, along x and across',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      // The unknowns are the two numbers themselves: w⁺ = keep w + push x, paired with w and with x.
      const keep = 1 / (1 + delta * lambda);
      const M = [[1 + delta * lambda + delta * squared]];
      return { keep, push: solveDense(M, [delta * (y - eta * keep)])[0]! };
    },
    verdict: 'right',
  },
  {
    id: 'glm-01',
    name: 'by halving an interval for xᵀw⁺',
    answer: ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
      const rho = 1 / (1 + delta * lambda);
      const gap = (z: number) => z - rho * (eta + delta * (y - z) * squared);
      let [low, high] = [-1, 1].map((sign) => sign * 10 * (1 + Math.abs(y) + Math.abs(eta)));
      for (let i = 0; i < 200; i++) {
        const middle = (low! + high!) / 2;
        if (gap(middle) < 0) low = middle;
        else high = middle;
      }
      return { keep: rho, push: rho * delta * (y - low!) };
    },
    verdict: 'right',
  },
  {
    id: 'glm-01',
    name: 'right for x of length 1',
    answer: ({ y, eta }: Example, { delta, lambda }: Rates) => {
      const rho = 1 / (1 + delta * lambda);
      return { keep: rho, push: (rho * delta * (y - rho * eta)) / (1 + delta * rho) };
    },
    verdict: 'property: takes the residual at the end of the step',
  },
];

interface Smooth {
  gradient(y: Vector): Vector;
  L: number;
}

const exactTries: Try[] = [
  {
    id: 'step-02',
    name: 'steps by Barzilai and Borwein, safe ones where these do not come nearer',
    answer: (f: Smooth, w: Vector, delta: number, tolerance: number) => {
      const residual = (y: Vector) => add(add(y, -1, w), delta, f.gradient(y));
      const safe = 1 / (1 + delta * f.L);
      let [y, r, rate] = [w, residual(w), safe];
      while (size(r) > tolerance) {
        let next = add(y, -rate, r);
        let after = residual(next);
        if (size(after) > 0.9 * size(r)) {
          next = add(y, -safe, r);
          after = residual(next);
        }
        const [moved, changed] = [add(next, -1, y), add(after, -1, r)];
        rate = dot(moved, moved) / dot(moved, changed);
        [y, r] = [next, after];
      }
      return y;
    },
    verdict: 'right',
  },
  {
    id: 'step-02',
    name: 'twice the safe rate',
    answer: (f: Smooth, w: Vector, delta: number, tolerance: number) => {
      let y = w;
      for (let k = 0; k < 50 * (1 + delta * f.L); k++) {
        const r = add(add(y, -1, w), delta, f.gradient(y));
        if (size(r) <= tolerance) break;
        y = add(y, -2 / (1 + delta * f.L), r);
      }
      return y;
    },
    verdict: 'differs',
  },
];

interface LowRank {
  jacobian: Operator & { transpose(u: Vector): Vector };
  S: Matrix;
  delta: number;
}

const lowRankTries: Try[] = [
  {
    id: 'woodbury-01',
    name: 'rows of J kept, the Gram matrix by their products',
    answer: ({ jacobian, S, delta }: LowRank, g: Vector) => {
      const rows = identity(S.length).map((unit) => jacobian.transpose(Float64Array.from(unit)));
      const gram = rows.map((a) => rows.map((b) => dot(a, b)));
      const SK = S.map((row) => transposed(gram).map((column) => dot(row, column)));
      const right = multiply(
        S,
        rows.map((row) => dot(row, g)),
      );
      const y = solveDense(shifted(1, SK, delta), right);
      return rows.reduce((s, row, i) => add(s, -delta * y[i]!, row), g.slice());
    },
    verdict: 'right',
  },
  {
    id: 'woodbury-01',
    name: 'the diagonal of S alone',
    answer: ({ jacobian, S, delta }: LowRank, g: Vector) => {
      const D = S.map((row, i) => row.map((value, j) => (i === j ? value : 0)));
      const columns = identity(S.length).map((unit) =>
        multiply(D, jacobian.apply(jacobian.transpose(Float64Array.from(unit)))),
      );
      const M = shifted(1, transposed(columns.map((column) => [...column])), delta);
      const y = solveDense(M, multiply(D, jacobian.apply(g)));
      return add(g, -delta, jacobian.transpose(y));
    },
    verdict: 'property: solves the system',
  },
];

interface Batches {
  outer(batch: number): { w: Vector; lambda: Vector };
  hessian(batch: number): Operator;
  mixedVjp(batch: number, q: Vector): Vector;
}

/** The iteration for stochastic-01, as a generator of its iterates. */
function* iterates(b: Vector, hessians: Operator[], alpha: number) {
  let q: Vector = b.map(() => 0);
  for (const [i, H] of hessians.entries()) {
    q = add(q, alpha / Math.sqrt(i + 1), add(b, -1, H.apply(q)));
    yield q;
  }
}

/** By the generator; `late` chooses the iterates for the mean. */
const sampled =
  (late: (all: Vector[]) => Vector[]) =>
  (batches: Batches, alpha: number, steps: number): Vector => {
    const { w, lambda } = batches.outer(0);
    const hessians = Array.from({ length: steps }, (_, k) => batches.hessian(k + 1));
    const chosen = late([...iterates(w, hessians, alpha)]);
    const mean = chosen.reduce(
      (sum, q) => add(sum, 1 / chosen.length, q),
      w.map(() => 0),
    );
    return add(lambda, -1, batches.mixedVjp(steps + 1, mean));
  };

const stochasticTries: Try[] = [
  {
    id: 'stochastic-01',
    name: 'by a generator, all Hessians fetched first',
    answer: sampled((all) => all.slice(Math.floor(all.length / 2))),
    verdict: 'right',
  },
  {
    id: 'stochastic-01',
    name: 'the median of the late iterates in place of their mean',
    answer: sampled((all) => {
      const late = all.slice(Math.floor(all.length / 2));
      return [
        late[0]!.map((_, i) => late.map((q) => q[i]!).sort((a, b) => a - b)[late.length >> 1]!),
      ];
    }),
    verdict: 'differs',
  },
];

interface Spectrum {
  s: Vector;
  weights: Vector;
}

/** The best polynomial in powers of m, by the multiplier as one more unknown. */
const best =
  ({
    counts = (weights: Vector) => weights,
    slopeWeight = (nu: number) => nu,
    smallest = (s: Vector) => Math.min(...s),
  } = {}) =>
  ({ s, weights }: Spectrum, nu: number, t: number, points: Vector): Vector => {
    const [mu, L] = [smallest(s), Math.max(...s)];
    const c = (L - mu) / 2;
    const powers = (at: number) =>
      Array.from({ length: t + 1 }, (_, j) => ((at - mu) / c - 1) ** j);
    const slopes = (at: number) =>
      Array.from({ length: t + 1 }, (_, j) =>
        j === 0 ? 0 : (j * ((at - mu) / c - 1) ** (j - 1)) / c,
      );
    const rho = counts(weights);
    const [P, Q] = [powers, slopes].map((f) => Array.from(s, f));
    const phi = powers(0);
    const M = phi.map((_, i) => [
      ...phi.map((_, j) =>
        rho.reduce(
          (sum, weight, k) =>
            sum + weight * (P![k]![i]! * P![k]![j]! + slopeWeight(nu) * Q![k]![i]! * Q![k]![j]!),
          0,
        ),
      ),
      -phi[i]!,
    ]);
    const solution = solveDense([...M, [...phi, 0]], [...phi.map(() => 0), 1]);
    return points.map((at) => dot(powers(at), solution));
  };

const polynomialTries: Try[] = [
  { id: 'curse-03', name: 'with the multiplier as an unknown', answer: best(), verdict: 'right' },
  {
    id: 'curse-03',
    name: 'weights that add up to 1',
    answer: best({
      counts: (weights) => weights.map((x) => x / weights.reduce((sum, y) => sum + y, 0)),
    }),
    verdict: 'right',
  },
  {
    id: 'curse-03',
    name: 'the root of ν',
    answer: best({ slopeWeight: Math.sqrt }),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'curse-03',
    name: 'the interval from 0, which changes nothing but the basis',
    answer: best({ smallest: () => 0 }),
    verdict: 'right',
  },
];

interface Residuals {
  value(w: Vector): Vector;
  jacobian(w: Vector): Matrix;
}

/** An attempt whose promise is calculated from the gradient and the metric. */
const marquardt =
  ({
    promise = (slope: number, metric: number, delta: number) => (metric / delta - slope) / 2,
    metric = (G: Matrix) => G.map((row, i) => row[i]!),
  } = {}) =>
  (r: Residuals, w: Vector, delta: number) => {
    const value = r.value(w);
    const J = r.jacobian(w);
    const Jt = transposed(J);
    const G = Jt.map((a) => Jt.map((b) => dot(a, b)));
    const D = metric(G);
    const g = multiply(Jt, value);
    const A = G.map((row, i) => row.map((x, j) => x + (i === j ? D[i]! / delta : 0)));
    const d = solveDense(A, g).map((x) => -x);
    const end = add(w, 1, d);
    const reached = r.value(end);
    const gain = (dot(value, value) - dot(reached, reached)) / 2;
    const ratio =
      gain /
      promise(
        dot(g, d),
        dot(
          D,
          d.map((x) => x * x),
        ),
        delta,
      );
    const next = ratio > 0.75 ? delta * 3 : ratio >= 0.25 ? delta : delta / 2;
    return { ratio, delta: next, w: ratio > 0 ? end : w };
  };

const marquardtTries: Try[] = [
  {
    id: 'marquardt-01',
    name: 'the promise by half of slope and metric',
    answer: marquardt(),
    verdict: 'right',
  },
  {
    id: 'marquardt-01',
    name: 'the promise by half of the slope',
    answer: marquardt({ promise: (slope) => -slope / 2 }),
    verdict: 'mistake: the penalty in the promise',
  },
  {
    id: 'marquardt-01',
    name: 'lengths of the columns for their squares',
    answer: marquardt({ metric: (G) => G.map((row, i) => Math.sqrt(row[i]!)) }),
    verdict: 'differs',
  },
];

interface Known {
  wanted: 'solution' | 'iterate';
  stronglyConvex: boolean;
  stochastic: boolean;
  steps: number;
  hyperparameters: number;
  memory: number;
}

const decisionTries: Try[] = [
  {
    id: 'choose-01',
    name: 'by a table of conditions, the smallest price first',
    answer: (known: Known) => {
      const { steps: T, hyperparameters: m, memory } = known;
      const root = [...Array(T + 1).keys()].find((k) => k * k >= T)!;
      // One price: time first, then states, in one number.
      const prices: Record<string, number> = {
        forward: m + 1 <= memory ? T * (1 + m) * 1e6 + m + 1 : Number.POSITIVE_INFINITY,
        reverse: T <= memory ? 2 * T * 1e6 + T : Number.POSITIVE_INFINITY,
        checkpoints: 2 * root <= memory ? 3 * T * 1e6 + 2 * root : Number.POSITIVE_INFINITY,
        truncate: Number.MAX_VALUE,
      };
      if (known.wanted[0] === 's' && known.stronglyConvex && !known.stochastic) return 'implicit';
      return Object.keys(prices).reduce((a, b) => (prices[b]! < prices[a]! ? b : a));
    },
    verdict: 'right',
  },
  {
    id: 'choose-01',
    name: 'as for a hundred steps, whatever T is',
    answer: ({ wanted, stronglyConvex, stochastic, hyperparameters, memory }: Known) => {
      if (wanted === 'solution' && stronglyConvex && !stochastic) return 'implicit';
      if (hyperparameters === 1 && memory >= 2) return 'forward';
      if (memory >= 100) return 'reverse';
      return memory >= 20 ? 'checkpoints' : 'truncate';
    },
    verdict: 'property: takes the fastest way that fits',
  },
];

export const tries: Try[] = [
  ...eulerTries,
  ...conjugateTries,
  ...fixedTries,
  ...rulerTries,
  ...regressionTries,
  ...exactTries,
  ...lowRankTries,
  ...stochasticTries,
  ...polynomialTries,
  ...marquardtTries,
  ...decisionTries,
];
