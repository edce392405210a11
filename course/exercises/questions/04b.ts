import type { Question } from './question';

const root = Math.sqrt(400);

export const questions: readonly Question[] = [
  {
    id: '04b-a',
    kind: 'number',
    text: 'A system has the condition number $\\kappa = 400$. What is $\\rho$ in the bound $2\\rho^k$ of conjugate gradients?',
    answer: () => (root - 1) / (root + 1),
    tolerance: 0.003,
    mistakes: [
      {
        value: () => (400 - 1) / (400 + 1),
        diagnosis:
          'That is $(\\kappa - 1)/(\\kappa + 1)$, the rate of gradient descent with the best constant step. Conjugate gradients have the square root of $\\kappa$ there.',
      },
      {
        value: () => 1 - 1 / root,
        diagnosis:
          'Nearly: $1 - 1/\\sqrt\\kappa$ is the rate of an accelerated gradient method. The Chebyshev polynomial does a little better.',
      },
    ],
    explanation:
      '$\\rho = (\\sqrt\\kappa - 1)/(\\sqrt\\kappa + 1) = 19/21 \\approx 0.905$. To gain a factor of 1000 takes at most about $\\ln 2000/\\ln(21/19) \\approx 76$ products; gradient descent with rate $399/401$ takes some 1400.',
  },
  {
    id: '04b-b',
    kind: 'number',
    text: 'A batch has $n = 20$ examples, the network $C = 10$ outputs and $p = 10^6$ weights. How many unknowns has the system that Woodbury solves for $(I + \\delta J^\\top S J)^{-1} g$?',
    answer: () => 20 * 10,
    mistakes: [
      {
        value: () => 20,
        diagnosis: 'Each example has $C$ outputs, and $J$ has a row for each of them.',
      },
      {
        value: () => 1e6,
        diagnosis:
          'That is the size of the system before. The matrix differs from $I$ by something of low rank: of which rank at most?',
      },
      {
        value: () => 10,
        diagnosis: 'Those are the outputs of one example. The batch has $n$ of them.',
      },
    ],
    explanation:
      '$J$ has $nC = 200$ rows, so the rank of $J^\\top S J$ is at most 200, and a 200 × 200 system is enough. (For a softmax each example loses one: 180.) It pays as long as $nC$ is small: forming the matrix takes $nC$ pairs of products, solving about $(nC)^3/3$ multiplications.',
  },
];
