import * as tf from '@tensorflow/tfjs';
import type { Training } from '../catalogue/training';
import type { CountedOperator } from '../counted';
import { multiply, product, solveDense, transposed } from '../linear';
import { add, dot, type Matrix, type Try, type Vector } from './try';

interface Weights {
  W: Matrix;
  U: Matrix;
}
interface Sequence {
  inputs: number[][];
  target: number[];
}
interface Batches {
  outer(batch: number): { w: Vector; lambda: Vector };
  hessian(batch: number): CountedOperator;
  mixedVjp(batch: number, q: Vector): Vector;
}
interface Known {
  wanted: 'solution' | 'iterate';
  stronglyConvex: boolean;
  stochastic: boolean;
  steps: number;
  hyperparameters: number;
  memory: number;
}
interface Adam {
  w: Vector;
  m: Vector;
  v: Vector;
  t: number;
}
interface Slope {
  gradient: Vector;
  curvature: CountedOperator;
}
interface Rates {
  delta: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  decay: number;
}
interface Frozen {
  features(): Matrix;
}
interface Head {
  W1: Matrix;
  b1: number[];
  W2: Matrix;
  b2: number[];
}
interface Pass {
  weights: Matrix[];
  input: number[];
  bumps: number[][];
  outputGradient: number[];
  outputHessian: Matrix;
}

const unit = (n: number, j: number) =>
  Float64Array.from({ length: n }, (_, i) => (i === j ? 1 : 0));
const columnsOf = (apply: (v: Vector) => Vector, n: number) =>
  transposed(Array.from({ length: n }, (_, j) => [...apply(unit(n, j))]));

/** The gradient through time, for differences. */
function slope({ W, U }: Weights, { inputs, target }: Sequence): Weights {
  const hs = [W.map(() => 0)];
  for (const x of inputs) {
    const [a, b] = [multiply(W, hs.at(-1)!), multiply(U, x)];
    hs.push([...a].map((value, i) => Math.tanh(value + b[i]!)));
  }
  let g = hs.at(-1)!.map((value, i) => value - target[i]!);
  const result = { W: W.map((row) => row.map(() => 0)), U: U.map((row) => row.map(() => 0)) };
  for (let t = inputs.length; t >= 1; t--) {
    const delta = g.map((value, i) => value * (1 - hs[t]![i]! ** 2));
    delta.forEach((d, i) => {
      hs[t - 1]!.forEach((h, j) => {
        result.W[i]![j]! += d * h;
      });
      inputs[t - 1]!.forEach((x, j) => {
        result.U[i]![j]! += d * x;
      });
    });
    g = [...multiply(transposed(W), delta)];
  }
  return result;
}
const moved = (a: Weights, t: number, d: Weights): Weights => ({
  W: a.W.map((row, i) => row.map((x, j) => x + t * d.W[i]![j]!)),
  U: a.U.map((row, i) => row.map((x, j) => x + t * d.U[i]![j]!)),
});
const quotient = (a: Weights, b: Weights, t: number): Weights => {
  const of = (A: Matrix, B: Matrix) => A.map((row, i) => row.map((x, j) => (x - B[i]![j]!) / t));
  return { W: of(a.W, b.W), U: of(a.U, b.U) };
};

/** Forward mode where the product with the Jacobian may be anything. */
const forward =
  (step: (Z: Vector, HZ: Vector, B: Vector, eta: number) => Vector) =>
  ({ start, m, eta, steps, gradient, hessian, mixed, outer }: Training) => {
    let w = start;
    let Z: Vector[] = Array.from({ length: m }, () => new Float64Array(start.length));
    let last: Vector = new Float64Array(start.length);
    for (let t = 0; t < steps; t++) {
      const g = gradient(w);
      Z = Z.map((z, j) => step(z, hessian(w, z), mixed(w, unit(m, j)), eta));
      last = add(add(last, -1, g), -eta, hessian(w, last));
      w = add(w, -eta, g);
    }
    const { dw, dlambda } = outer(w);
    return { dlambda: dlambda.map((direct, j) => direct + dot(Z[j]!, dw)), deta: dot(last, dw) };
  };
