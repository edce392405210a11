import type { Exercise } from '../exercise';
import { norm, randomVector } from '../linear';

/** What is known at the inner solution, with the adjoint solved for. */
interface Penalised {
  /** The weights, p numbers. */
  w: Float64Array;
  /** `A⁻¹ ∂g/∂w`, p numbers. */
  adjoint: Float64Array;
  /** The logarithms of h penalties. */
  theta: Float64Array;
  /** Which penalty each weight has, p whole numbers; −1 for none. */
  group: Int32Array;
  /** `∂g/∂θ`, h numbers. */
  outerTheta: Float64Array;
}

type Hypergradient = (given: Penalised) => Float64Array;

/** `direct + factor Σ e(θ_k) · pair(w_j, v_j)` over the weights j of each group k. */
function assembled(
  { w, adjoint, theta, group, outerTheta }: Penalised,
  {
    direct = 1,
    factor = -1,
    weight = Math.exp as (theta: number) => number,
    pair = (wj: number, vj: number) => wj * vj,
    mean = false,
  } = {},
): Float64Array {
  const sums = new Float64Array(theta.length);
  const counts = new Float64Array(theta.length);
  group.forEach((k, j) => {
    if (k < 0) return;
    sums[k]! += pair(w[j]!, adjoint[j]!);
    counts[k]! += 1;
  });
  return outerTheta.map((value, k) => {
    const sum = mean ? sums[k]! / Math.max(1, counts[k]!) : sums[k]!;
    return direct * value + factor * weight(theta[k]!) * sum;
  });
}

function penalised(seed: number, group: number[], h: number): Penalised {
  return {
    w: randomVector(seed, group.length),
    adjoint: randomVector(seed + 1, group.length),
    theta: randomVector(seed + 2, h, 0.7).map((x) => x - 0.5),
    group: Int32Array.from(group),
    outerTheta: randomVector(seed + 3, h),
  };
}

