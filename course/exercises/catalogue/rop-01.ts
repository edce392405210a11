import type { Exercise } from '../exercise';
import { type Matrix, multiply, randomMatrix, randomVector, transposed } from '../linear';

/** The weights of `hₜ = tanh(W hₜ₋₁ + U xₜ)`, or a direction for them. */
interface Weights {
  W: Matrix;
  U: Matrix;
}

/** A sequence, and the loss at its end: `ℓ = ½ ‖h_T − y‖²`. */
interface Sequence {
  /** `x₁ … x_T`. */
  inputs: number[][];
  target: number[];
}

type HessianProduct = (weights: Weights, sequence: Sequence, direction: Weights) => Weights;

const add = (...vectors: ArrayLike<number>[]) =>
  Array.from(vectors[0]!, (_, i) => vectors.reduce((sum, v) => sum + v[i]!, 0));

const times = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a, (x, i) => x * b[i]!);

const outer = (a: ArrayLike<number>, b: ArrayLike<number>): Matrix =>
  Array.from(a, (x) => Array.from(b, (y) => x * y));

const plus = (A: Matrix, B: Matrix): Matrix => A.map((row, i) => row.map((m, j) => m + B[i]![j]!));

const zeros = (M: Matrix): Matrix => M.map((row) => row.map(() => 0));

/** Which of the terms of the R-operator are there; mutants leave one out. */
interface Terms {
  /** σ″ in R{e}, by h and the slope; −2h · slope is right. */
  bend(h: number, slope: number): number;
  /** The matrix that leads one step back in time; Wᵀ is right. */
  back(W: Matrix): Matrix;
  /** Ẇᵀe in R{g}. */
  weightsBackwards: boolean;
  /** e R{h}ᵀ in the product for W. */
  statesInProduct: boolean;
  /** W R{h} in R{z}. */
  statesForwards: boolean;
  /** U̇ x in R{z}. */
  inputs: boolean;
  /** Whether R{∂ℓ/∂h_T} = R{h_T} is there. */
  loss: boolean;
  /** The state in the products for W: −1 for that before the step, 0, wrongly, for that after it. */
  state: -1 | 0;
  /** Steps back through time that are summed; all by default. */
  depth: number;
}

const all: Terms = {
  bend: (h, slope) => -2 * h * slope,
  back: transposed,
  weightsBackwards: true,
  statesInProduct: true,
  statesForwards: true,
  inputs: true,
  loss: true,
  state: -1,
  depth: Number.POSITIVE_INFINITY,
};

function hessianProduct(
  { W, U }: Weights,
  { inputs, target }: Sequence,
  direction: Weights,
  changed: Partial<Terms> = {},
): Weights {
  const terms = { ...all, ...changed };
  const still = W.map(() => 0);
  const h: number[][] = [still];
  const Rh: number[][] = [still];
  const Rz: number[][] = [still];
  for (const [index, x] of inputs.entries()) {
    const before = h[index]!;
    const z = add(multiply(W, before), multiply(U, x));
    const state = z.map(Math.tanh);
    const R = add(
      multiply(direction.W, before),
      terms.statesForwards ? multiply(W, Rh[index]!) : still,
      terms.inputs ? multiply(direction.U, x) : still,
    );
    h.push(state);
    Rz.push(R);
    Rh.push(state.map((value, i) => (1 - value * value) * R[i]!));
  }
  const T = inputs.length;
  let g = h[T]!.map((value, i) => value - target[i]!);
  let Rg = terms.loss ? Rh[T]! : still;
  let HW = zeros(W);
  let HU = zeros(U);
  for (let t = T; t >= 1 && T - t < terms.depth; t--) {
    const slope = h[t]!.map((value) => 1 - value * value);
    const delta = times(slope, g);
    const bend = h[t]!.map((value, i) => terms.bend(value, slope[i]!) * Rz[t]![i]! * g[i]!);
    const Rdelta = add(bend, times(slope, Rg));
    HW = plus(HW, outer(Rdelta, h[t + terms.state]!));
    if (terms.statesInProduct) HW = plus(HW, outer(delta, Rh[t + terms.state]!));
    HU = plus(HU, outer(Rdelta, inputs[t - 1]!));
    g = [...multiply(terms.back(W), delta)];
    Rg = add(
      multiply(terms.back(W), Rdelta),
      terms.weightsBackwards ? multiply(terms.back(direction.W), delta) : still,
    );
  }
  return { W: HW, U: HU };
}

