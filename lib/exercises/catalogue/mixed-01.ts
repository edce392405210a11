import type { Exercise } from '../exercise';
import { norm, randomVector } from '../linear';

/** What is known at the inner solution, with the adjoint solved for. */
interface Penalised {
  /** The weights, p numbers. */
  w: Float64Array;
  /** Where each penalty pulls its weights to, p numbers. */
  anchor: Float64Array;
  /** `H⁻¹ ∂E/∂w`, p numbers. */
  adjoint: Float64Array;
  /** The logarithms of m penalties. */
  lambda: Float64Array;
  /** Which penalty each weight has, p whole numbers; −1 for none. */
  group: Int32Array;
  /** `∂E/∂λ`, m numbers. */
  outerLambda: Float64Array;
}

type Hypergradient = (given: Penalised) => Float64Array;

/** `direct + factor Σ e(λ_k) · pair(w_j − pull c_j, q_j)` over the weights j of each group k. */
function assembled(
  { w, anchor, adjoint, lambda, group, outerLambda }: Penalised,
  {
    pull = 1,
    direct = 1,
    factor = -1,
    weight = Math.exp as (lambda: number) => number,
    pair = (wj: number, vj: number) => wj * vj,
    mean = false,
  } = {},
): Float64Array {
  const sums = new Float64Array(lambda.length);
  const counts = new Float64Array(lambda.length);
  group.forEach((k, j) => {
    if (k < 0) return;
    sums[k]! += pair(w[j]! - pull * anchor[j]!, adjoint[j]!);
    counts[k]! += 1;
  });
  return outerLambda.map((value, k) => {
    const sum = mean ? sums[k]! / Math.max(1, counts[k]!) : sums[k]!;
    return direct * value + factor * weight(lambda[k]!) * sum;
  });
}

function penalised(seed: number, group: number[], m: number): Penalised {
  return {
    w: randomVector(seed, group.length),
    anchor: randomVector(seed + 4, group.length),
    adjoint: randomVector(seed + 1, group.length),
    lambda: randomVector(seed + 2, m, 0.7).map((x) => x - 0.5),
    group: Int32Array.from(group),
    outerLambda: randomVector(seed + 3, m),
  };
}