const rightStep = (Z: Vector, HZ: Vector, B: Vector, eta: number) => add(add(Z, -eta, HZ), -eta, B);

const states = ({ start, eta, steps, gradient }: Training) => {
  const list = [start];
  for (let t = 0; t < steps; t++) list.push(add(list[t]!, -eta, gradient(list[t]!)));
  return list;
};
const back = (problem: Training, list: Vector[], from: number, to: number) => {
  const { eta, hessian, mixedTransposed, outer } = problem;
  let { dlambda, dw: q } = outer(list.at(-1)!);
  let deta = 0;
  for (let t = from; t > to; t--) {
    const w = list[t - 1]!;
    deta -= dot(q, problem.gradient(w));
    dlambda = add(dlambda, -eta, mixedTransposed(w, q));
    q = add(q, -eta, hessian(w, q));
  }
  return { dlambda, dstart: q, deta };
};

const chebyshev =
  (Q: (P: number, dP: number, s: number) => number) =>
  (mu: number, L: number, t: number, spectrum: Vector) => {
    const T = (m: number) =>
      Math.abs(m) <= 1
        ? Math.cos(t * Math.acos(m))
        : Math.sign(m) ** t * Math.cosh(t * Math.acosh(Math.abs(m)));
    const m = (s: number) => (2 * s - L - mu) / (L - mu);
    const P = spectrum.map((s) => T(m(s)) / T(m(0)));
    const h = 1e-6;
    const dP = spectrum.map((s) => (T(m(s + h)) - T(m(s - h))) / (2 * h) / T(m(0)));
    return { P, dP, Q: P.map((value, i) => Q(value, dP[i]!, spectrum[i]!)) };
  };

const decide =
  (implicit: (k: Known) => boolean, price: (k: Known) => [string, number, number][]) =>
  (k: Known) => {
    if (implicit(k)) return 'implicit';
    const fits = price(k).filter(([, , states]) => states <= k.memory);
    fits.sort((a, b) => a[1] - b[1] || a[2] - b[2]);
    return fits[0]?.[0] ?? 'truncate';
  };
const possible = (k: Known) => k.wanted === 'solution' && k.stronglyConvex && !k.stochastic;
const table = ({ steps: T, hyperparameters: m }: Known): [string, number, number][] => [
  ['forward', T * (1 + m), 1 + m],
  ['reverse', 2 * T, T],
  ['checkpoints', 3 * T, 2 * Math.ceil(T ** 0.5)],
];

/** A dense implicit Adam step, with the term that is subtracted from m as a parameter. */
const adam =
  (momentum: (m: Vector, average: Vector, Hs: Vector, beta1: number) => Vector, twist = 1) =>
  (
    { w, m, v, t }: Adam,
    { gradient, curvature }: Slope,
    { delta, beta1, beta2, epsilon, decay }: Rates,
  ) => {
    const n = w.length;
    const H = columnsOf((u) => curvature.apply(u), n);
    const k = 1 / (1 - beta1 ** t);
    const average = m.map((value, i) => beta1 * value + (1 - beta1) * gradient[i]!);
    const squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i]! ** 2);
    const D = squares.map((value) => Math.sqrt(value / (1 - beta2 ** t)) + epsilon);
    const M = H.map((row, i) =>
      row.map(
        (h, j) => twist * delta * k * (1 - beta1) * h + (i === j ? D[i]! * (1 + delta * decay) : 0),
      ),
    );
    const s = solveDense(
      M,
      w.map((value, i) => -delta * (k * average[i]! + decay * D[i]! * value)),
    );
    return { w: add(w, 1, s), m: momentum(m, average, multiply(H, s), beta1), v: squares };
  };

