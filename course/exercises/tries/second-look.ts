import type { LinearOperator } from 'implicit-lab';
import type { Training } from '../catalogue/training';
import { multiply, product, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, type Try, type Vector } from './try';

interface Head {
  W1: Matrix;
  b1: number[];
  W2: Matrix;
  b2: number[];
}
interface Frozen {
  features(): Matrix;
}
interface Weights {
  W: Matrix;
  U: Matrix;
}
interface Sequence {
  inputs: number[][];
  target: number[];
}
interface Pass {
  weights: Matrix[];
  input: number[];
  bumps: number[][];
  outputGradient: number[];
  outputHessian: Matrix;
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
interface Start {
  w: Vector;
  gradient: Vector;
  curvature: LinearOperator<Vector>;
  implicit: number[];
  explicit: number[];
  delta: number;
}
interface Linearised {
  jacobian: { apply(v: Vector): Vector; transpose(u: Vector): Vector };
  probabilities: Matrix;
  labels: number[];
}

const total = (values: number[]) => values.reduce((sum, x) => sum + x, 0);
const softmax = (z: number[]) => {
  const e = z.map(Math.exp);
  return e.map((x) => x / total(e));
};
const each = (A: Matrix, f: (a: number, i: number, j: number) => number): Matrix =>
  A.map((row, i) => row.map((a, j) => f(a, i, j)));
const sumsOf = (A: Matrix) => transposed(A).map(total);

const squashed = (a: number) => 1 - a * a;

/** head-01 for the whole batch, with individual rules as parameters. */
const head =
  ({
    slope = squashed,
    back = squashed,
    n = (X: Matrix) => X.length,
    biasOver = 1,
    turned = (W2: Matrix, _direction: Head) => W2,
    S = (p: number[], u: number[]) => u.map((x, c) => p[c]! * (x - dot(p, u))),
  } = {}) =>
  (frozen: Frozen, { W1, b1, W2, b2 }: Head, v: Head) => {
    const X = frozen.features();
    const A = each(product(X, W1), (z, _, j) => Math.tanh(z + b1[j]!));
    const P = each(product(A, W2), (z, _, c) => z + b2[c]!).map(softmax);
    const RA = each(product(X, v.W1), (z, i, j) => slope(A[i]![j]!) * (z + v.b1[j]!));
    const [first, second] = [product(RA, W2), product(A, v.W2)];
    const E = P.map((p, i) =>
      S(
        p,
        v.b2.map((b, c) => b + first[i]![c]! + second[i]![c]!),
      ).map((x) => x / n(X)),
    );
    const E1 = each(product(E, transposed(turned(W2, v))), (e, i, j) => back(A[i]![j]!) * e);
    return {
      W1: product(transposed(X), E1),
      b1: sumsOf(E1).map((x) => x / biasOver),
      W2: product(transposed(A), E),
      b2: sumsOf(E),
    };
  };

/** head-01 with J v as a difference of the logits. */
const headByDifference = (frozen: Frozen, at: Head, v: Head) => {
  const X = frozen.features();
  const logits = (t: number) => {
    const moved = <K extends 'W1' | 'W2'>(key: K) =>
      each(at[key], (w, i, j) => w + t * v[key][i]![j]!);
    const A = each(product(X, moved('W1')), (z, _, j) => Math.tanh(z + at.b1[j]! + t * v.b1[j]!));
    return each(product(A, moved('W2')), (z, _, c) => z + at.b2[c]! + t * v.b2[c]!);
  };
  const h = 1e-5;
  const [above, below] = [logits(h), logits(-h)];
  const A = each(product(X, at.W1), (z, _, j) => Math.tanh(z + at.b1[j]!));
  const E = logits(0).map((z, i) => {
    const p = softmax(z);
    const u = z.map((_, c) => (above[i]![c]! - below[i]![c]!) / (2 * h));
    return u.map((x, c) => (p[c]! * (x - dot(p, u))) / X.length);
  });
  const E1 = each(product(E, transposed(at.W2)), (e, i, j) => (1 - A[i]![j]! ** 2) * e);
  return {
    W1: product(transposed(X), E1),
    b1: sumsOf(E1),
    W2: product(transposed(A), E),
    b2: sumsOf(E),
  };
};

/** The gradient of rop-01, with the loss as a parameter. */
const slopesOf = (
  { W, U }: Weights,
  { inputs, target }: Sequence,
  loss = (h: number, y: number) => h - y,
) => {
  const h: number[][] = [W.map(() => 0)];
  for (const x of inputs) {
    const [a, b] = [multiply(W, h.at(-1)!), multiply(U, x)];
    h.push(Array.from(a, (value, i) => Math.tanh(value + b[i]!)));
  }
  let g = h.at(-1)!.map((value, i) => loss(value, target[i]!));
  let [GW, GU] = [each(W, () => 0), each(U, () => 0)];
  for (let t = inputs.length; t > 0; t--) {
    const d = g.map((value, i) => value * (1 - h[t]![i]! ** 2));
    GW = each(GW, (x, i, j) => x + d[i]! * h[t - 1]![j]!);
    GU = each(GU, (x, i, j) => x + d[i]! * inputs[t - 1]![j]!);
    g = [...multiply(transposed(W), d)];
  }
  return { W: GW, U: GU };
};
const rop =
  (h: number, { oneSided = false, factor = 1, loss = undefined as never } = {}) =>
  (at: Weights, sequence: Sequence, v: Weights) => {
    const moved = (t: number) =>
      slopesOf(
        {
          W: each(at.W, (w, i, j) => w + t * v.W[i]![j]!),
          U: each(at.U, (u, i, j) => u + t * v.U[i]![j]!),
        },
        sequence,
        loss,
      );
    const [above, below] = [moved(h), moved(oneSided ? 0 : -h)];
    const quotient = (key: 'W' | 'U') =>
      each(above[key], (x, i, j) => (factor * (x - below[key][i]![j]!)) / (oneSided ? h : 2 * h));
    return { W: quotient('W'), U: quotient('U') };
  };

/** rop-01 by passes through time, with the slips of a first attempt. */
const walks =
  ({ state = 0, late = false, fromZero = false } = {}) =>
  ({ W, U }: Weights, { inputs, target }: Sequence, v: Weights) => {
    const plus = (...xs: ArrayLike<number>[]) =>
      Array.from(xs[0]!, (_, i) => xs.reduce((sum, x) => sum + x[i]!, 0));
    const h = [W.map(() => 0)];
    const Rh = [W.map(() => 0)];
    for (const [t, x] of inputs.entries()) {
      const z = plus(multiply(W, h[t]!), multiply(U, x));
      const Rz = plus(multiply(v.W, h[t]!), multiply(W, Rh[t]!), multiply(v.U, x));
      h.push(z.map(Math.tanh));
      Rh.push(Rz.map((r, i) => r * (1 - h[t + 1]![i]! ** 2)));
    }
    const T = inputs.length;
    let g = h[T]!.map((x, i) => x - target[i]!);
    let Rg = fromZero ? g.map(() => 0) : Rh[T]!;
    let [HW, HU] = [each(W, () => 0), each(U, () => 0)];
    let before = g.map(() => 0);
    for (let t = T; t > 0; t--) {
      const s = h[t]!.map((x) => 1 - x * x);
      const e = s.map((x, i) => x * g[i]!);
      const Re = s.map((x, i) => x * Rg[i]! - 2 * h[t]![i]! * Rh[t]![i]! * g[i]!);
      HW = each(
        HW,
        (x, i, j) => x + Re[i]! * h[t - 1 + state]![j]! + e[i]! * Rh[t - 1 + state]![j]!,
      );
      HU = each(HU, (x, i, j) => x + Re[i]! * inputs[t - 1]![j]!);
      g = [...multiply(transposed(W), e)];
      Rg = plus(multiply(transposed(W), Re), multiply(transposed(v.W), late ? before : e));
      before = e;
    }
    return { W: HW, U: HU };
  };

/** backprop-01 by Jacobians of whole layers, with individual rules as parameters. */
const layers =
  ({
    slope = (t: number) => 1 - t * t,
    moves = true,
    stop = 'z' as 'z' | 'a',
    above = true,
  } = {}) =>
  ({ weights, input, bumps, outputGradient, outputHessian }: Pass) => {
    let [g, H] = [outputGradient, outputHessian];
    for (let l = weights.length - 1; above && l > 0; l--) {
      const [W, t] = [weights[l]!, bumps[l]!];
      const J = each(W, (w, i, j) => (i === j ? 1 : 0) + slope(t[i]!) * w);
      const bent = t.map((x, i) => -2 * x * slope(x) * g[i]!);
      const own = product(
        transposed(W),
        each(W, (w, i) => bent[i]! * w),
      );
      H = each(product(product(transposed(J), H), J), (h, i, j) => h + own[i]![j]!);
      if (moves) g = [...multiply(transposed(J), g)];
    }
    const t = bumps[0]!;
    const Hz =
      stop === 'a'
        ? H
        : each(
            H,
            (h, i, j) =>
              slope(t[i]!) * h * slope(t[j]!) + (i === j ? -2 * t[i]! * slope(t[i]!) * g[i]! : 0),
          );
    const HW = input.flatMap((x) =>
      Hz.map((row) => input.flatMap((y) => row.map((h) => x * y * h))),
    );
    return { Hz, HW };
  };

const glm =
  (rule: (example: Example, rates: Rates) => [keep: number, push: number]) =>
  (example: Example, rates: Rates) => {
    const [keep, push] = rule(example, rates);
    return { keep, push };
  };

/** glm-02 by regula falsi, the end that stays being halved (Illinois). */
const illinois =
  (count: number, h = (z: number) => 1 / (1 + Math.exp(-z))) =>
  ({ y, eta, squared }: Example, { delta, lambda }: Rates) => {
    const f = (xi: number) => xi - delta * (y - h((eta + xi * squared) / (1 + delta * lambda)));
    let [a, b] = [0, -f(0)];
    let [fa, fb] = [f(a), f(b)];
    for (let k = 0; k < count && a !== b && fa !== fb; k++) {
      const c = (a * fb - b * fa) / (fb - fa);
      const fc = f(c);
      if (fc * fb <= 0) [a, fa] = [b, fb];
      else fa /= 2;
      [b, fb] = [c, fc];
    }
    return b;
  };

const inverse = (M: Matrix): Matrix =>
  transposed(
    M.map((_, j) => [
      ...solveDense(
        M,
        M.map((__, i) => (i === j ? 1 : 0)),
      ),
    ]),
  );
const shifted = (A: Matrix, h: number) => each(A, (a, i, j) => h * a + (i === j ? 1 : 0));

/** block-01 by a fixed number of sweeps, or in other ways. */
const block = (solve: (given: Start, H: (v: Vector) => Vector) => Vector) => (given: Start) =>
  add(
    given.w,
    -given.delta,
    solve(given, (v) => given.curvature.apply(v)),
  );
const only = (n: number, places: number[], v: Vector) =>
  Float64Array.from({ length: n }, (_, i) => (places.includes(i) ? v[i]! : 0));

const gauss =
  (between: (p: number[], u: number[], n: number, label: number) => number[]) =>
  ({ jacobian, probabilities, labels }: Linearised, v: Vector) => {
    const u = jacobian.apply(v);
    const C = probabilities[0]!.length;
    const rows = probabilities.map((p, i) =>
      between(p, [...u.subarray(i * C, (i + 1) * C)], probabilities.length, labels[i]!),
    );
    return jacobian.transpose(Float64Array.from(rows.flat()));
  };

type Polynomial = (
  mu: number,
  L: number,
  t: number,
  s: Vector,
) => { P: Vector; dP: Vector; Q: Vector };
/** curse-02 by cosines or hyperbolic cosines, with the slope by a difference. */
const byCosines =
  (slope: 'exact' | 'difference', q: (P: number, dP: number, s: number) => number): Polynomial =>
  (mu, L, t, s) => {
    const T = (m: number): number =>
      Math.abs(m) <= 1
        ? Math.cos(t * Math.acos(m))
        : (m < 0 ? (-1) ** t : 1) * Math.cosh(t * Math.acosh(Math.abs(m)));
    const value = (x: number) => T((2 * x - L - mu) / (L - mu)) / T(-(L + mu) / (L - mu));
    const h = slope === 'difference' ? 1e-4 * (L - mu) : 1e-5 * (L - mu);
    const P = s.map(value);
    const dP = s.map((x) =>
      slope === 'difference'
        ? (value(x + h) - value(x)) / h
        : (8 * (value(x + h) - value(x - h)) - (value(x + 2 * h) - value(x - 2 * h))) / (12 * h),
    );
    return { P, dP, Q: P.map((p, i) => q(p, dP[i]!, s[i]!)) };
  };

/** unroll-01 with (w, z) as one long vector each. */
const tangents =
  (rate: (slope: Vector, eta: number, t: number) => Vector) =>
  ({ start, m, eta, steps, gradient, hessian, mixed, outer }: Training) => {
    const unit = (j: number) => Float64Array.from({ length: m }, (_, i) => Number(i === j));
    let w = start;
    let Z: Vector[] = Array.from({ length: m + 1 }, () => start.map(() => 0));
    for (let t = 0; t < steps; t++) {
      const at = w;
      const slope = gradient(at);
      Z = Z.map((z, j) =>
        add(
          add(z, -eta, hessian(at, z)),
          1,
          j < m ? mixed(at, unit(j)).map((x) => -eta * x) : rate(slope, eta, t),
        ),
      );
      w = add(at, -eta, slope);
    }
    const { dw, dlambda } = outer(w);
    const all = Z.map((z, j) => dot(z, dw) + (j < m ? dlambda[j]! : 0));
    return { dlambda: all.slice(0, m), deta: all[m] };
  };

export const tries: Try[] = [
  { id: 'head-01', name: 'batch by batch, with its own softmax', answer: head(), verdict: 'right' },
  {
    id: 'head-01',
    name: 'J v as a difference of the logits',
    answer: headByDifference,
    verdict: 'right',
  },
  {
    id: 'head-01',
    name: 'the slope of the logistic function',
    answer: head({ slope: (a) => a * (1 - a), back: (a) => a * (1 - a) }),
    verdict: 'mistake: the slope of the logistic function',
  },
  {
    id: 'head-01',
    name: 'the slope without its square',
    answer: head({ slope: (a) => 1 - a, back: (a) => 1 - a }),
    verdict: 'differs',
  },
  {
    id: 'head-01',
    name: 'the slope squared on the way back',
    answer: head({ back: (a) => squashed(a) ** 2 }),
    verdict: 'differs',
  },
  {
    id: 'head-01',
    name: '1/n twice',
    answer: head({ n: (X) => X.length ** 2 }),
    verdict: 'mistake: 1/n twice',
  },
  {
    id: 'head-01',
    name: '1/(n − 1)',
    answer: head({ n: (X) => X.length - 1 }),
    verdict: 'not-finite',
  },
  {
    id: 'head-01',
    name: 'the direction of W₂ on the way back',
    answer: head({ turned: (_, v) => v.W2 }),
    verdict: 'property: has no negative curvature',
  },
  { id: 'head-01', name: 'half of the bias', answer: head({ biasOver: 2 }), verdict: 'differs' },
  {
    id: 'head-01',
    name: 'p times u less the plain mean of u',
    answer: head({ S: (p, u) => u.map((x, c) => p[c]! * (x - total(u) / u.length)) }),
    verdict: 'differs',
  },
  {
    id: 'head-01',
    name: 'p(1 − p)',
    answer: head({ S: (p, u) => u.map((x, c) => p[c]! * (1 - p[c]!) * x) }),
    verdict: 'mistake: p(1 − p)',
  },
  { id: 'rop-01', name: 'by central differences', answer: rop(1e-5), verdict: 'right' },
  {
    id: 'rop-01',
    name: 'by a one-sided difference',
    answer: rop(1e-4, { oneSided: true }),
    verdict: 'property: is linear in the direction',
  },
  { id: 'rop-01', name: 'by walks, once more', answer: walks(), verdict: 'right' },
  {
    id: 'rop-01',
    name: 'the state after the step in the product',
    answer: walks({ state: 1 }),
    verdict: 'mistake: the state after the step in the product for W',
  },
  {
    id: 'rop-01',
    name: 'Ẇᵀ times the δ of the step before',
    answer: walks({ late: true }),
    verdict: 'differs',
  },
  {
    id: 'rop-01',
    name: 'the walk back from 0',
    answer: walks({ fromZero: true }),
    verdict: 'mistake: the loss does not bend',
  },
  {
    id: 'rop-01',
    name: 'the loss without its half',
    answer: rop(1e-5, { factor: 2 }),
    verdict: 'differs',
  },
  {
    id: 'rop-01',
    name: 'y − h for h − y',
    answer: rop(1e-5, { loss: ((h: number, y: number) => y - h) as never }),
    verdict: 'differs',
  },
  { id: 'backprop-01', name: 'by Jacobians of layers', answer: layers(), verdict: 'right' },
  {
    id: 'backprop-01',
    name: 'tanh once more',
    answer: layers({ slope: (t) => 1 - Math.tanh(t) ** 2 }),
    verdict: 'differs',
  },
  {
    id: 'backprop-01',
    name: 'the gradient stays that of the output',
    answer: layers({ moves: false }),
    verdict: 'mistake: the gradient stays that of the output',
  },
  {
    id: 'backprop-01',
    name: 'the Hessian by a₁',
    answer: layers({ stop: 'a' }),
    verdict: 'mistake: the Hessian with respect to a₁',
  },
  {
    id: 'backprop-01',
    name: 'as if the first layer were the last',
    answer: layers({ above: false }),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'with S as a matrix for each example',
    answer: gauss((p, u, n) =>
      p.map((a, c) => total(p.map((b, d) => ((c === d ? a : 0) - a * b) * u[d]!)) / n),
    ),
    verdict: 'right',
  },
  {
    id: 'gnvp-01',
    name: 'p − y for the mean',
    answer: gauss((p, u, n, y) =>
      p.map((a, c) => (a * u[c]! - (a - Number(c === y)) * dot(p, u)) / n),
    ),
    verdict: 'differs',
  },
  {
    id: 'gnvp-01',
    name: 'the curvature of the label alone',
    answer: gauss((p, u, n, y) => p.map((a, c) => (c === y ? (a * (1 - a) * u[c]!) / n : 0))),
    verdict: 'differs',
  },
  {
    id: 'glm-01',
    name: 'the penalty without its half',
    answer: glm(({ y, eta, squared }, { delta, lambda }) => {
      const r = 1 / (1 + 2 * delta * lambda);
      return [r, (r * delta * (y - r * eta)) / (1 + delta * r * squared)];
    }),
    verdict: 'mistake: the penalty without its half',
  },
  {
    id: 'glm-01',
    name: 'from the residual at the end',
    answer: glm(({ y, eta, squared }, { delta, lambda }) => {
      const c = 1 + delta * lambda;
      const e = (y * c - eta) / (c + delta * squared);
      return [1 / c, (delta * e) / c];
    }),
    verdict: 'right',
  },
  {
    id: 'glm-01',
    name: 'as 1 less what is lost',
    answer: glm(({ y, eta, squared }, { delta, lambda }) => {
      const lost = (delta * lambda) / (1 + delta * lambda);
      return [1 - lost, (delta * (y - eta + lost * eta)) / (1 + delta * lambda + delta * squared)];
    }),
    verdict: 'right',
  },
  {
    id: 'glm-01',
    name: 'the two numbers exchanged',
    answer: glm(({ y, eta, squared }, { delta, lambda }) => {
      const c = 1 + delta * lambda;
      return [(delta * (y - eta / c)) / (c + delta * squared), 1 / c];
    }),
    verdict: 'property: takes the residual at the end of the step',
  },
  {
    id: 'glm-01',
    name: 'λ added to ‖x‖²',
    answer: glm(({ y, eta, squared }, { delta, lambda }) => [
      1,
      (delta * (y - eta)) / (1 + delta * (squared + lambda)),
    ]),
    verdict: 'differs',
  },
  { id: 'glm-02', name: 'by regula falsi', answer: illinois(400), verdict: 'right' },
  {
    id: 'glm-02',
    name: 'by eight steps of regula falsi',
    answer: illinois(8),
    verdict: 'property: satisfies its equation',
  },
  {
    id: 'glm-02',
    name: 'with e^z over 1 + e^z',
    answer: illinois(400, (z) => Math.exp(z) / (1 + Math.exp(z))),
    verdict: 'not-finite',
  },
  {
    id: 'glm-02',
    name: 'with tanh for h',
    answer: illinois(400, Math.tanh),
    verdict: 'property: lies in its bracket',
  },
  {
    id: 'glm-02',
    name: 'with half a tanh',
    answer: illinois(400, (z) => (1 + Math.tanh(z / 2)) / 2),
    verdict: 'right',
  },
  {
    id: 'euler-01',
    name: 'by the inverse matrix',
    answer: (A: Matrix, y: Vector, h: number) => multiply(inverse(shifted(A, h)), y),
    verdict: 'right',
  },
  {
    id: 'euler-01',
    name: 'two half steps',
    answer: (A: Matrix, y: Vector, h: number) =>
      solveDense(shifted(A, h / 2), solveDense(shifted(A, h / 2), y)),
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'euler-01',
    name: 'three fixed-point iterations',
    answer: (A: Matrix, y: Vector, h: number) => {
      let x = y;
      for (let k = 0; k < 3; k++) x = add(y, -h, multiply(A, x));
      return x;
    },
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'euler-01',
    name: 'divided by 1 plus the diagonal',
    answer: (A: Matrix, y: Vector, h: number) => y.map((x, i) => x / (1 + h * A[i]![i]!)),
    verdict: 'property: solves y⁺ = y − h A y⁺',
  },
  {
    id: 'block-01',
    name: 'ten sweeps instead of a solver',
    answer: block(({ gradient, implicit, explicit, delta, w }, H) => {
      const n = w.length;
      const r = only(n, explicit, gradient);
      let s = only(n, implicit, gradient);
      for (let k = 0; k < 10; k++) s = only(n, implicit, add(gradient, -delta, H(add(s, 1, r))));
      return add(s, 1, r);
    }),
    verdict: 'differs',
  },
  {
    id: 'block-01',
    name: 'the rest reacts to the block instead',
    answer: block(({ gradient, implicit, explicit, delta, w }, H) => {
      const n = w.length;
      const b = only(n, implicit, gradient);
      return add(b, 1, only(n, explicit, add(gradient, -delta, H(b))));
    }),
    verdict: 'property: takes a gradient step outside of the block',
  },
  {
    id: 'curse-02',
    name: 'by cosines, slopes by differences of fourth order',
    answer: byCosines('exact', (P, dP, s) => P - s * dP),
    verdict: 'right',
  },
  {
    id: 'curse-02',
    name: 'slopes by one-sided differences',
    answer: byCosines('difference', (P, dP, s) => P - s * dP),
    verdict: 'differs',
  },
  {
    id: 'curse-02',
    name: 'Q without s',
    answer: byCosines('exact', (P, dP) => P - dP),
    verdict: 'mistake: s is missing in Q',
  },
  {
    id: 'unroll-01',
    name: 'all columns in one list',
    answer: tangents((slope) => slope.map((x) => -x)),
    verdict: 'right',
  },
  {
    id: 'unroll-01',
    name: '∇f for the learning rate',
    answer: tangents((slope) => slope),
    verdict: 'mistake: the sign of the derivative with respect to η',
  },
  {
    id: 'unroll-01',
    name: '−η∇f for the learning rate',
    answer: tangents((slope, eta) => slope.map((x) => -eta * x)),
    verdict: 'mistake: the derivative with respect to log η',
  },
  {
    id: 'unroll-01',
    name: 'the learning rate of the first step only',
    answer: tangents((slope, _, t) => slope.map((x) => (t === 0 ? -x : 0))),
    verdict: 'differs',
  },
  {
    id: 'unroll-01',
    name: 'nothing for the learning rate',
    answer: tangents((slope) => slope.map(() => 0)),
    verdict: 'mistake: the learning rate as a constant',
  },
];