/** The gradient by backpropagation through time; written for any numbers, complex ones too. */
function gradient({ W, U }: Weights, { inputs, target }: Sequence): Weights {
  const h: number[][] = [W.map(() => 0)];
  for (const x of inputs) {
    h.push(add(multiply(W, h.at(-1)!), multiply(U, x)).map(Math.tanh));
  }
  let g = h.at(-1)!.map((value, i) => value - target[i]!);
  let [GW, GU] = [zeros(W), zeros(U)];
  for (let t = inputs.length; t >= 1; t--) {
    const delta = h[t]!.map((value, i) => (1 - value * value) * g[i]!);
    GW = plus(GW, outer(delta, h[t - 1]!));
    GU = plus(GU, outer(delta, inputs[t - 1]!));
    g = [...multiply(transposed(W), delta)];
  }
  return { W: GW, U: GU };
}

/** `x + t v` for both matrices. */
const along = (x: Weights, v: Weights, t: number): Weights => ({
  W: x.W.map((row, i) => row.map((m, j) => m + t * v.W[i]![j]!)),
  U: x.U.map((row, i) => row.map((m, j) => m + t * v.U[i]![j]!)),
});

/** Richardson's extrapolation of central differences: an error of order t⁴. */
function difference(weights: Weights, sequence: Sequence, direction: Weights): Weights {
  const central = (t: number) => {
    const above = gradient(along(weights, direction, t), sequence);
    const below = gradient(along(weights, direction, -t), sequence);
    const quotient = (A: Matrix, B: Matrix) =>
      A.map((row, i) => row.map((m, j) => (m - B[i]![j]!) / (2 * t)));
    return { W: quotient(above.W, below.W), U: quotient(above.U, below.U) };
  };
  const [coarse, fine] = [central(2e-3), central(1e-3)];
  const better = (A: Matrix, B: Matrix) =>
    A.map((row, i) => row.map((m, j) => (4 * m - B[i]![j]!) / 3));
  return { W: better(fine.W, coarse.W), U: better(fine.U, coarse.U) };
}

function problem(seed: number, n: number, features: number, T: number) {
  const weights = (from: number, scale: number): Weights => ({
    W: randomMatrix(from, n, n, scale / Math.sqrt(n)),
    U: randomMatrix(from + 1, n, features, scale / Math.sqrt(features)),
  });
  const sequence: Sequence = {
    inputs: Array.from({ length: T }, (_, t) => [...randomVector(seed + 10 + t, features)]),
    target: [...randomVector(seed + 5, n)],
  };
  return [weights(seed, 1), sequence, weights(seed + 2, 1)] as [Weights, Sequence, Weights];
}