export const exercise: Exercise<Hypergradient> = {
  id: 'mixed-01',
  lesson: '10',
  title: 'The mixed product of logarithmic penalties',
  difficulty: 2,
  minutes: 20,
  needs: ['10', 'ift-01'],
  reference: (given) => assembled(given),
  probes: [
    { name: 'one penalty a weight', args: () => [penalised(10, [0, 1, 2, 3], 4)] },
    { name: 'grouped', args: () => [penalised(20, [2, 0, 1, 1, 0, 2, 2, -1], 3)] },
    { name: 'one for all', args: () => [penalised(30, [0, 0, 0, 0, 0], 1)] },
    { name: 'a penalty without weights', args: () => [penalised(40, [0, -1, 2, 0], 3)] },
  ],
  properties: [
    {
      name: 'is linear in the adjoint',
      async complaint({ args: [given], result, answer }) {
        const double = await answer({ ...given, adjoint: given.adjoint.map((v) => 2 * v) });
        const none = await answer({ ...given, adjoint: given.adjoint.map(() => 0) });
        const off = norm(result.map((x, k) => double[k]! - 2 * x + none[k]!));
        return off > 1e-9 * (1 + norm(result))
          ? `When the adjoint is doubled, the implicit part is not: the difference has the length ${off.toPrecision(3)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the factor of the exponential',
      answer: (given) => assembled(given, { weight: () => 1 }),
      diagnosis:
        'That is the derivative by $\\lambda = e^\\theta$, not by $\\theta$. The chain rule brings the factor $\\mathrm d\\lambda/\\mathrm d\\theta = e^\\theta$.',
    },
    {
      name: 'divided by the penalty',
      answer: (given) => assembled(given, { weight: (theta) => Math.exp(-theta) }),
      diagnosis:
        'The factor is $e^{-\\theta}$: the chain rule was used the wrong way round. A strong penalty reacts strongly to a change of its logarithm.',
    },
    {
      name: 'the penalty is the logarithm',
      answer: (given) => assembled(given, { weight: (theta) => theta }),
      diagnosis:
        'The factor is $\\theta$ itself. $\\theta$ is the *logarithm* of the penalty and may be negative; the penalty is $e^\\theta$.',
    },
    {
      name: 'the sign',
      answer: (given) => assembled(given, { factor: 1 }),
      diagnosis:
        'The implicit part is added. $\\mathrm dg/\\mathrm d\\theta = \\partial_\\theta g - B^\\top v$: a stronger penalty shrinks the weights.',
    },
    {
      name: 'the direct term is missing',
      answer: (given) => assembled(given, { direct: 0 }),
      diagnosis:
        'Only the way through the weights is there. Here $g$ depends on $\\theta$ itself, too: that is `outerTheta`.',
    },
    {
      name: 'the derivative of f instead of its gradient',
      answer: (given) => assembled(given, { factor: -0.5, pair: (wj) => wj * wj }),
      diagnosis:
        'That is $\\partial f/\\partial\\theta = \\frac12 e^\\theta \\sum w^2$. What is wanted is how the *gradient* $\\nabla_w f$ depends on $\\theta$, paired with the adjoint: one factor $w$ becomes $v$, and the $\\frac12$ goes.',
    },
    {
      name: 'a factor of one half',
      answer: (given) => assembled(given, { factor: -0.5 }),
      diagnosis:
        'The implicit part is half as large as it should be. The $\\frac12$ of $\\frac12 e^\\theta w^2$ is gone once it has been differentiated by $w$.',
    },
    {
      name: 'the mean over a group',
      answer: (given) => assembled(given, { mean: true }),
      diagnosis:
        'The weights of a group are averaged. One $\\theta$ acts on all of them: in the chain rule its effects *add up*. (In reverse mode, sharing forwards is summing backwards.)',
    },
  ],
  alternatives: [
    {
      name: 'B formed as a matrix',
      answer({ w, adjoint, theta, group, outerTheta }) {
        const B = Array.from(w, (wj, j) =>
          Array.from(theta, (t, k) => (group[j] === k ? Math.exp(t) * wj : 0)),
        );
        return Array.from(
          outerTheta,
          (direct, k) => direct - B.reduce((sum, row, j) => sum + row[k]! * adjoint[j]!, 0),
        );
      },
    },
    {
      name: 'a difference of ∂f/∂θ along the adjoint',
      answer({ w, adjoint, theta, group, outerTheta }) {
        const slope = (at: (j: number) => number) =>
          theta.map((t, k) =>
            w.reduce((sum, _, j) => sum + (group[j] === k ? (Math.exp(t) * at(j) ** 2) / 2 : 0), 0),
          );
        const plus = slope((j) => w[j]! + adjoint[j]!);
        const minus = slope((j) => w[j]! - adjoint[j]!);
        return outerTheta.map((direct, k) => direct - (plus[k]! - minus[k]!) / 2);
      },
    },
    {
      name: 'asynchronous, one group after the other',
      async answer({ w, adjoint, theta, group, outerTheta }) {
        const result = outerTheta.slice();
        for (const [k, t] of theta.entries()) {
          const members = [...group.keys()].filter((j) => group[j] === k);
          result[k]! -= Math.exp(t) * members.reduce((sum, j) => sum + w[j]! * adjoint[j]!, 0);
        }
        return result;
      },
    },
  ],
  hints: [
    'Write down $\\partial f/\\partial w_j$ first, then see in which entries $\\theta_k$ occurs. $B^\\top v$ is the derivative by $\\theta$ of the number $\\sum_j v_j\\, \\partial f/\\partial w_j$.',
    '$\\partial f/\\partial w_j = \\partial\\ell/\\partial w_j + e^{\\theta_{k(j)}} w_j$, so $(B^\\top v)_k = e^{\\theta_k} \\sum_{j:\\,k(j) = k} w_j v_j$, and $\\mathrm dg/\\mathrm d\\theta_k = \\partial g/\\partial\\theta_k - (B^\\top v)_k$.',
    'Start from the direct term and let each weight subtract its share:\n```ts\nconst result = outerTheta.slice();\ngroup.forEach((k, j) => {\n  if (k >= 0) result[k] -= // the share of weight j\n});\nreturn result;\n```',
  ],
};