export const exercise: Exercise<Hypergradient> = {
  id: 'mixed-01',
  lesson: '10',
  title: 'The mixed product of penalties that pull to an anchor',
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
      name: 'the anchor is forgotten',
      answer: (given) => assembled(given, { pull: 0 }),
      diagnosis:
        'The penalty is taken for one that pulls to 0, as in the lesson: $w_j q_j$. Here it pulls weight $j$ to `anchor[j]`, and $\\nabla_w f$ contains $e^\\lambda (w_j - c_j)$.',
    },
    {
      name: 'the sign of the anchor',
      answer: (given) => assembled(given, { pull: -1 }),
      diagnosis:
        'It is $w_j + c_j$ that is paired with the adjoint. The penalty is that of the distance, $w_j - c_j$.',
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
      name: 'the penalty of another weight',
      answer: (given) => {
        const result = given.outerLambda.slice();
        given.group.forEach((k, j) => {
          if (k < 0) return;
          const theta = given.lambda[j % given.lambda.length]!;
          result[k]! -= Math.exp(theta) * (given.w[j]! - given.anchor[j]!) * given.adjoint[j]!;
        });
        return result;
      },
      diagnosis:
        'The penalties are read in the order of the weights, entry $j$ for weight $j$. Weight $j$ has the penalty `group[j]`.',
    },
    {
      name: 'the index of the weight for that of the penalty',
      answer: (given) => {
        const result = given.outerLambda.slice();
        given.group.forEach((k, j) => {
          if (k >= 0) {
            result[k]! -=
              Math.exp(given.lambda[j] as number) *
              (given.w[j]! - given.anchor[j]!) *
              given.adjoint[j]!;
          }
        });
        return result;
      },
      diagnosis:
        '`lambda[j]` is read, with the index of the *weight*. There are fewer penalties than weights, and beyond the end of the array it is `undefined`, which makes NaN. Weight $j$ has the penalty `group[j]`.',
    },
    {
      name: 'the last weight of a group instead of the sum',
      answer: (given) => {
        const result = given.outerLambda.slice();
        given.group.forEach((k, j) => {
          if (k >= 0) {
            result[k] =
              given.outerLambda[k]! -
              Math.exp(given.lambda[k]!) * (given.w[j]! - given.anchor[j]!) * given.adjoint[j]!;
          }
        });
        return result;
      },
      diagnosis:
        'Each weight of a group overwrites what the one before has left: `=` where `-=` belongs. The effects of one penalty on all of its weights add up.',
    },
    {
      name: 'the last weight of a group, without the direct term',
      answer: (given) => {
        const result = given.outerLambda.slice();
        given.group.forEach((k, j) => {
          if (k >= 0)
            result[k] =
              -Math.exp(given.lambda[k]!) * (given.w[j]! - given.anchor[j]!) * given.adjoint[j]!;
        });
        return result;
      },
      diagnosis:
        'Each weight overwrites what was there, the direct term and the weights before: `=` where `-=` belongs.',
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
        'The implicit part is added. $\\mathrm dE/\\mathrm d\\lambda = \\partial_\\lambda E - B^\\top q$: a stronger penalty pulls the weights to their anchors.',
    },
    {
      name: 'the direct term is missing',
      answer: (given) => assembled(given, { direct: 0 }),
      diagnosis:
        'Only the way through the weights is there. Here $E$ depends on $\\lambda$ itself, too: that is `outerLambda`.',
    },
    {
      name: 'the derivative of f instead of its gradient',
      answer: (given) => assembled(given, { factor: -0.5, pair: (wj) => wj * wj }),
      diagnosis:
        'That is $\\partial f/\\partial\\lambda = \\frac12 e^\\lambda \\sum (w - c)^2$. What is wanted is how the *gradient* $\\nabla_w f$ depends on $\\lambda$, paired with the adjoint: one factor $w - c$ becomes $q$, and the $\\frac12$ goes.',
    },
    {
      name: 'a factor of one half',
      answer: (given) => assembled(given, { factor: -0.5 }),
      diagnosis:
        'The implicit part is half as large as it should be. The $\\frac12$ of $\\frac12 e^\\lambda (w - c)^2$ is gone once it has been differentiated with respect to $w$.',
    },
    {
      name: 'the mean over a group',
      answer: (given) => assembled(given, { mean: true }),
      diagnosis:
        'The weights of a group are averaged. One $\\lambda$ acts on all of them: in the chain rule its effects *add up*. (In reverse mode, sharing forwards is summing backwards.)',
    },
  ],
  alternatives: [
    {
      name: 'B formed as a matrix',
      answer({ w, anchor, adjoint, lambda, group, outerLambda }) {
        const B = Array.from(w, (wj, j) =>
          Array.from(lambda, (t, k) => (group[j] === k ? Math.exp(t) * (wj - anchor[j]!) : 0)),
        );
        return Array.from(
          outerLambda,
          (direct, k) => direct - B.reduce((sum, row, j) => sum + row[k]! * adjoint[j]!, 0),
        );
      },
    },
    {
      name: 'a difference of ∂f/∂λ along the adjoint',
      answer({ w, anchor, adjoint, lambda, group, outerLambda }) {
        const slope = (at: (j: number) => number) =>
          lambda.map((t, k) =>
            w.reduce(
              (sum, _, j) =>
                sum + (group[j] === k ? (Math.exp(t) * (at(j) - anchor[j]!) ** 2) / 2 : 0),
              0,
            ),
          );
        const plus = slope((j) => w[j]! + adjoint[j]!);
        const minus = slope((j) => w[j]! - adjoint[j]!);
        return outerLambda.map((direct, k) => direct - (plus[k]! - minus[k]!) / 2);
      },
    },
    {
      name: 'asynchronous, one group after the other',
      async answer({ w, anchor, adjoint, lambda, group, outerLambda }) {
        const result = outerLambda.slice();
        for (const [k, t] of lambda.entries()) {
          const members = [...group.keys()].filter((j) => group[j] === k);
          result[k]! -=
            Math.exp(t) * members.reduce((sum, j) => sum + (w[j]! - anchor[j]!) * adjoint[j]!, 0);
        }
        return result;
      },
    },
  ],
  hints: [
    'Write down $\\partial f/\\partial w_j$ first, then see in which entries $\\lambda_k$ occurs. $B^\\top q$ is the derivative with respect to $\\lambda$ of the number $\\sum_j q_j\\, \\partial f/\\partial w_j$.',
    '$\\partial f/\\partial w_j = \\partial\\ell/\\partial w_j + e^{\\lambda_{k(j)}} (w_j - c_j)$, so $(B^\\top q)_k = e^{\\lambda_k} \\sum_{j:\\,k(j) = k} (w_j - c_j)\\, q_j$, and $\\mathrm dE/\\mathrm d\\lambda_k = \\partial E/\\partial\\lambda_k - (B^\\top q)_k$.',
    'Start from the direct term and let each weight subtract its share:\n```ts\nconst result = outerLambda.slice();\ngroup.forEach((k, j) => {\n  if (k >= 0) result[k] -= // the share of weight j\n});\nreturn result;\n```',
  ],
};