export const exercise: Exercise<HessianProduct> = {
  id: 'rop-01',
  lesson: '06',
  title: 'The R-operator through time',
  difficulty: 3,
  minutes: 40,
  needs: ['06', 'backprop-01'],
  reference: (weights, sequence, direction) => hessianProduct(weights, sequence, direction),
  probes: [
    { name: 'four steps', args: () => problem(100, 3, 2, 4) },
    { name: 'one step', args: () => problem(200, 3, 2, 1) },
    { name: 'seven steps', args: () => problem(300, 2, 4, 7) },
  ],
  fresh: (seed) => problem(seed, 3, 2, 4),
  tolerance: 1e-6,
  properties: [
    {
      name: 'is linear in the direction',
      async complaint({ args: [weights, sequence, direction], result, answer }) {
        const twice = await answer(
          weights,
          sequence,
          along({ W: zeros(direction.W), U: zeros(direction.U) }, direction, 2),
        );
        const gap = Math.max(
          ...twice.W.flatMap((row, i) => row.map((m, j) => Math.abs(m - 2 * result.W[i]![j]!))),
        );
        return gap > 1e-6
          ? `Twice the direction changes the result by ${gap.toPrecision(2)} more than twice.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the term with σ″',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { bend: () => 0 }),
      diagnosis:
        'In $e_t = (1 - h_t^2) \\odot g_t$ both factors change with the weights. $R\\{1 - h_t^2\\} = -2h_t \\odot R\\{h_t\\}$ is missing.',
    },
    {
      name: 'the sign of σ″',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { bend: (h, slope) => 2 * h * slope }),
      diagnosis:
        "The term with $\\sigma''$ has the opposite sign: $R\\{1 - h_t^2\\} = -2h_t \\odot R\\{h_t\\}$.",
    },
    {
      name: 'the slope twice',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, {
          bend: (h, slope) => -2 * h * slope ** 2,
        }),
      diagnosis:
        "In the term with $\\sigma''$ the slope $1 - h_t^2$ stands twice. $R\\{h_t\\}$ contains it already: $-2h_t \\odot R\\{h_t\\} \\odot g_t$.",
    },
    {
      name: 'the slope is missing in σ″',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { bend: (h) => -2 * h }),
      diagnosis:
        "The term with $\\sigma''$ has $R\\{z_t\\}$ where $R\\{h_t\\}$ belongs: $1 - h_t^2$ is differentiated with respect to $h_t$, and $h_t$ changes by $R\\{h_t\\}$.",
    },
    {
      name: 'W is not transposed on the way back',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { back: (W) => W }),
      diagnosis:
        'Backwards, $W$ and $\\dot W$ are applied as they are. $g_{t-1} = W^\\top e_t$; $W$ is square, so the sizes do not tell.',
    },
    {
      name: 'the term with Ẇ on the way back',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { weightsBackwards: false }),
      diagnosis:
        'Backwards, $g_{t-1} = W^\\top e_t$ is a product of two things that change. $W^\\top R\\{e_t\\}$ is there, the other half is not.',
    },
    {
      name: 'the change of the states in the product for W',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { statesInProduct: false }),
      diagnosis:
        'The gradient for $W$ is $\\sum_t e_t h_{t-1}^\\top$: a product again. $R\\{e_t\\}h_{t-1}^\\top$ is there, $e_t R\\{h_{t-1}\\}^\\top$ is not. With a single step the two cannot be told apart, since $h_0 = 0$ does not change.',
    },
    {
      name: 'the state after the step in the product for W',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { state: 0 }),
      diagnosis:
        'The part for $U$ is right. In that for $W$ the outer products are taken with $h_t$: $z_t = Wh_{t-1} + Ux_t$, so $W$ meets the state *before* the step.',
    },
    {
      name: 'the Gauss–Newton product',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, {
          bend: () => 0,
          weightsBackwards: false,
          statesInProduct: false,
        }),
      diagnosis:
        'All three terms are missing that make the difference between Hessian and Gauss–Newton. A useful matrix, but another one.',
    },
    {
      name: 'the states do not pass their change on',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { statesForwards: false }),
      diagnosis:
        'Forwards, $R\\{z_t\\}$ has only the direct effect of the weights at time $t$. What they did at earlier times arrives as $W R\\{h_{t-1}\\}$.',
    },
    {
      name: 'the direction of U is forgotten',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { inputs: false }),
      diagnosis: '$\\dot U x_t$ is missing in $R\\{z_t\\}$: the direction moves both matrices.',
    },
    {
      name: 'the loss does not bend',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { loss: false }),
      diagnosis:
        '$R\\{g_T\\}$ begins at 0. The gradient of the loss by the last state, $g_T = h_T - y$, changes when $h_T$ does.',
    },
    {
      name: 'only the last step',
      answer: (weights, sequence, direction) =>
        hessianProduct(weights, sequence, direction, { depth: 1 }),
      diagnosis:
        'Only the last time step contributes. The same weights are used at every step, and the products for all of them are added up.',
    },
    {
      name: 'the gradient instead of a product',
      answer: (weights, sequence) => gradient(weights, sequence),
      diagnosis:
        'This is the gradient itself; the direction was not used. Wanted is how the gradient changes along the direction.',
    },
  ],
  alternatives: [
    {
      name: 'as differences of the gradient, extrapolated',
      answer: difference,
    },
    {
      name: 'with numbers that carry their derivative',
      answer({ W, U }, { inputs, target }, direction) {
        type Dual = [number, number];
        const sum = (terms: Dual[]): Dual =>
          terms.reduce(([a, b], [c, d]) => [a + c, b + d] as Dual, [0, 0]);
        const mul = ([a, b]: Dual, [c, d]: Dual): Dual => [a * c, a * d + b * c];
        const dual = (M: Matrix, V: Matrix): Dual[][] =>
          M.map((row, i) => row.map((m, j) => [m, V[i]![j]!]));
        const [w, u] = [dual(W, direction.W), dual(U, direction.U)];
        const tanh = ([a, b]: Dual): Dual => [Math.tanh(a), (1 - Math.tanh(a) ** 2) * b];
        const h: Dual[][] = [W.map(() => [0, 0])];
        for (const x of inputs) {
          const before = h.at(-1)!;
          h.push(
            w.map((row, i) =>
              tanh(
                sum([
                  ...row.map((value, j) => mul(value, before[j]!)),
                  ...u[i]!.map((value, j) => mul(value, [x[j]!, 0])),
                ]),
              ),
            ),
          );
        }
        let g = h.at(-1)!.map(([a, b], i): Dual => [a - target[i]!, b]);
        const result = { W: zeros(W), U: zeros(U) };
        for (let t = inputs.length; t >= 1; t--) {
          const delta = h[t]!.map((value, i) => {
            const [a, b] = mul(value, value);
            return mul([1 - a, -b], g[i]!);
          });
          delta.forEach((d, i) => {
            h[t - 1]!.forEach((value, j) => {
              result.W[i]![j]! += mul(d, value)[1];
            });
            inputs[t - 1]!.forEach((x, j) => {
              result.U[i]![j]! += d[1] * x;
            });
          });
          g = g.map((_, j) => sum(delta.map((d, i) => mul(d, w[i]![j]!))));
        }
        return result;
      },
    },
  ],
  hints: [
    'First write the gradient by backpropagation through time: one walk forwards that keeps the states, one back. Then differentiate *every line* of it along the direction. A product of two things gives two terms.',
    'Forwards: $R\\{z_t\\} = \\dot W h_{t-1} + W R\\{h_{t-1}\\} + \\dot U x_t$, $R\\{h_t\\} = (1 - h_t^2) \\odot R\\{z_t\\}$. Backwards, from $g_T = h_T - y$, $R\\{g_T\\} = R\\{h_T\\}$: $R\\{e_t\\} = -2h_t \\odot R\\{h_t\\} \\odot g_t + (1 - h_t^2) \\odot R\\{g_t\\}$, and $R\\{g_{t-1}\\} = \\dot W^\\top e_t + W^\\top R\\{e_t\\}$.',
    'What is added up at each step on the way back, with `g` and `Rg` carried along:\n```ts\nconst slope = h[t].map((value) => 1 - value * value);\nconst e = slope.map((s, i) => s * g[i]);\nconst Re = slope.map((s, i) => -2 * h[t][i] * Rh[t][i] * g[i] + s * Rg[i]);\n// W: outer(Re, h[t - 1]) and one more outer product\n// U: outer(Re, inputs[t - 1])\n// then g and Rg of the step before\n```',
  ],
};
