import type { Exercise } from '../exercise';
import { norm, randomVector } from '../linear';

/** Two weights that are held together, and the penalty on their difference. */
interface Tie {
  i: number;
  j: number;
  /** Which of the m penalties. */
  k: number;
}

/** What is known at the inner solution, with the adjoint solved for. */
interface Tied {
  /** The weights, p numbers. */
  w: Float64Array;
  /** `H⁻¹ ∂E/∂w`, p numbers. */
  adjoint: Float64Array;
  /** The logarithms of m penalties. */
  lambda: Float64Array;
  ties: Tie[];
  /** `∂E/∂λ`, m numbers. */
  outerLambda: Float64Array;
}

type Hypergradient = (given: Tied) => Float64Array;

/** The weights and the adjoints at both ends of a tie. */
type Pair = (wi: number, wj: number, qi: number, qj: number) => number;

/** `direct + factor Σ e(λ_k) · pair(…)` over the ties of each penalty k. */
function assembled(
  { w, adjoint: q, lambda, ties, outerLambda }: Tied,
  {
    direct = 1,
    factor = -1,
    weight = Math.exp as (lambda: number) => number,
    pair = ((wi, wj, qi, qj) => (wi - wj) * (qi - qj)) as Pair,
    mean = false,
  } = {},
): Float64Array {
  const sums = new Float64Array(lambda.length);
  const counts = new Float64Array(lambda.length);
  for (const { i, j, k } of ties) {
    sums[k]! += pair(w[i]!, w[j]!, q[i]!, q[j]!);
    counts[k]! += 1;
  }
  return outerLambda.map((value, k) => {
    const sum = mean ? sums[k]! / Math.max(1, counts[k]!) : sums[k]!;
    return direct * value + factor * weight(lambda[k]!) * sum;
  });
}

/** `change` what is there by the share of each tie, one after the other. */
function walked(
  { w, adjoint: q, lambda, ties, outerLambda }: Tied,
  change: (before: number, share: number, k: number) => number,
  penalty: (tie: Tie, at: number) => number = ({ k }) => lambda[k]!,
): Float64Array {
  const result = outerLambda.slice();
  for (const [at, tie] of ties.entries()) {
    const { i, j, k } = tie;
    const share = Math.exp(penalty(tie, at)) * (w[i]! - w[j]!) * (q[i]! - q[j]!);
    result[k] = change(result[k]!, share, k);
  }
  return result;
}

function tied(seed: number, p: number, m: number, ties: [i: number, j: number, k: number][]): Tied {
  return {
    w: randomVector(seed, p),
    adjoint: randomVector(seed + 1, p),
    lambda: randomVector(seed + 2, m, 0.7).map((x) => x - 0.5),
    ties: ties.map(([i, j, k]) => ({ i, j, k })),
    outerLambda: randomVector(seed + 3, m),
  };
}

const chain: [number, number, number][] = [
  [0, 1, 0],
  [1, 2, 1],
  [3, 2, 2],
];
const grouped: [number, number, number][] = [
  [0, 4, 1],
  [5, 1, 0],
  [2, 6, 1],
  [3, 0, 2],
  [4, 1, 0],
  [6, 5, 1],
];
const star: [number, number, number][] = [
  [4, 0, 0],
  [1, 4, 0],
  [2, 4, 0],
  [4, 3, 0],
];
const withoutTies: [number, number, number][] = [
  [1, 3, 3],
  [5, 2, 0],
];

