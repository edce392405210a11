import * as tf from '@tensorflow/tfjs';
import {
  bilevelProblem,
  cg,
  type ExampleLosses,
  type Examples,
  hypergradient,
  implicit,
  type Kind,
  type NamedTensors,
  onBatches,
} from 'implicit-lab';
import type { Training } from '../catalogue/training';
import type { CountedOperator } from '../counted';
import { solveDense } from '../linear';
import { add, dot, type Try, type Vector } from './try';

interface Batches {
  outer(batch: number): { w: Vector; lambda: Vector };
  hessian(batch: number): CountedOperator;
  mixedVjp(batch: number, q: Vector): Vector;
}
interface Given {
  losses: ExampleLosses;
  w: NamedTensors;
  λ: NamedTensors;
  train: Examples;
  validation: Examples;
}
interface Spectrum {
  s: Vector;
  weights: Vector;
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

const unit = (n: number, j: number) =>
  Float64Array.from({ length: n }, (_, i) => (i === j ? 1 : 0));

/** adam-01 by CG, with individual rules as parameters. */
const adam =
  ({ late = 0, inside = false, uncorrected = false, unscaled = false, plainDecay = false } = {}) =>
  (
    { w, m, v, t: count }: Adam,
    { gradient, curvature }: Slope,
    { delta, beta1, beta2, epsilon, decay }: Rates,
  ) => {
    const t = count + late;
    const k = unscaled ? 1 : 1 / (1 - beta1 ** t);
    const average = m.map((x, i) => beta1 * x + (1 - beta1) * gradient[i]!);
    const squares = v.map((x, i) => beta2 * x + (1 - beta2) * gradient[i]! ** 2);
    const D = squares.map((x) => {
      const corrected = uncorrected ? x : x / (1 - beta2 ** t);
      return inside ? Math.sqrt(corrected + epsilon) : Math.sqrt(corrected) + epsilon;
    });
    const c = delta * k * (1 - beta1);
    const pull = plainDecay ? 0 : delta * decay;
    // In u = D^½ s the system is symmetric, with the identity in it.
    const root = D.map((d) => Math.sqrt(d * (1 + pull)));
    const A = {
      apply(u: Vector) {
        const Hs = curvature.apply(u.map((x, i) => x / root[i]!));
        return u.map((x, i) => x + (c * Hs[i]!) / root[i]!);
      },
      dispose() {},
    };
    const b = w.map((x, i) => (-delta * (k * average[i]! + decay * D[i]! * x)) / root[i]!);
    const s = cg({ tolerance: 1e-13, maxIterations: 300 })
      .solveSync(A, b)
      .value.map((x, i) => x / root[i]!);
    const Hs = curvature.apply(s);
    return { w: add(w, 1, s), m: add(average, 1 - beta1, Hs), v: squares };
  };

/** What kinds-01 passes on, for a kind. */
const byKind =
  (loss: Kind['loss'], first: (classes: number) => tf.Tensor = (K) => tf.zeros([K])) =>
  async ({ losses, w, λ, train, validation }: Given) => {
    const kind: Kind = {
      name: 'classWeights',
      initial: () => ({ logits: first(λ.logits!.shape[0]!) }),
      loss: (...args) => tf.tidy(() => loss(...args)),
    };
    const problem = onBatches(bilevelProblem(losses, kind), { inner: train, outer: validation });
    const how = implicit({ solver: cg({ tolerance: 1e-6 }), estimate: false });
    const { value, adjoint } = await hypergradient(problem, w, λ, how);
    tf.dispose(adjoint);
    const at = tf.tidy(() => kind.loss(losses, w, λ, train));
    return { initial: kind.initial(w).logits, loss: at, value: value.logits };
  };
/** The mean of `c_y ℓ` for weights of the classes. */
const weighed =
  (weights: (logits: tf.Tensor) => tf.Tensor): Kind['loss'] =>
  (losses, w, λ, batch) => {
    const c = tf.reshape(
      tf.matMul(batch.y as tf.Tensor2D, tf.reshape(weights(λ.logits!), [-1, 1])),
      [-1],
    );
    return tf.mean(tf.mul(c, losses(w, batch)));
  };

/** stochastic-01 with batches, lengths and start as parameters. */
const sampled =
  ({
    batchOf = (k: number) => k,
    length = (alpha: number, k: number) => alpha / Math.sqrt(k),
    last = (steps: number) => steps + 1,
    direct = 0,
  } = {}) =>
  (batches: Batches, alpha: number, steps: number) => {
    const { w: b } = batches.outer(0);
    const lambda = direct === 0 ? batches.outer(0).lambda : batches.outer(direct).lambda;
    const q = Array.from(b, () => 0);
    const mean = new Float64Array(b.length);
    const skipped = steps >> 1;
    for (let k = 0; k < steps; k++) {
      const Hq = batches.hessian(batchOf(k + 1)).apply(Float64Array.from(q));
      b.forEach((value, i) => {
        q[i]! += length(alpha, k + 1) * (value - Hq[i]!);
        if (k >= skipped) mean[i]! += q[i]! / (steps - skipped);
      });
    }
    return add(lambda, -1, batches.mixedVjp(last(steps), mean));
  };

/** The state after t steps, from the start. */
const after = ({ start, eta, gradient }: Training, t: number) => {
  let w = start;
  for (let k = 0; k < t; k++) w = add(w, -eta, gradient(w));
  return w;
};
/** Reverse mode over the steps in `list`, from the last on; states are recomputed. */
const reversed = (problem: Training, list: number[], { moveFirst = false, half = 1 } = {}) => {
  const { eta, hessian, mixedTransposed, outer, steps } = problem;
  let { dlambda, dw: q } = outer(after(problem, steps));
  let deta = 0;
  for (const t of list) {
    const w = after(problem, t - 1);
    const moved = add(q, -eta, hessian(w, q));
    dlambda = add(dlambda, -eta * half, mixedTransposed(w, moveFirst ? moved : q));
    deta -= dot(moveFirst ? moved : q, problem.gradient(w));
    q = moved;
  }
  return { dlambda, dstart: q, deta };
};
const down = (from: number, count: number) => Array.from({ length: count }, (_, k) => from - k);

/** A whole run for each hyperparameter. */
const columnwise =
  ({ atEnd = false, start = 0, direct = 1 } = {}) =>
  (problem: Training) => {
    const { m, eta, steps, gradient, hessian, mixed, outer } = problem;
    const runs = Array.from({ length: m + 1 }, (_, j) => {
      let w = problem.start;
      let z: Vector = w.map(() => (j < m ? start : 0));
      for (let t = 0; t < steps; t++) {
        const slope = gradient(w);
        const next = add(w, -eta, slope);
        const at = atEnd ? next : w;
        const own = j < m ? mixed(at, unit(m, j)) : slope.map((x) => x / eta);
        z = add(add(z, -eta, hessian(at, z)), -eta, own);
        w = next;
      }
      const { dw, dlambda } = outer(w);
      return (j < m ? direct * dlambda[j]! : 0) + dot(dw, z);
    });
    return { dlambda: runs.slice(0, m), deta: runs[m] };
  };

/** curse-02 by pairs of value and slope, with individual rules as parameters. */
const chebyshev =
  ({
    first = 0.5,
    square = 4,
    rule = true,
    q = (P: number, dP: number, s: number) => P - s * dP,
  } = {}) =>
  (mu: number, L: number, t: number, spectrum: Vector) => {
    const sigma = (L + mu) / (L - mu);
    const omegas = [0, 0];
    for (let k = 2; k <= t; k++) {
      const before = k === 2 ? first * 4 : omegas[k - 1]!;
      omegas.push(1 / (1 - before / square / sigma ** 2));
    }
    const pairs = Array.from(spectrum, (s) => {
      const list = [
        [1, 0],
        [1 - (2 * s) / (L + mu), -2 / (L + mu)],
      ];
      for (let k = 2; k <= t; k++) {
        const [[a, da], [b, db]] = [
          list[k - 1] as [number, number],
          list[k - 2] as [number, number],
        ];
        const [x, dx] = list[1] as [number, number];
        const o = omegas[k]!;
        list.push([o * x * a + (1 - o) * b, o * (x * da + (rule ? dx * a : 0)) + (1 - o) * db]);
      }
      return list[t] as [number, number];
    });
    return {
      P: pairs.map(([P]) => P),
      dP: pairs.map(([, dP]) => dP),
      Q: pairs.map(([P, dP], i) => q(P, dP, spectrum[i]!)),
    };
  };

/** curse-03 in the powers of s, `P = 1 + Σ aₖ sᵏ`, which needs no condition. */
const powers =
  ({ slope = (nu: number) => nu, weight = (rho: number) => rho, bySlope = true } = {}) =>
  ({ s, weights }: Spectrum, nu: number, t: number, points: Vector) => {
    const unitOf = Math.max(...s);
    const k = Array.from({ length: t }, (_, i) => i + 1);
    const M = k.map(() => k.map(() => 0));
    const b = k.map(() => 0);
    s.forEach((x, q) => {
      const values = k.map((j) => (x / unitOf) ** j);
      const slopes = k.map((j) => (j / unitOf) * (x / unitOf) ** (j - 1));
      const rho = weight(weights[q]!);
      k.forEach((_, i) => {
        b[i]! -= rho * values[i]!;
        k.forEach((_, j) => {
          M[i]![j]! +=
            rho * values[i]! * values[j]! +
            (bySlope ? rho : 1) * slope(nu) * slopes[i]! * slopes[j]!;
        });
      });
    });
    const a = solveDense(M, b);
    return points.map((x) => a.reduce((sum, c, i) => sum + c * (x / unitOf) ** (i + 1), 1));
  };

/** choose-01 as nested conditions. */
const nested =
  ({
    exact = (k: Known) => k.wanted === 'solution' && k.stronglyConvex && !k.stochastic,
    fits = (states: number, memory: number) => states <= memory,
    root = (T: number) => 2 * Math.ceil(Math.sqrt(T)),
    tie = (m: number, T: number) => 1 + m < T,
  } = {}) =>
  (k: Known) => {
    const { steps: T, hyperparameters: m, memory } = k;
    if (exact(k)) return 'implicit';
    const can = {
      forward: fits(1 + m, memory),
      reverse: fits(T, memory),
      checkpoints: fits(root(T), memory),
    };
    if (m === 1 && can.forward && (!can.reverse || tie(m, T))) return 'forward';
    if (can.reverse) return 'reverse';
    if (m === 2 && can.forward && (!can.checkpoints || 1 + m < root(T))) return 'forward';
    if (m === 1 && can.forward) return 'forward';
    if (can.checkpoints) return 'checkpoints';
    return can.forward ? 'forward' : 'truncate';
  };

export const tries: readonly Try[] = [
  { id: 'adam-01', name: 'made symmetric by the root of D', answer: adam(), verdict: 'right' },
  {
    id: 'adam-01',
    name: 'the next t',
    answer: adam({ late: 1 }),
    verdict: 'property: satisfies the equation of the step',
  },
  {
    id: 'adam-01',
    name: 'ε under the root',
    answer: adam({ inside: true }),
    verdict: 'mistake: ε under the root',
  },
  {
    id: 'adam-01',
    name: 'v not corrected',
    answer: adam({ uncorrected: true }),
    verdict: 'mistake: the bias of the second average',
  },
  {
    id: 'adam-01',
    name: 'm not corrected',
    answer: adam({ unscaled: true }),
    verdict: 'mistake: the bias of the first average',
  },
  {
    id: 'adam-01',
    name: 'the decay explicit',
    answer: adam({ plainDecay: true }),
    verdict: 'mistake: the decay at the start',
  },
  {
    id: 'kinds-01',
    name: 'by exponentials over their mean',
    answer: byKind(weighed((l) => tf.div(tf.exp(l), tf.mean(tf.exp(l))))),
    verdict: 'right',
  },
  {
    id: 'kinds-01',
    name: 'by the labels, gathered',
    answer: byKind((losses, w, λ, batch) => {
      const c = tf.mul(λ.logits!.size, tf.softmax(λ.logits!));
      return tf.mean(tf.mul(tf.gather(c, tf.argMax(batch.y, 1)), losses(w, batch)));
    }),
    verdict: 'right',
  },
  {
    id: 'kinds-01',
    name: 'weights that sum to 1',
    answer: byKind(weighed((l) => tf.softmax(l))),
    verdict: 'mistake: a factor 1/K',
  },
  {
    id: 'kinds-01',
    name: 'the logits for weights',
    answer: byKind(weighed((l) => l)),
    verdict: 'differs',
  },
  {
    id: 'kinds-01',
    name: 'over the sum of the weights in the batch',
    answer: byKind((losses, w, λ, batch) => {
      const c = tf.sum(tf.mul(batch.y, tf.softmax(λ.logits!)), 1);
      return tf.div(tf.sum(tf.mul(c, losses(w, batch))), tf.sum(c)) as tf.Scalar;
    }),
    verdict: 'mistake: divided by the sum of the weights',
  },
  {
    id: 'kinds-01',
    name: 'the mean of the weights times the mean of the losses',
    answer: byKind((losses, w, λ, batch) => {
      const c = tf.mul(λ.logits!.size, tf.sum(tf.mul(batch.y, tf.softmax(λ.logits!)), 1));
      return tf.mul(tf.mean(c), tf.mean(losses(w, batch))) as tf.Scalar;
    }),
    verdict: 'mistake: one weight for the whole batch',
  },
  {
    id: 'kinds-01',
    name: 'begun at ones',
    answer: byKind(
      weighed((l) => tf.mul(l.size, tf.softmax(l))),
      (K) => tf.ones([K]),
    ),
    verdict: 'mistake: starts from ones',
  },
  {
    id: 'kinds-01',
    name: 'the sum for the mean',
    answer: byKind((losses, w, λ, batch) => {
      const c = tf.mul(λ.logits!.size, tf.sum(tf.mul(batch.y, tf.softmax(λ.logits!)), 1));
      return tf.sum(tf.mul(c, losses(w, batch))) as tf.Scalar;
    }),
    verdict: 'mistake: the sum over the examples',
  },
  {
    id: 'kinds-01',
    name: 'numbers read on the way',
    answer: byKind((losses, w, λ, batch) => {
      const numbers = tf.mul(λ.logits!.size, tf.softmax(λ.logits!)).dataSync();
      const c = tf.sum(tf.mul(batch.y, tf.tensor1d([...numbers])), 1);
      return tf.mean(tf.mul(c, losses(w, batch)));
    }),
    verdict: 'mistake: weights cut off from λ',
  },
  { id: 'stochastic-01', name: 'q as a plain array', answer: sampled(), verdict: 'right' },
  {
    id: 'stochastic-01',
    name: 'the batches from 0 on',
    answer: sampled({ batchOf: (k) => k - 1 }),
    verdict: "mistake: the outer gradient's batch used again",
  },
  {
    id: 'stochastic-01',
    name: 'lengths that fall as 1/k',
    answer: sampled({ length: (alpha, k) => alpha / k }),
    verdict: 'mistake: the lengths fall like 1/k',
  },
  {
    id: 'stochastic-01',
    name: 'one length for all steps',
    answer: sampled({ length: (alpha) => alpha }),
    verdict: 'mistake: steps of the same length',
  },
  {
    id: 'stochastic-01',
    name: 'the lengths one step late',
    answer: sampled({ length: (alpha, k) => alpha / Math.sqrt(k + 1) }),
    verdict: 'mistake: the steps are counted from 0',
  },
  {
    id: 'stochastic-01',
    name: 'B on the last batch of the Hessian',
    answer: sampled({ last: (steps) => steps }),
    verdict: 'mistake: B on the batch of a step',
  },
  {
    id: 'stochastic-01',
    name: 'the direct term on batch 1',
    answer: sampled({ direct: 1 }),
    verdict: 'differs',
  },
  {
    id: 'unroll-01',
    name: 'a run for each hyperparameter',
    answer: columnwise(),
    verdict: 'mistake: a run for each hyperparameter',
  },
  {
    id: 'unroll-01',
    name: 'derivatives where the step ends',
    answer: columnwise({ atEnd: true }),
    verdict: 'mistake: the derivatives are taken after the step',
  },
  {
    id: 'unroll-01',
    name: 'the direct term left out',
    answer: columnwise({ direct: 0 }),
    verdict: 'mistake: the direct term is missing',
  },
  {
    id: 'unroll-01',
    name: 'a start of ones for the Jacobian',
    answer: columnwise({ start: 1 }),
    verdict: 'differs',
  },
  {
    id: 'unroll-02',
    name: 'states made anew from the start',
    answer: (problem: Training) => reversed(problem, down(problem.steps, problem.steps)),
    verdict: 'mistake: states are computed from the beginning each time',
  },
  {
    id: 'unroll-02',
    name: 'q moved before it is used',
    answer: (problem: Training) =>
      reversed(problem, down(problem.steps, problem.steps), { moveFirst: true }),
    verdict: 'mistake: the adjoint is moved too early',
  },
  {
    id: 'unroll-02',
    name: 'from the first step to the last',
    answer: (problem: Training) => reversed(problem, down(problem.steps, problem.steps).reverse()),
    verdict: 'mistake: the steps are walked in forward order',
  },
  {
    id: 'unroll-02',
    name: 'half of B',
    answer: (problem: Training) =>
      reversed(problem, down(problem.steps, problem.steps), { half: 0.5 }),
    verdict: 'differs',
  },
  {
    id: 'unroll-03',
    name: 'states made anew from the start',
    answer: (problem: Training, K: number) => reversed(problem, down(problem.steps, K)).dlambda,
    verdict: 'property: takes each step once, or twice',
  },
  {
    id: 'unroll-03',
    name: 'the first K steps',
    answer: (problem: Training, K: number) => reversed(problem, down(K, K)).dlambda,
    verdict: 'mistake: the first steps instead of the last',
  },
  {
    id: 'unroll-03',
    name: 'one step fewer',
    answer: (problem: Training, K: number) => reversed(problem, down(problem.steps, K - 1)).dlambda,
    verdict: 'mistake: one step too few',
  },
  { id: 'curse-02', name: 'pairs of value and slope', answer: chebyshev(), verdict: 'right' },
  {
    id: 'curse-02',
    name: 'ω₂ by the general rule from 1',
    answer: chebyshev({ first: 0.25 }),
    verdict: 'mistake: the first ω',
  },
  { id: 'curse-02', name: '2σ² for 4σ²', answer: chebyshev({ square: 2 }), verdict: 'differs' },
  {
    id: 'curse-02',
    name: 'the product rule forgotten',
    answer: chebyshev({ rule: false }),
    verdict: 'mistake: the product rule',
  },
  {
    id: 'curse-02',
    name: 'P + sP′',
    answer: chebyshev({ q: (P, dP, s) => P + s * dP }),
    verdict: 'mistake: the sign in Q',
  },
  { id: 'curse-03', name: 'in powers of s', answer: powers(), verdict: 'right' },
  {
    id: 'curse-03',
    name: 'without slopes',
    answer: powers({ slope: () => 0 }),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'curse-03',
    name: 'slopes that count as much as values',
    answer: powers({ slope: () => 1 }),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'curse-03',
    name: 'ν squared',
    answer: powers({ slope: (nu) => nu * nu }),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'curse-03',
    name: 'the weights squared',
    answer: powers({ weight: (rho) => rho * rho }),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'curse-03',
    name: 'slopes without weights',
    answer: powers({ bySlope: false }),
    verdict: 'property: makes the sum as small as it can be',
  },
  {
    id: 'curse-03',
    name: 'the product of the roots',
    answer: ({ s }: Spectrum, _: number, t: number, points: Vector) =>
      points.map((x) => [...s].slice(0, t).reduce((product, root) => product * (1 - x / root), 1)),
    verdict: 'property: makes the sum as small as it can be',
  },
  { id: 'choose-01', name: 'nested conditions', answer: nested(), verdict: 'right' },
  {
    id: 'choose-01',
    name: 'less memory than is needed, strictly',
    answer: nested({ fits: (states, memory) => states < memory }),
    verdict: 'mistake: a way that just fits is refused',
  },
  {
    id: 'choose-01',
    name: 'the root rounded down',
    answer: nested({ root: (T) => 2 * Math.floor(Math.sqrt(T)) }),
    verdict: 'mistake: the root rounded down',
  },
  {
    id: 'choose-01',
    name: 'implicit wherever it exists',
    answer: nested({ exact: (k) => k.stronglyConvex && !k.stochastic }),
    verdict: 'mistake: implicit, whatever is wanted',
  },
  {
    id: 'choose-01',
    name: 'minibatches ignored',
    answer: nested({ exact: (k) => k.wanted === 'solution' && k.stronglyConvex }),
    verdict: 'mistake: minibatches are not asked for',
  },
  {
    id: 'choose-01',
    name: 'of equally fast ones always reverse',
    answer: nested({ tie: () => false }),
    verdict: 'property: takes the fastest way that fits',
  },
];