export const tries: readonly Try[] = [
  {
    id: 'adam-01',
    name: 'the Hessian formed',
    answer: adam((_, average, Hs, b) => add(average, 1 - b, Hs)),
    verdict: 'mistake: H is formed',
  },
  {
    id: 'adam-01',
    name: 'the old momentum handed on',
    answer: adam((m) => m),
    verdict: 'property: satisfies the equation of the step',
  },
  {
    id: 'adam-01',
    name: 'half of the curvature',
    answer: adam((_, average, Hs, b) => add(average, 1 - b, Hs), 0.5),
    verdict: 'property: satisfies the equation of the step',
  },
  {
    id: 'rop-01',
    name: 'a central difference, not extrapolated',
    answer: (a: Weights, s: Sequence, d: Weights) =>
      quotient(slope(moved(a, 1e-5, d), s), slope(moved(a, -1e-5, d), s), 2e-5),
    verdict: 'right',
  },
  {
    id: 'rop-01',
    name: 'a one-sided difference',
    answer: (a: Weights, s: Sequence, d: Weights) =>
      quotient(slope(moved(a, 1e-5, d), s), slope(a, s), 1e-5),
    verdict: 'property: is linear in the direction',
  },
  {
    id: 'rop-01',
    name: 'for W alone',
    answer: (a: Weights, s: Sequence, d: Weights) =>
      quotient(
        slope(moved(a, 1e-5, { ...d, U: d.U.map((row) => row.map(() => 0)) }), s),
        slope(moved(a, -1e-5, { ...d, U: d.U.map((row) => row.map(() => 0)) }), s),
        2e-5,
      ),
    verdict: 'mistake: the direction of U is forgotten',
  },
  {
    id: 'rop-01',
    name: 'the direction of W forgotten',
    answer: (a: Weights, s: Sequence, d: Weights) =>
      quotient(
        slope(moved(a, 1e-5, { ...d, W: d.W.map((row) => row.map(() => 0)) }), s),
        slope(moved(a, -1e-5, { ...d, W: d.W.map((row) => row.map(() => 0)) }), s),
        2e-5,
      ),
    verdict: 'differs',
  },
  {
    id: 'head-01',
    name: 'by differences of the output, example by example',
    answer: (frozen: Frozen, head: Head, direction: Head) => {
      const X = frozen.features();
      const at = (t: number) => (M: Matrix, V: Matrix) =>
        M.map((row, i) => row.map((x, j) => x + t * V[i]![j]!));
      const logits = (t: number) => {
        const A = product(X, at(t)(head.W1, direction.W1)).map((row) =>
          row.map((x, j) => Math.tanh(x + head.b1[j]! + t * direction.b1[j]!)),
        );
        return product(A, at(t)(head.W2, direction.W2)).map((row) =>
          row.map((x, j) => x + head.b2[j]! + t * direction.b2[j]!),
        );
      };
      const [up, down, here] = [logits(1e-5), logits(-1e-5), logits(0)];
      const E = here.map((z, i) => {
        const e = z.map(Math.exp);
        const total = e.reduce((a, b) => a + b, 0);
        const u = z.map((_, c) => (up[i]![c]! - down[i]![c]!) / 2e-5);
        const mean = e.reduce((sum, x, c) => sum + (x / total) * u[c]!, 0);
        return u.map((value, c) => ((e[c]! / total) * (value - mean)) / X.length);
      });
      const A = product(X, head.W1).map((row) => row.map((x, j) => Math.tanh(x + head.b1[j]!)));
      const E1 = product(E, transposed(head.W2)).map((row, i) =>
        row.map((x, j) => x * (1 - A[i]![j]! ** 2)),
      );
      const sums = (M: Matrix) => M[0]!.map((_, j) => M.reduce((sum, row) => sum + row[j]!, 0));
      return {
        W1: product(transposed(X), E1),
        b1: sums(E1),
        W2: product(transposed(A), E),
        b2: sums(E),
      };
    },
    verdict: 'right',
  },
  {
    id: 'head-01',
    name: 'zeros',
    answer: (_: Frozen, { W1, b1, W2, b2 }: Head) => ({
      W1: W1.map((row) => row.map(() => 0)),
      b1: b1.map(() => 0),
      W2: W2.map((row) => row.map(() => 0)),
      b2: b2.map(() => 0),
    }),
    verdict: 'differs',
  },
  {
    id: 'backprop-01',
    name: 'with W₁ in the place of all weights',
    answer: ({ weights, input, outputHessian }: Pass) => ({
      Hz: product(transposed(weights[0]!), product(outputHessian, weights[0]!)),
      HW: input.flatMap((a) =>
        outputHessian.map((row) => input.flatMap((b) => row.map((h) => a * b * h))),
      ),
    }),
    verdict: 'differs',
  },
  {
    id: 'backprop-01',
    name: 'without HW',
    answer: ({ outputHessian }: Pass) => ({ Hz: outputHessian }),
    verdict: 'shape',
  },
  {
    id: 'stochastic-01',
    name: 'the lengths made beforehand',
    answer: (given: Batches, alpha: number, steps: number) => {
      const { w, lambda } = given.outer(0);
      const lengths = Array.from({ length: steps }, (_, k) => alpha * (k + 1) ** -0.5);
      let q: Vector = new Float64Array(w.length);
      const all = lengths.map((a, k) => {
        q = add(q, a, add(w, -1, given.hessian(k + 1).apply(q)));
        return q;
      });
      const later = all.filter((_, k) => k + 1 > steps / 2);
      const mean = later.reduce(
        (sum, x) => add(sum, 1 / later.length, x),
        w.map(() => 0),
      );
      return add(lambda, -1, given.mixedVjp(steps + 1, mean));
    },
    verdict: 'right',
  },
  {
    id: 'stochastic-01',
    name: 'the mean of all iterates',
    answer: (given: Batches, alpha: number, steps: number) => {
      const { w, lambda } = given.outer(0);
      let q: Vector = new Float64Array(w.length);
      let sum = q;
      for (let k = 1; k <= steps; k++) {
        q = add(q, alpha / Math.sqrt(k), add(w, -1, given.hessian(k).apply(q)));
        sum = add(sum, 1 / steps, q);
      }
      return add(lambda, -1, given.mixedVjp(steps + 1, sum));
    },
    verdict: 'mistake: the mean of all q',
  },
  {
    id: 'stochastic-01',
    name: 'begun at b instead of 0',
    answer: (given: Batches, alpha: number, steps: number) => {
      const { w, lambda } = given.outer(0);
      let q = w;
      for (let k = 1; k <= steps; k++)
        q = add(q, alpha / Math.sqrt(k), add(w, -1, given.hessian(k).apply(q)));
      return add(lambda, -1, given.mixedVjp(steps + 1, q));
    },
    verdict: 'differs',
  },
  {
    id: 'unroll-01',
    name: 'step by step, written anew',
    answer: forward(rightStep),
    verdict: 'right',
  },
  {
    id: 'unroll-01',
    name: 'B added after the product',
    answer: forward((Z, HZ, B, eta) => add(add(Z, -eta, HZ), -eta * eta, B)),
    verdict: 'differs',
  },
  {
    id: 'unroll-01',
    name: 'by reverse mode',
    answer: (problem: Training) => back(problem, states(problem), problem.steps, 0),
    verdict: 'mistake: all steps are kept',
  },
  {
    id: 'unroll-01',
    name: 'the Jacobian halved',
    answer: forward((Z, HZ, B, eta) => rightStep(Z, HZ, B, eta).map((x) => x / 2)),
    verdict: 'differs',
  },
  {
    id: 'unroll-02',
    name: 'with a list of all states',
    answer: (problem: Training) => back(problem, states(problem), problem.steps, 0),
    verdict: 'right',
  },
  {
    id: 'unroll-02',
    name: 'one step too few',
    answer: (problem: Training) => back(problem, states(problem), problem.steps, 1),
    verdict: 'differs',
  },
  {
    id: 'unroll-02',
    name: 'one array, changed in place',
    answer: (problem: Training) => {
      const w = problem.start.slice();
      const list = [w];
      for (let t = 0; t < problem.steps; t++) {
        const g = problem.gradient(w);
        for (let i = 0; i < w.length; i++) w[i]! -= problem.eta * g[i]!;
        list.push(w);
      }
      return back(problem, list, problem.steps, 0);
    },
    verdict: 'mistake: the derivatives are all taken at w_T',
  },
  {
    id: 'unroll-03',
    name: 'kept in a ring',
    answer: (problem: Training, K: number) => {
      const ring: Vector[] = [];
      let w = problem.start;
      for (let t = 0; t < problem.steps; t++) {
        ring[t % K] = w;
        w = add(w, -problem.eta, problem.gradient(w));
      }
      const ordered = Array.from({ length: K }, (_, k) => ring[(problem.steps - K + k) % K]!);
      return back(problem, [...ordered, w], K, 0).dlambda;
    },
    verdict: 'right',
  },
  {
    id: 'unroll-03',
    name: 'all states kept',
    answer: (problem: Training, K: number) =>
      back(problem, states(problem), problem.steps, problem.steps - K).dlambda,
    verdict: 'mistake: all states are kept',
  },
  {
    id: 'unroll-03',
    name: 'scaled by T/K',
    answer: (problem: Training, K: number) =>
      back(problem, states(problem), problem.steps, problem.steps - K).dlambda.map(
        (x) => (x * problem.steps) / K,
      ),
    verdict: 'differs',
  },
  {
    id: 'curse-02',
    name: 'by the cosine, and differences',
    answer: chebyshev((P, dP, s) => P - s * dP),
    verdict: 'right',
  },
  {
    id: 'curse-02',
    name: 'Q without s',
    answer: chebyshev((P, dP) => P - dP),
    verdict: 'mistake: s is missing in Q',
  },
  { id: 'choose-01', name: 'sorted by pairs', answer: decide(possible, table), verdict: 'right' },
  {
    id: 'choose-01',
    name: 'checkpoints by the square root rounded',
    answer: decide(possible, (k) =>
      table(k).map(([way, time, states]) => [
        way,
        time,
        way === 'checkpoints' ? 2 * Math.round(Math.sqrt(k.steps)) : states,
      ]),
    ),
    verdict: 'property: takes the fastest way that fits',
  },
  {
    id: 'choose-01',
    name: 'checkpoints at twice the time',
    answer: decide(possible, (k) =>
      table(k).map(([way, time, states]) => [
        way,
        way === 'checkpoints' ? 2 * k.steps : time,
        states,
      ]),
    ),
    verdict: 'property: takes the fastest way that fits',
  },
  {
    id: 'choose-01',
    name: 'implicit for a stopped run of a convex problem with many hyperparameters',
    answer: decide((k) => possible(k) || (k.stronglyConvex && k.hyperparameters > 50), table),
    verdict: 'differs',
  },
  {
    id: 'choose-01',
    name: 'always reverse',
    answer: () => 'reverse',
    verdict: 'property: takes the fastest way that fits',
  },
  {
    id: 'choose-01',
    name: 'a capital letter',
    answer: (k: Known) => decide(possible, table)(k).replace('implicit', 'Implicit'),
    verdict: 'differs',
  },
  {
    id: 'kinds-01',
    name: 'what the check needs left out',
    answer: async () => ({ loss: tf.scalar(1) }),
    verdict: 'shape',
  },
];