export const exercise: Exercise<Hypergradient> = {
  id: 'mixed-01',
  lesson: '10',
  title: 'The mixed product of penalties on differences',
  difficulty: 2,
  minutes: 20,
  needs: ['10', 'ift-01'],
  reference: (given) => assembled(given),
  probes: [
    { name: 'chain', args: () => [tied(10, 4, 3, chain)] },
    { name: 'grouped', args: () => [tied(20, 7, 3, grouped)] },
    { name: 'one penalty for all', args: () => [tied(30, 5, 1, star)] },
    { name: 'penalties without ties', args: () => [tied(40, 6, 4, withoutTies)] },
  ],
  fresh: (seed) => [tied(seed, 7, 3, grouped)],
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
      name: 'a penalty on each weight instead of the difference',
      answer: (given) => assembled(given, { pair: (wi, wj, qi, qj) => wi * qi + wj * qj }),
      diagnosis:
        'Each weight of a tie is paired with its own adjoint, as if the penalty pulled it to 0. Here it pulls the two weights to each other: $\\partial f/\\partial w_i$ contains $w_j$, too.',
    },
    {
      name: 'one end of the tie only',
      answer: (given) => assembled(given, { pair: (wi, wj, qi) => (wi - wj) * qi }),
      diagnosis:
        'The difference is paired with the adjoint of its first weight alone. It depends on both weights, so the penalty has a share in $\\partial f/\\partial w_j$ as well.',
    },
    {
      name: 'the other end of the tie only',
      answer: (given) => assembled(given, { pair: (wi, wj, _, qj) => -(wi - wj) * qj }),
      diagnosis:
        'The difference is paired with the adjoint of its second weight alone. It depends on both weights, so the penalty has a share in $\\partial f/\\partial w_i$ as well.',
    },
    {
      name: 'the same sign at both ends',
      answer: (given) => assembled(given, { pair: (wi, wj, qi, qj) => (wi - wj) * (qi + qj) }),
      diagnosis:
        'Both weights of a tie are pushed the same way. The derivative of $\\frac12(w_i - w_j)^2$ with respect to $w_j$ has the opposite sign of that with respect to $w_i$.',
    },
    {
      name: 'the sum of a tie instead of its difference',
      answer: (given) => assembled(given, { pair: (wi, wj, qi, qj) => (wi + wj) * (qi + qj) }),
      diagnosis:
        'This is the mixed product of penalties on $w_i + w_j$. The task penalises differences: where the two weights are equal, nothing is left.',
    },
    {
      name: 'the sum of the weights, the difference of the adjoints',
      answer: (given) => assembled(given, { pair: (wi, wj, qi, qj) => (wi + wj) * (qi - qj) }),
      diagnosis:
        'The adjoints are subtracted and the weights added. The gradient of a penalty on $w_i - w_j$ has the factor $w_i - w_j$.',
    },
    {
      name: 'each tie counted from both ends',
      answer: (given) => assembled(given, { factor: -2 }),
      diagnosis:
        'The implicit part is twice as large as it should be: each tie was counted once from $i$ and once from $j$, or the $\\frac12$ of the penalty was left out. $(w_i - w_j)(q_i - q_j)$ holds both ends already.',
    },
    {
      name: 'the factor of the exponential',
      answer: (given) => assembled(given, { weight: () => 1 }),
      diagnosis:
        'That is the derivative with respect to the penalty $\\beta = e^\\lambda$, not to $\\lambda$. The chain rule brings the factor $\\mathrm d\\beta/\\mathrm d\\lambda = e^\\lambda$.',
    },
    {
      name: 'divided by the penalty',
      answer: (given) => assembled(given, { weight: (lambda) => Math.exp(-lambda) }),
      diagnosis:
        'The factor is $e^{-\\lambda}$: the chain rule was used the wrong way round. A strong penalty reacts strongly to a change of its logarithm.',
    },
    {
      name: 'the index of the tie for that of the penalty',
      answer: (given) =>
        walked(
          given,
          (before, share) => before - share,
          (_, at) => given.lambda[at] as number,
        ),
      diagnosis:
        'The penalties are read in the order of the ties, entry 0 for the first tie. Each tie names its penalty, `k`; where there are more ties than penalties, your index runs past the end of `lambda`, which makes NaN.',
    },
    {
      name: 'the last tie of a penalty instead of the sum',
      answer: (given) => walked(given, (_, share, k) => given.outerLambda[k]! - share),
      diagnosis:
        'Each tie overwrites what the one before has left: `=` where `-=` belongs. The effects of one penalty on all of its ties add up.',
    },
    {
      name: 'the last tie of a penalty, without the direct term',
      answer: (given) => walked(given, (_, share) => -share),
      diagnosis:
        'Each tie overwrites what was there, the direct term and the ties before: `=` where `-=` belongs.',
    },
    {
      name: 'the penalty is the logarithm',
      answer: (given) => assembled(given, { weight: (lambda) => lambda }),
      diagnosis:
        'The factor is $\\lambda$ itself. $\\lambda$ is the *logarithm* of the penalty and may be negative; the penalty is $e^\\lambda$.',
    },
    {
      name: 'the sign',
      answer: (given) => assembled(given, { factor: 1 }),
      diagnosis:
        'The implicit part is added. $\\mathrm dE/\\mathrm d\\lambda = \\partial_\\lambda E - B^\\top q$: a stronger penalty pulls the weights of a tie together.',
    },
    {
      name: 'the direct term is missing',
      answer: (given) => assembled(given, { direct: 0 }),
      diagnosis:
        'Only the way through the weights is there. Here $E$ depends on $\\lambda$ itself, too: that is `outerLambda`.',
    },
    {
      name: 'the derivative of f instead of its gradient',
      answer: (given) => assembled(given, { factor: -0.5, pair: (wi, wj) => (wi - wj) ** 2 }),
      diagnosis:
        'That is $\\partial f/\\partial\\lambda = \\frac12 e^\\lambda \\sum (w_i - w_j)^2$. What is wanted is how the *gradient* $\\nabla_w f$ depends on $\\lambda$, paired with the adjoint.',
    },
    {
      name: 'a factor of one half',
      answer: (given) => assembled(given, { factor: -0.5 }),
      diagnosis:
        'The implicit part is half as large as it should be. The $\\frac12$ of $\\frac12 e^\\lambda (w_i - w_j)^2$ is gone once it has been differentiated with respect to $w$.',
    },
    {
      name: 'the mean over the ties',
      answer: (given) => assembled(given, { mean: true }),
      diagnosis:
        'The ties of a penalty are averaged. One $\\lambda$ acts on all of them: in the chain rule its effects *add up*. (In reverse mode, sharing forwards is summing backwards.)',
    },
  ],
  alternatives: [
    {
      name: 'B formed as a matrix',
      answer({ w, adjoint, lambda, ties, outerLambda }) {
        const B = Array.from(w, () => Array.from(lambda, () => 0));
        for (const { i, j, k } of ties) {
          const pull = Math.exp(lambda[k]!) * (w[i]! - w[j]!);
          B[i]![k]! += pull;
          B[j]![k]! -= pull;
        }
        return Array.from(
          outerLambda,
          (direct, k) => direct - B.reduce((sum, row, i) => sum + row[k]! * adjoint[i]!, 0),
        );
      },
    },
    {
      name: 'a difference of ∂f/∂λ along the adjoint',
      answer({ w, adjoint, lambda, ties, outerLambda }) {
        const slope = (at: Float64Array) => {
          const sums = new Float64Array(lambda.length);
          for (const { i, j, k } of ties)
            sums[k]! += (Math.exp(lambda[k]!) * (at[i]! - at[j]!) ** 2) / 2;
          return sums;
        };
        const plus = slope(w.map((x, i) => x + adjoint[i]!));
        const minus = slope(w.map((x, i) => x - adjoint[i]!));
        return outerLambda.map((direct, k) => direct - (plus[k]! - minus[k]!) / 2);
      },
    },
    {
      name: 'asynchronous, by the Laplacian of each penalty',
      async answer({ w, adjoint, lambda, ties, outerLambda }) {
        return outerLambda.map((direct, k) => {
          const laplacian = w.map(() => 0);
          for (const tie of ties.filter((one) => one.k === k)) {
            laplacian[tie.i]! += w[tie.i]! - w[tie.j]!;
            laplacian[tie.j]! += w[tie.j]! - w[tie.i]!;
          }
          return (
            direct -
            Math.exp(lambda[k]!) * laplacian.reduce((sum, x, i) => sum + x * adjoint[i]!, 0)
          );
        });
      },
    },
  ],
  hints: [
    'Write down what one tie contributes to $\\partial f/\\partial w_i$ and to $\\partial f/\\partial w_j$ first. $B^\\top q$ is the derivative with respect to $\\lambda$ of the number $\\sum_l q_l\\, \\partial f/\\partial w_l$.',
    'A tie adds $e^{\\lambda_k}(w_i - w_j)$ to $\\partial f/\\partial w_i$, and its negative to $\\partial f/\\partial w_j$. Pair the two with $q_i$ and $q_j$, and add up over the ties of penalty $k$.',
    'Start from the direct term and let each tie subtract its share:\n```ts\nconst result = outerLambda.slice();\nfor (const { i, j, k } of ties) {\n  result[k] -= // the share of this tie\n}\nreturn result;\n```',
  ],
};
